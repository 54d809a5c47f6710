package simulator

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// millionMedia has about a million photos of 50,000 listings.
func millionMedia() Options {
	return Options{Seed: 1, Properties: 50_000, MediaPerListing: 20, RoomsPerListing: -1, OpenHousesPerListing: -1}
}

func BenchmarkNewMillionMedia(b *testing.B) {
	for b.Loop() {
		s, err := New(millionMedia())
		if err != nil {
			b.Fatal(err)
		}
		f := s.currentFaults()
		s.order(s.tables[Media], columnStamp, &f)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-live")
		b.ReportMetric(float64(m.Sys)/1e6, "MB-sys")
		b.ReportMetric(float64(s.Count(VOW, Media)), "rows")
		runtime.KeepAlive(s)
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) WriteHeader(int)             {}
func (d discard) Write(b []byte) (int, error) { return io.Discard.Write(b) }

func BenchmarkPage(b *testing.B) {
	s, err := New(millionMedia())
	if err != nil {
		b.Fatal(err)
	}
	const at, key = "2025-03-01T00:00:00Z", "7"
	for _, test := range []struct{ name, resource, stamp, key, more string }{
		{"Media2000", Media, "MediaModificationTimestamp", "MediaKey", "&$top=2000"},
		{"Media2000Property", Media, "MediaModificationTimestamp", "MediaKey", "%20and%20ResourceName%20eq%20'Property'&$top=2000"},
		{"Media2000Count", Media, "MediaModificationTimestamp", "MediaKey", "&$top=2000&$count=true"},
		{"MediaCountUncached", Media, "MediaModificationTimestamp", "MediaKey", "&$top=0&$count=true"},
		{"Property1000", Property, "ModificationTimestamp", "ListingKey", "&$top=1000"},
	} {
		for _, encoding := range []string{"plain", "gzip"} {
			b.Run(test.name+"/"+encoding, func(b *testing.B) {
				filter := fmt.Sprintf("(%[1]s gt %[3]s or (%[1]s eq %[3]s and %[2]s gt '%[4]s'))", test.stamp, test.key, at, key)
				r := httptest.NewRequest(http.MethodGet, "/odata/"+test.resource, nil)
				r.URL.RawQuery = "$orderby=" + test.stamp + "," + test.key + "&$filter=" + strings.ReplaceAll(filter, " ", "%20") + test.more
				r.Header.Set("Authorization", "Bearer "+DefaultIDXToken)
				r.Header.Set("Accept-Encoding", encoding)
				s.ServeHTTP(discard{http.Header{}}, r)
				for b.Loop() {
					if strings.HasSuffix(test.name, "Uncached") {
						clear(s.counts)
					}
					s.ServeHTTP(discard{http.Header{}}, r)
				}
			})
		}
	}
}
