package record_test

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"resoagent/internal/catalog"
	"resoagent/internal/record"
)

func BenchmarkRead(b *testing.B) {
	shape := catalog.All().Find("vow_property").Shape()
	var text strings.Builder
	text.WriteString(`{"ListingKey":"W1","ModificationTimestamp":"2024-01-01T00:00:00Z","PublicRemarks":"A house \"by the lake\""`)
	for _, c := range shape.Columns {
		text.WriteString(`,"` + c.Field + `x":null,"` + c.Field + `y":[],"` + c.Field + `":"12"`)
	}
	text.WriteString(`}`)
	r := shape.NewReader()
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Read(jsontext.NewDecoder(strings.NewReader(text.String()), record.DecodeOptions()...)); err != nil {
			b.Fatal(err)
		}
	}
}
