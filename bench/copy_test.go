package bench

import (
	"bytes"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"

	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/postgres"
	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

// load are the rows of a stream's table.
type load struct {
	shape   *record.Shape
	entries []record.Entry
}

// rows are the records of a stream as typed rows in memory, in the source's order:
// all that COPY has to do is to send them. Children are those of the VOW feed.
func rows(tb testing.TB, s *harness.Source, stream string) load {
	tb.Helper()
	shape, feed := catalog.All().Find(stream).Shape(), simulator.VOW
	if stream == "idx_property" {
		feed = simulator.IDX
	}
	var entries []record.Entry
	err := s.Each(feed, shape.Resource, func(row simulator.Row) error {
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
	return load{shape, entries}
}

// copyPlain loads the rows by one COPY for each table, over one connection.
func (b *bench) copyPlain(tb testing.TB, schema string, loads ...load) result {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), b.url)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(tb.Context())
	var n int64
	before, cpu, begun := b.wal(tb), usage(), time.Now()
	for _, l := range loads {
		columns, source := postgres.CopyRows(l.shape, l.entries)
		if _, err := conn.CopyFrom(tb.Context(), pgx.Identifier{schema, l.shape.Table}, columns, source); err != nil {
			tb.Fatal(err)
		}
		n += int64(len(l.entries))
	}
	return result{took: time.Since(begun), rows: n, cpu: usage() - cpu, wal: b.wal(tb) - before}
}

// usage is the CPU time of this process.
func usage() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
