package record

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

func read(tb testing.TB, s *Shape, text string) Record {
	tb.Helper()
	r, err := s.Read(jsontext.NewDecoder(strings.NewReader(text), DecodeOptions()...))
	if err != nil {
		tb.Fatalf("read %s: %v", text, err)
	}
	return r
}

func TestRead(t *testing.T) {
	r := read(t, media(), `{"MediaKey": "m1", "LongDescription":null,"ResourceRecordKey":"W1","Order":3.0,`+
		`"MediaModificationTimestamp":"2024-05-06T07:08:09.12345Z", "Permission":[null,"a"], "Nested":{"a":null},"MediaURL":null}`)
	want := `{"MediaKey":"m1","ResourceRecordKey":"W1","Order":3.0,"MediaModificationTimestamp":"2024-05-06T07:08:09.12345Z",` +
		`"Permission":[null,"a"],"Nested":{"a":null}}`
	if diff := cmp.Diff(want, string(r.JSON)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	if r.Key != "m1" || r.Parent != "W1" || r.Timestamp != "2024-05-06T07:08:09.12345Z" || r.Deleted || r.Reason != "" {
		t.Errorf("record %+v", r)
	}
	if !r.Time.Equal(time.Date(2024, 5, 6, 7, 8, 9, 123450000, time.UTC)) {
		t.Errorf("time %s", r.Time)
	}
	for i, c := range media().Columns {
		switch v := r.Values[i]; c.Name {
		case "media_order":
			if (v != Value{"3", true}) {
				t.Errorf("order %+v", v)
			}
		default:
			if v.Valid {
				t.Errorf("%s is %+v, want null", c.Name, v)
			}
		}
	}
}

// The hash tells records apart by content, not by their nulls.
func TestHash(t *testing.T) {
	const head = `{"ListingKey":"W1","ModificationTimestamp":"2024-01-01T00:00:00Z"`
	a, b, c := read(t, listing(), head+`,"City":"A"}`), read(t, listing(), head+`,"City":"A","Town":null}`), read(t, listing(), head+`,"City":"B"}`)
	if a.Hash != b.Hash || a.Hash == c.Hash {
		t.Errorf("hashes %d, %d, %d", a.Hash, b.Hash, c.Hash)
	}
	// Frozen: a change of the hash rewrites every row of every user, and wants
	// a new hashVersion and a word in the change log.
	if a.Hash != 7758280348093359926 {
		t.Errorf("the hash of a known record is now %d", a.Hash)
	}
}

func TestRejects(t *testing.T) {
	long := strings.Repeat("k", 513)
	for _, test := range []struct{ name, text, reason, key string }{
		{"not an object", `["a"]`, "not a JSON object", ""},
		{"null", `null`, "not a JSON object", ""},
		{"no key", `{"MediaModificationTimestamp":"2024-01-01T00:00:00Z","ResourceRecordKey":"W"}`, "no MediaKey", ""},
		{"null key", `{"MediaKey":null,"MediaModificationTimestamp":"2024-01-01T00:00:00Z","ResourceRecordKey":"W"}`, "no MediaKey", ""},
		{"long key", `{"MediaKey":"` + long + `","MediaModificationTimestamp":"2024-01-01T00:00:00Z","ResourceRecordKey":"W"}`, "MediaKey is longer than 512 bytes", ""},
		{"no timestamp", `{"MediaKey":"m","ResourceRecordKey":"W"}`, "", "m"},
		{"null timestamp", `{"MediaKey":"m","MediaModificationTimestamp":null,"ResourceRecordKey":"W"}`, "", "m"},
		{"no text as timestamp", `{"MediaKey":"m","MediaModificationTimestamp":{"a":1},"ResourceRecordKey":"W"}`, `MediaModificationTimestamp is not a timestamp: "{\"a\":1}"`, "m"},
		{"bad timestamp", `{"MediaKey":"m","MediaModificationTimestamp":"soon","ResourceRecordKey":"W"}`, `MediaModificationTimestamp is not a timestamp: "soon"`, "m"},
		{"no parent", `{"MediaKey":"m","MediaModificationTimestamp":"2024-01-01T00:00:00Z"}`, "no ResourceRecordKey", "m"},
		{"deleted without parent", `{"MediaKey":"m","MediaStatus":"Deleted","MediaModificationTimestamp":"2024-01-01T00:00:00Z"}`, "no ResourceRecordKey", "m"},
		{"NUL in the key", `{"MediaKey":"m\u0000","MediaModificationTimestamp":"2024-01-01T00:00:00Z","ResourceRecordKey":"W"}`, `MediaKey holds a NUL character (\u0000)`, ""},
		{"NUL in the key's name", `{"Media\u0000Key":"m","MediaModificationTimestamp":"2024-01-01T00:00:00Z","ResourceRecordKey":"W"}`, `MediaKey holds a NUL character (\u0000)`, ""},
		{"half a pair in the parent", `{"MediaKey":"m","MediaModificationTimestamp":"2024-01-01T00:00:00Z","ResourceRecordKey":"W\ud800"}`, "ResourceRecordKey holds half of a surrogate pair", "m"},
		{"bad UTF-8 in the timestamp", "{\"MediaKey\":\"m\",\"MediaModificationTimestamp\":\"2024-01-01T00:00:00\xffZ\",\"ResourceRecordKey\":\"W\"}", "MediaModificationTimestamp holds bytes that are not UTF-8", "m"},
		{"what is repaired, without a key", `{"X":"\u0000","MediaModificationTimestamp":"2024-01-01T00:00:00Z","ResourceRecordKey":"W"}`, "no MediaKey", ""},
		{"a pair", `{"MediaKey":"m","X":"\ud83d\ude00 \\ud800 \\","MediaModificationTimestamp":"2024-01-01T00:00:00Z","ResourceRecordKey":"W"}`, "", "m"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := read(t, media(), test.text)
			if r.Reason != test.reason || r.Key != test.key || r.Repaired != "" {
				t.Errorf("reason %q, key %q, repaired %q; want %q, %q", r.Reason, r.Key, r.Repaired, test.reason, test.key)
			}
			if test.key == "" && !strings.HasPrefix(r.RejectKey(), "sha256:") {
				t.Errorf("reject key %q", r.RejectKey())
			}
		})
	}
}

