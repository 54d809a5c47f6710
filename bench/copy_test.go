package bench

import (
	"bytes"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"

	"resoagent/internal/harness"
	"resoagent/internal/postgres"
	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

// rows are the records of a feed as typed rows in memory, in the source's order:
// all that COPY has to do is to send them.
func rows(tb testing.TB, s *harness.Source, shape *record.Shape) []record.Entry {
	tb.Helper()
	var entries []record.Entry
	err := s.Each(simulator.VOW, shape.Resource, func(row simulator.Row) error {
		r, err := shape.Read(jsontext.NewDecoder(bytes.NewReader(row.JSON), record.DecodeOptions()...))
		if err != nil {
			return err
		}
		if shape.Parent == "" || slices.Contains(r.Values, record.Value{Text: "Property", Valid: true}) {
			r.JSON = bytes.Clone(r.JSON)
			entries = append(entries, record.Entry{Record: &r})
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return entries
}

// copyPlain loads the rows by one COPY for each table, over one connection. feed
// is that of the listings.
func (b *bench) copyPlain(tb testing.TB, schema, feed string, property, media []record.Entry) result {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), b.url)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(tb.Context())
	before, cpu, begun := b.wal(tb), usage(), time.Now()
	for _, load := range []struct {
		shape   *record.Shape
		feed    string
		entries []record.Entry
	}{{record.Property(), feed, property}, {record.Media(), "", media}} {
		columns, source := postgres.CopyRows(load.shape, load.feed, load.entries)
		if _, err := conn.CopyFrom(tb.Context(), pgx.Identifier{schema, load.shape.Table}, columns, source); err != nil {
			tb.Fatal(err)
		}
	}
	return result{
		took: time.Since(begun), rows: int64(len(property) + len(media)), cpu: usage() - cpu, wal: b.wal(tb) - before,
	}
}

// usage is the CPU time of this process.
func usage() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
