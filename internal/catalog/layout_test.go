package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"resoagent/internal/record"
	"resoagent/migrations"
)

// The layout has each stream's table, the views of the listings, and the photos'.
func TestLayout(t *testing.T) {
	l := All().Layout()
	for i, s := range all() {
		table := l.Tables[i]
		if table.Name != s.Table || !slices.Equal(table.Key, s.Shape().KeyColumns()) || len(table.Columns) != len(s.Columns) || len(table.Indexes) != len(s.Indexes) {
			t.Errorf("%s has the table %+v", s.Name, table)
		}
		for j, c := range table.Columns {
			if c.Name != s.Columns[j].Name || c.Type != s.Columns[j].Kind.Type() {
				t.Errorf("%s.%s is %+v in the layout", s.Table, s.Columns[j].Name, c)
			}
		}
		for _, index := range table.Indexes {
			if !strings.HasPrefix(index.Name, "agent_"+s.Table+"_") {
				t.Errorf("%s has the index %s", s.Table, index.Name)
			}
		}
	}
	want := []migrations.View{
		{Name: "idx_listing", Table: "idx_property", Tail: []string{"record_timestamp AS modification_timestamp", "record"}},
		{Name: "vow_listing", Table: "vow_property", Tail: []string{"record_timestamp AS modification_timestamp", "record"}},
		{Name: "property", Table: "idx_property", Tail: []string{"record_timestamp", "record_hash", "record"}, Chosen: true},
		{Name: "listing_photo"},
		{Name: "idx_photo", Barrier: true},
	}
	if diff := cmp.Diff(want, l.Views); diff != "" {
		t.Errorf("views (-want +got):\n%s", diff)
	}
}

// odd are values that some kind does not take, or takes in another form than they
// are written in.
func odd() []string {
	return []string{
		`1`, `3.0`, `2.0E7`, `-0.0`, `1.50`, `1e15`, `9223372036854775807`, `9223372036854775808`, `1e308`, `true`, `false`, `null`,
		`""`, `" "`, `"n/a"`, `"12"`, `" 1200.50 "`, `"\t7\r\n"`, `"-5"`, `".5"`, `"5."`, `"1e"`, `"007"`, `"1E2"`, `"1e999"`, `"0e-10"`, `"1,200"`,
		`"NaN"`, `"inf"`, `"0x1F"`, `"1_000"`, `"٣"`, `"Y"`, `" No "`, `"TRUE"`, `"0"`, `["a"]`, `[]`, `{"a":1}`, `[{"a":null,"a":2}]`,
		`"a\"b\\c\u00e9\ud83d\ude00"`, `"\u0000a"`, `"\ud800"`, "\"\xff\"",
		`"2024-02-29"`, `"2023-02-29"`, `"0000-01-01"`, `"9999-12-31"`, `20240229`, `"infinity"`, `"2024-02-29T10:00:00Z"`, `"2024-02-29T10:00:00.5-05:00"`,
		`"2024-02-29T23:59:59.9999999Z"`, `"2024-02-29T24:00:00Z"`, `"2024-02-29T10:00"`, `"0001-01-01T00:00:00+01:00"`, `"9999-12-31T23:59:59-01:00"`,
		`"` + strings.Repeat("long ", 2000) + `"`, `"` + strings.Repeat("9", 500) + `"`,
	}
}

// What is read out of a stored record is what a sync has put into its columns,
// in the form that both dialects take.
func TestTypedIsWhatASyncStores(t *testing.T) {
	l := All().Layout()
	for i, s := range all() {
		shape, typed := s.Shape(), l.Tables[i].Typed
		reader := shape.NewReader()
		for _, value := range odd() {
			var b strings.Builder
			fmt.Fprintf(&b, `{%q:"k",%q:"2024-01-01T00:00:00Z"`, s.Key, s.Timestamp)
			if s.Child() {
				fmt.Fprintf(&b, `,%q:"p"`, s.Parent)
			}
			for _, c := range s.Columns {
				if c.Field != s.Timestamp {
					fmt.Fprintf(&b, `,%q:%s`, c.Field, value)
				}
			}
			b.WriteString("}")
			r, err := reader.Read(jsontext.NewDecoder(strings.NewReader(b.String()), record.DecodeOptions()...))
			if err != nil || r.Reason != "" {
				t.Fatalf("%s, %.80s: %q, %v", s.Name, value, r.Reason, err)
			}
			var want []*string
			for j, v := range r.Values {
				var text *string
				if v.Valid {
					plain := v.Plain(s.Columns[j].Kind)
					text = &plain
				}
				want = append(want, text)
			}
			got, err := typed(r.JSON)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s, %.80s: %v (-want +got):\n%s", s.Name, value, err, diff)
			}
		}
		// A record that is not one costs its columns; what is no JSON is an error.
		if got, err := typed([]byte(`["a"]`)); err != nil || len(got) != len(s.Columns) || slices.ContainsFunc(got, func(v *string) bool { return v != nil }) {
			t.Errorf("%s: %v, %v", s.Name, got, err)
		}
		if _, err := typed([]byte(`{"a`)); err == nil {
			t.Errorf("%s: half a record is read", s.Name)
		}
	}
}