// A rejected record with a timestamp is still a place to resume from.
func TestRejectKeepsItsPlace(t *testing.T) {
	r := read(t, media(), `{"MediaKey":"m\u0000","MediaModificationTimestamp":"2024-01-01T00:00:00Z","ResourceRecordKey":"W"}`)
	if r.Reason == "" || r.Time.IsZero() {
		t.Errorf("reason %q, time %s; want both", r.Reason, r.Time)
	}
}

func TestReadBrokenPage(t *testing.T) {
	for _, text := range []string{``, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":tru}`, `{"a":"x`} {
		_, err := media().Read(jsontext.NewDecoder(strings.NewReader(text), DecodeOptions()...))
		if err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestConvert(t *testing.T) {
	null, none := Value{}, Value{Text: "unfit"}
	for _, test := range []struct {
		kind Kind
		json string
		want Value
	}{
		{Text, `"a\"b"`, Value{`a"b`, true}},
		{Text, `""`, Value{"", true}},
		{Text, `12.50`, Value{"12.50", true}},
		{Text, `true`, Value{"true", true}},
		{Text, `["a"]`, none},
		{Integer, `3`, Value{"3", true}},
		{Integer, `3.0`, Value{"3", true}},
		{Integer, `2.0E7`, Value{"20000000", true}},
		{Integer, `"4"`, Value{"4", true}},
		{Integer, `" 4 "`, Value{"4", true}},
		{Integer, `""`, null},
		{Integer, `1.5`, none},
		{Integer, `9223372036854775807`, Value{"9223372036854775807", true}},
		{Integer, `1e40`, none},
		{Integer, `true`, none},
		{Number, `149900.0`, Value{"149900.0", true}},
		{Number, `2.0E7`, Value{"2.0E7", true}},
		{Number, `"1200.50"`, Value{"1200.50", true}},
		{Number, `1e400`, none},
		{Number, `"NaN"`, none},
		{Number, `"0x10p1"`, none},
		{Number, `"1_000"`, none},
		{Number, `"1e-400"`, none},
		{Number, `"0E-10"`, Value{"0", true}},
		{Number, `"0e-999999999"`, Value{"0", true}},
		{Number, `0.` + strings.Repeat("7", 398), Value{"0." + strings.Repeat("7", 398), true}},
		{Number, `0.` + strings.Repeat("7", 399), none},
		{Integer, `"0x10p1"`, none},
		{Integer, `"1_000"`, none},
		{Word, `"Toronto E03"`, Value{"Toronto E03", true}},
		{Word, `"` + strings.Repeat("w", 512) + `"`, Value{strings.Repeat("w", 512), true}},
		{Word, `"` + strings.Repeat("w", 513) + `"`, none},
		{Boolean, `true`, Value{"true", true}},
		{Boolean, `"N"`, Value{"false", true}},
		{Boolean, `0`, Value{"false", true}},
		{Boolean, `""`, null},
		{Boolean, `"maybe"`, none},
		{Date, `"2024-02-29"`, Value{"2024-02-29", true}},
		{Date, `"2024-02-29T10:00:00Z"`, Value{"2024-02-29", true}},
		{Date, `"2023-02-29"`, none},
		{Date, `"0000-01-01"`, none},
		{Date, `20240229`, none},
		{Timestamp, `"2024-02-29T10:00:00.5-05:00"`, Value{"2024-02-29T15:00:00.500000Z", true}},
		{Timestamp, `"infinity"`, none},
		{Timestamp, `"10000-01-01T00:00:00Z"`, none},
	} {
		v, ok := Column{Kind: test.kind}.Convert(jsontext.Value(test.json))
		if !ok {
			v = none
		}
		if v != test.want {
			t.Errorf("%s as kind %d: %+v, want %+v", test.json, test.kind, v, test.want)
		}
	}
}

