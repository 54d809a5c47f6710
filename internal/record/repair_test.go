package record

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

const good = `"MediaKey":"m","MediaModificationTimestamp":"2024-01-01T00:00:00Z","ResourceRecordKey":"W"`

// What no database holds is replaced or left out, wherever it stands, and said.
func TestRepair(t *testing.T) {
	const (
		utf8   = "bytes that are not UTF-8 replaced by U+FFFD"
		halves = "halves of surrogate pairs replaced by U+FFFD"
		nuls   = "NUL characters left out"
	)
	for _, test := range []struct{ name, text, want, said string }{
		{"NUL", `"X":"a\u0000b"`, `"X":"ab"`, "X: " + nuls},
		{"NULs alone", `"X":"\u0000\u0000"`, `"X":""`, "X: " + nuls},
		{"escaped backslash", `"X":"a\\u0000"`, `"X":"a\\u0000"`, ""},
		{"escaped backslash, then NUL", `"X":"a\\\u0000"`, `"X":"a\\"`, "X: " + nuls},
		{"no new escape is made", `"X":"\\\u0000u0000\u0000"`, `"X":"\\u0000"`, "X: " + nuls},
		{"high half", `"X":"\uD800x"`, `"X":"` + "\uFFFD" + `x"`, "X: " + halves},
		{"low half", `"X":"\udc00"`, `"X":"` + "\uFFFD" + `"`, "X: " + halves},
		{"two high halves and a low one", `"X":"\ud83d\ud83d\ude00"`, `"X":"` + "\uFFFD" + `\ud83d\ude00"`, "X: " + halves},
		{"halves do not meet", `"X":"\ud83d\u0000\ude00"`, `"X":"` + "\uFFFD\uFFFD" + `"`, "X: " + halves + ", " + nuls},
		{"a pair", `"X":"\ud83d\ude00 \\ud800 \\"`, `"X":"\ud83d\ude00 \\ud800 \\"`, ""},
		{"Latin-1", "\"X\":\"Montr\xe9al\"", `"X":"Montr` + "\uFFFD" + `al"`, "X: " + utf8},
		{"a character that is cut", "\"X\":\"\xe2\x82\"", `"X":"` + "\uFFFD\uFFFD" + `"`, "X: " + utf8},
		{"bytes do not meet", "\"X\":\"\xc3\\u0000\xa9\"", `"X":"` + "\uFFFD\uFFFD" + `"`, "X: " + utf8 + ", " + nuls},
		{"a surrogate in UTF-8", "\"X\":\"\xed\xa0\x80\"", `"X":"` + "\uFFFD\uFFFD\uFFFD" + `"`, "X: " + utf8},
		{"U+FFFD of the source", `"X":"` + "\uFFFD" + `"`, `"X":"` + "\uFFFD" + `"`, ""},
		{"deep", `"X":[{"a":["\u0000b"]}],"Y":1`, `"X":[{"a":["b"]}],"Y":1`, "X: " + nuls},
		{"in a list", `"X":["a\u0000", "b"]`, `"X":["a","b"]`, "X: " + nuls},
		{"a name", `"a\u0000b":1`, `"ab":1`, "ab: " + nuls},
		{"a name inside", `"X":{"a\ud800":1}`, `"X":{"a` + "\uFFFD" + `":1}`, "X: " + halves},
		{"a name that becomes another's", `"ab":2,"a\u0000b":1,"c":3`, `"ab":1,"c":3`, "ab: " + nuls},
		{"a null field", "\"X\":null,\"\\u0000\":null", ``, ""},
		{"gone again", `"X":"\u0000","X":"a"`, `"X":"a"`, ""},
		{
			"many", `"A":"\u0000","B":"\u0000","C":"\u0000","D":"\u0000","E":"\u0000","F":"\u0000","G":"\u0000"`,
			`"A":"","B":"","C":"","D":"","E":"","F":"","G":""`, "A, B, C, D, E, and others: " + nuls,
		},
		{"soft delete", `"MediaStatus":"Del\u0000eted"`, `"MediaStatus":"Deleted"`, "MediaStatus: " + nuls},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.TrimSuffix("{"+good+","+test.text, ",") + "}"
			want := strings.TrimSuffix("{"+good+","+test.want, ",") + "}"
			r := read(t, media(), text)
			if r.Reason != "" || r.Key != "m" {
				t.Fatalf("rejected: %s", r.Reason)
			}
			if diff := cmp.Diff(want, string(r.JSON)); diff != "" {
				t.Errorf("JSON (-want +got):\n%s", diff)
			}
			if r.Repaired != test.said {
				t.Errorf("said %q, want %q", r.Repaired, test.said)
			}
			if kept := string(r.Original) == text; kept != (test.said != "") {
				t.Errorf("original kept: %t", kept)
			}
			if clean := read(t, media(), string(r.JSON)); clean.Hash != r.Hash || clean.Repaired != "" || !reflect.DeepEqual(clean.Values, r.Values) || clean.Deleted != r.Deleted {
				t.Errorf("the repaired form is read as %+v, the record was %+v", clean, r)
			}
		})
	}
}