func TestParseTimestamp(t *testing.T) {
	at := func(nanos int) time.Time { return time.Date(2024, 1, 2, 3, 4, 5, nanos, time.UTC) }
	last := time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	for text, want := range map[string]time.Time{
		"2024-01-02T03:04:05Z":                               at(0),
		"2024-01-02T03:04:05.1Z":                             at(100_000_000),
		"2024-01-02T03:04:05.123456Z":                        at(123_456_000),
		"2024-01-02T03:04:05.1234567Z":                       at(123_456_700),
		"2024-01-02T03:04:05.1234567891234Z":                 at(123_456_789),
		"2024-01-01T22:04:05-05:00":                          at(0),
		"2024-01-02T03:04:05.5":                              at(500_000_000),
		"2024-01-02T03:04:05":                                at(0),
		"2024-01-02t03:04:05z":                               at(0),
		"2024-01-02T03:04Z":                                  at(-5_000_000_000),
		"2024-01-02t03:04z":                                  at(-5_000_000_000),
		"2024-01-02T03:04":                                   at(-5_000_000_000),
		"2024-01-02T08:34+05:30":                             at(-5_000_000_000),
		"2024-01-02T03:04:05.12345678901234567890123456789Z": at(123_456_789),
		"2024-01-02T03:04:05-00:00":                          at(0),
		"2024-01-03T03:03:05+23:59":                          at(0),
		// What no table could sort is the first or the last moment there is.
		"0000-02-29T00:00:00Z":                     {},
		"-0044-03-15T12:00:00Z":                    {},
		"-12024-02-29T12:00:00Z":                   {},
		"0001-01-01T00:00:00+01:00":                {},
		"0001-01-01T00:00:00Z":                     {},
		"10000-01-01T00:00:00Z":                    last,
		"9999-12-31T23:59:59-01:00":                last,
		"12024-02-29T00:00Z":                       last,
		strings.Repeat("4", 400) + "-02-29T00:00Z": last,
	} {
		got, err := ParseTimestamp(text)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "-", "2024-01-02", "now", "2024-13-01T00:00:00Z", "2024-01-02T03:04:05Z ", "2024-01-02T03:04:05.Z", "2024-01-02T03Z", "2024-01-02T03:04:Z",
		"2024-01-02T03:04.5Z", "2023-02-29T00:00Z", "2100-02-29T00:00Z", "12023-02-29T00:00Z", "2024-04-31T00:00Z", "2024-01-00T00:00Z", "024-01-02T03:04Z",
		"02024-01-02T03:04Z", "+2024-01-02T03:04Z", "2024-01-02 03:04Z", "2024-01-02T24:00Z", "2024-01-02T03:60Z", "2024-01-02T03:04:60Z", "2024-01-02T3:04Z",
		"2024-01-02T03:04+24:00", "2024-01-02T03:04+05:60", "2024-01-02T03:04+0500", "2024-01-02T03:04+05", "2024-01-02T03:04zZ", "2024-01-02T03:04\u2212" + "05:00",
	} {
		if _, err := ParseTimestamp(text); !errors.Is(err, ErrTimestamp) {
			t.Errorf("%q: %v, want ErrTimestamp", text, err)
		}
	}
	if got := NextSecond(at(999_999_999)); got != "2024-01-02T03:04:06Z" {
		t.Errorf("next second %s", got)
	}
}

func TestSorted(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2024, 1, 1, 0, 0, s, 0, time.UTC) }
	g := Group{Batches: []Batch{{Records: []Record{
		{Parent: "b", Key: "1", Time: at(1)},
		{Parent: "a", Key: "2", Time: at(1)},
		{Parent: "a", Key: "2", Time: at(3), Hash: 3},
	}}, {Outcome: Outcome{Written: 7}, Records: []Record{
		{Parent: "a", Key: "2", Time: at(2)},
		{Parent: "a", Key: "1", Time: at(1), Deleted: true},
		{Key: "bad", Reason: "bad"},
		{Parent: "c", Key: "1", Time: at(1), Refused: "refused the last time"},
	}}}}
	store, remove := g.Sorted()
	if len(store) != 3 || store[0].Hash != 3 || store[1].Parent != "b" || store[2].Refused != "" || len(remove) != 1 {
		t.Errorf("store %+v, remove %+v", store, remove)
	}
	if want := (Outcome{Older: 1}); g.Batches[0].Outcome != want {
		t.Errorf("the first batch: %+v, want %+v", g.Batches[0].Outcome, want)
	}
	if want := (Outcome{Older: 1, Failed: 1}); g.Batches[1].Outcome != want {
		t.Errorf("the second batch: %+v, want %+v", g.Batches[1].Outcome, want)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"ListingKey":"W1","ModificationTimestamp":"2024-01-01T00:00:00Z","ListPrice":2.0E7,"X":null}`))
	f.Add([]byte(`{"ListingKey":"\ud800","ListingKey":3,"a\u0000":[{}]}`))
	s := listing()
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := s.Read(jsontext.NewDecoder(strings.NewReader(string(text)), DecodeOptions()...))
		if err != nil {
			return
		}
		if r.Reason == "" && (r.Key == "" || !jsontext.Value(r.JSON).IsValid(jsontext.AllowDuplicateNames(true))) {
			t.Errorf("a record that can be stored: %+v, %s", r, r.JSON)
		}
	})
}

func FuzzParseTimestamp(f *testing.F) {
	f.Add("2024-01-02T03:04:05.1234567891234Z")
	f.Add("2024-01-02T03:04:05+05:00")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := ParseTimestamp(text)
		if err != nil || at.Year() < 1 || at.Year() > 9998 {
			return
		}
		next, err := ParseTimestamp(NextSecond(at))
		if err != nil || !next.After(at) || next.Sub(at) > time.Second {
			t.Errorf("%q is %s, and the next second %s, %v", text, at, next, err)
		}
	})
}