// The columns see the repaired form too.
func TestRepairedColumn(t *testing.T) {
	r := read(t, media(), "{"+good+",\"ImageSizeDescription\":\"Lar\\u0000gest\xff\"}")
	for i, c := range media().Columns {
		if c.Name == "image_size_description" && r.Values[i] != (Value{"Largest\uFFFD", true}) {
			t.Errorf("%+v", r.Values[i])
		}
	}
}

// Of members that occur twice the last one counts, as in jsonb: in the JSON, the
// columns, key, parent and timestamp, at every depth, however its name is spelled,
// and also where it is null.
func TestLastMemberCounts(t *testing.T) {
	many := func(first, last string) string {
		var b strings.Builder
		b.WriteString(first)
		for c := 'a'; c <= 'z'; c++ {
			b.WriteString(`"` + string(c) + `":[1,2],`)
		}
		return b.String() + last
	}
	for _, test := range []struct{ name, text, want string }{
		{"twice", `"Order":1,"X":2,"Order":3`, `"X":2,"Order":3`},
		{"null at last", `"Order":1,"X":2,"Order":null`, `"X":2`},
		{"null at first", `"Order":null,"X":2,"Order":1`, `"X":2,"Order":1`},
		{"three times", `"Order":1,"Order":null,"Order":2`, `"Order":2`},
		{"all of it", `"Order":1,"Order":1`, `"Order":1`},
		{"spelled otherwise", `"Order":1,"\u004frder":2`, `"Order":2`},
		{"spelled otherwise at first", `"\u004frder":1,"Order":2`, `"Order":2`},
		{"spelled otherwise alone", `"\u004frder":1`, `"Order":1`},
		{"an escaped slash", `"a\/b":1,"a/b":2`, `"a/b":2`},
		{"a quote", `"a\"b":1,"a\u0022b":2`, `"a\"b":2`},
		{"inside", `"X":{"a":1,"b":2,"a":3}`, `"X":{"b":2,"a":3}`},
		{"inside, null", `"X":{"a":1,"a":null}`, `"X":{"a":null}`},
		{"in a list", `"X":[{"a":1,"a":{"b":1,"b":2}}]`, `"X":[{"a":{"b":2}}]`},
		{"inside what goes", `"X":{"a":1,"a":2},"X":[{"a":1,"a":2}],"X":{"b":[],"c":{"d":1,"d":2},"b":0}`, `"X":{"c":{"d":2},"b":0}`},
		{"among many", many(`"Order":1,`, `"Order":2`), many("", `"Order":2`)},
		{"inside, among many", `"X":{` + many(`"q":1,`, `"y":2`) + `}`, `"X":{` + strings.Replace(many("", ""), `"y":[1,2],`, "", 1) + `"y":2}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := read(t, media(), "{"+good+","+test.text+"}")
			if diff := cmp.Diff("{"+good+","+test.want+"}", string(r.JSON)); diff != "" {
				t.Errorf("JSON (-want +got):\n%s", diff)
			}
			if clean := read(t, media(), string(r.JSON)); r.Repaired != "" || !reflect.DeepEqual(clean.Values, r.Values) || clean.Hash != r.Hash {
				t.Errorf("%+v, and of the form without repeats %+v", r, clean)
			}
		})
	}
	r := read(t, media(), `{"MediaKey":"1","ResourceRecordKey":"1","MediaModificationTimestamp":"2020-01-01T00:00:00Z","MediaStatus":"Deleted",`+
		`"MediaKey":"2","ResourceRecordKey":"2","MediaModificationTimestamp":"2021-01-01T00:00:00Z","MediaStatus":"Active"}`)
	if r.Key != "2" || r.Parent != "2" || r.Timestamp != "2021-01-01T00:00:00Z" || r.Deleted || r.Reason != "" {
		t.Errorf("%+v", r)
	}
	if r := read(t, media(), `{`+good+`,"MediaKey":null}`); r.Reason != "no MediaKey" {
		t.Errorf("reason %q of a key that is null at last", r.Reason)
	}
}

// A reader that has read other records before reads like a new one.
func TestReaderForgets(t *testing.T) {
	texts := []string{
		`{` + good + `,"A":1,"B":2}`, `{` + good + `,"B":1,"A":2}`, `{"B":1,` + good + `}`, `{` + good + `,"A":1,"B":2,"A":3}`, `{` + good + `,"A":1,"B":2}`,
		`{` + good + `,"A":"\u0000"}`, `{"MediaKey":"\u0000"}`, `{` + good + `}`, `{}`, `{` + good + `,"A":1,"X":{"a":1,"a":2}}`, `{` + good + `,"X":{"a":2}}`,
	}
	var many strings.Builder
	for i := range 3 * maxNames {
		many.WriteString(`,"N` + strings.Repeat("n", i%300) + string(rune('A'+i%26)) + strings.Repeat("m", i/300) + `":1`)
	}
	texts = append(texts, `{`+good+many.String()+`}`)
	texts = append(texts, texts...)
	reader := media().NewReader()
	for _, text := range texts {
		r, err := reader.Read(jsontext.NewDecoder(strings.NewReader(text), DecodeOptions()...))
		if err != nil {
			t.Fatal(err)
		}
		if want := read(t, media(), text); !reflect.DeepEqual(r, want) {
			t.Errorf("%.200s is read as %+v by a used reader, as %+v by a new one", text, r, want)
		}
	}
}

// More members than any record has are no record: each costs more memory than bytes.
func TestTooManyMembers(t *testing.T) {
	reader := media().NewReader()
	for _, text := range []string{
		`{` + good + `,` + strings.Repeat(`"":0,`, 200_000) + `"a":1}`, `{` + good + `,"X":{` + strings.Repeat(`"":0,`, 200_000) + `"a":1}}`,
		`{` + good + strings.Repeat(`,"x":{"a":0,"b":0`, 3) + strings.Repeat(`,"":0`, 100_000) + strings.Repeat(`}`, 3) + `}`,
	} {
		r, err := reader.Read(jsontext.NewDecoder(strings.NewReader(text), DecodeOptions()...))
		if err != nil || r.Reason != "more than 100000 members" || string(r.JSON) != text {
			t.Errorf("reason %q, %v", r.Reason, err)
		}
	}
	many := `{` + good + `,"X":[` + strings.Repeat(`{"a":0,"a":1},`, 100_000) + `{}]}`
	r, err := reader.Read(jsontext.NewDecoder(strings.NewReader(many), DecodeOptions()...))
	if err != nil || r.Reason != "" || len(r.JSON) != len(many)-100_000*len(`"a":0,`) {
		t.Errorf("reason %q, %v, %d bytes", r.Reason, err, len(r.JSON))
	}
}

func TestEscapeNUL(t *testing.T) {
	for text, want := range map[string]string{
		"\"a\"": "\"a\"", "\"a\x00b\x00\"": `"a\u0000b\u0000"`, "\"\\\\\x00\"": `"\\\u0000"`, "\"\\\x00\"": "\"\\\x00\"",
	} {
		if got := string(EscapeNUL([]byte(text))); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// FuzzRepair: what is kept of any record is what encoding/json makes of it: the
// same members, U+FFFD in the same places, and no NUL.
func FuzzRepair(f *testing.F) {
	for _, text := range []string{
		`{"a":"\u0000","b":[{"a":1,"a":"\ud800\udc00\ud800"}],"\u0061":null}`, "{\"a\xff\":\"\xe2\x82\",\"a\":{\"\":0,\"\":{}}}", `{"\\u0000":"\\\u0000"}`,
	} {
		f.Add([]byte(text))
	}
	s := listing()
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := s.Read(jsontext.NewDecoder(strings.NewReader(string(text)), DecodeOptions()...))
		if err != nil || len(r.JSON) == 0 || r.JSON[0] != '{' || strings.HasPrefix(r.Reason, "ListingKey holds") || strings.HasPrefix(r.Reason, "ModificationTimestamp holds") {
			return
		}
		object, _ := new(rewriter).record(firstObject(t, text))
		if !storable(object) || !jsontext.Value(object).IsValid() {
			t.Fatalf("%q is rewritten to %q", text, object)
		}
		if r.Repaired != "" && (!storable(r.JSON) || !jsontext.Value(r.JSON).IsValid()) {
			t.Errorf("%q is kept as %q", text, r.JSON)
		}
		var want, got any
		if json.Unmarshal(object, &got) != nil || json.Unmarshal(firstObject(t, text), &want) != nil {
			return // numbers that no float holds
		}
		collide := false
		if want = withoutNUL(want, &collide); !collide && !reflect.DeepEqual(want, got) {
			t.Errorf("%q is rewritten to %q", text, object)
		}
	})
}

func firstObject(t *testing.T, text []byte) []byte {
	t.Helper()
	raw, err := jsontext.NewDecoder(strings.NewReader(string(text)), DecodeOptions()...).ReadValue()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// withoutNUL takes the character out of all texts. collide: two names have become
// the same.
func withoutNUL(v any, collide *bool) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "\x00", "")
	case []any:
		for i := range v {
			v[i] = withoutNUL(v[i], collide)
		}
	case map[string]any:
		out := make(map[string]any)
		for name, value := range v {
			out[strings.ReplaceAll(name, "\x00", "")] = withoutNUL(value, collide)
		}
		*collide = *collide || len(out) < len(v)
		return out
	}
	return v
}
