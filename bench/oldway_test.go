package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

// oldWayVariable makes the test binary the old service: the value is the
// source's address, the database's and the schema, by spaces.
const oldWayVariable = "BENCH_OLD_WAY"

// oldWay runs the way of the old service: one page after another, each parsed as
// a whole into maps, rows written by INSERT of 100 rows with ON CONFLICT.
func (b *bench) oldWay(tb testing.TB, s *harness.Source, schema string) result {
	tb.Helper()
	s.ResetRequests()
	before := b.wal(tb)
	cmd := exec.CommandContext(tb.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), oldWayVariable+"="+s.URL+" "+b.url+" "+schema)
	r := observe(tb, cmd, s)
	r.wal, r.rows, r.fetched = b.wal(tb)-before, int64(s.Counters().Rows), s.Counters().Bytes
	return r
}

func oldWayMain() int {
	parts := strings.Fields(os.Getenv(oldWayVariable))
	o := oldService{source: parts[0], schema: parts[2]}
	if err := o.run(context.Background(), parts[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

type oldService struct {
	source, schema string
	conn           *pgx.Conn
	keys           map[string]bool
}

func (o *oldService) run(ctx context.Context, database string) (err error) {
	if o.conn, err = pgx.Connect(ctx, database); err != nil {
		return err
	}
	defer o.conn.Close(ctx)
	o.keys = make(map[string]bool)
	streams := catalog.All()
	if err := o.stream(ctx, streams.Find("vow_property").Shape(), 5000, ""); err != nil {
		return err
	}
	return o.stream(ctx, streams.Find("media").Shape(), 2000, "ResourceName eq 'Property' and ")
}

func (o *oldService) stream(ctx context.Context, shape *record.Shape, top int, filter string) error {
	at, key := "1970-01-01T00:00:00Z", "0"
	for {
		page, err := o.page(ctx, shape, top, fmt.Sprintf("%s(%s gt %s or (%s eq %s and %s gt '%s'))",
			filter, shape.Timestamp, at, shape.Timestamp, at, shape.Key, key))
		if err != nil || len(page) == 0 {
			return err
		}
		for i := 0; i < len(page); i += 100 {
			if err := o.insert(ctx, shape, page[i:min(i+100, len(page))]); err != nil {
				return err
			}
		}
		last := page[len(page)-1]
		at, key = fmt.Sprint(last[shape.Timestamp]), fmt.Sprint(last[shape.Key])
	}
}

func (o *oldService) page(ctx context.Context, shape *record.Shape, top int, filter string) ([]map[string]any, error) {
	query := fmt.Sprintf("$filter=%s&$orderby=%s,%s&$top=%d", strings.ReplaceAll(url.QueryEscape(filter), "+", "%20"), shape.Timestamp, shape.Key, top)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.source+"/"+shape.Resource+"?"+query, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+simulator.DefaultVOWToken)
	request.Header.Set("User-Agent", "old-service")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d: %.200s", response.StatusCode, body)
	}
	var answer struct {
		Value []map[string]any `json:"value"`
	}
	return answer.Value, json.Unmarshal(body, &answer)
}

// insert writes rows as the old service did, with the same columns as the agent.
func (o *oldService) insert(ctx context.Context, shape *record.Shape, page []map[string]any) error {
	names := shape.KeyColumns()
	for _, c := range shape.Columns {
		names = append(names, c.Name)
	}
	names = append(names, "record_timestamp", "record", "record_hash")
	var sets, tuples []string
	for _, n := range names {
		sets = append(sets, n+" = excluded."+n)
	}
	var args []any
	for _, r := range page {
		key := fmt.Sprint(r[shape.Key])
		row := []any{key}
		if shape.Parent != "" {
			parent := fmt.Sprint(r[shape.Parent])
			if !o.keys[parent] {
				continue
			}
			row = []any{parent, key}
		} else {
			o.keys[key] = true
		}
		for _, c := range shape.Columns {
			row = append(row, value(c, r[c.Field]))
		}
		for name, v := range r {
			if v == nil {
				delete(r, name)
			}
		}
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		row = append(row, fmt.Sprint(r[shape.Timestamp]), string(text), int64(0))
		places := make([]string, len(row))
		for i := range row {
			args = append(args, row[i])
			places[i] = fmt.Sprintf("$%d", len(args))
		}
		tuples = append(tuples, "("+strings.Join(places, ",")+")")
	}
	if len(tuples) == 0 {
		return nil
	}
	_, err := o.conn.Exec(ctx, fmt.Sprintf("INSERT INTO %s.%s (%s) VALUES %s ON CONFLICT (%s) DO UPDATE SET %s", o.schema, shape.Table,
		strings.Join(names, ","), strings.Join(tuples, ","), strings.Join(shape.KeyColumns(), ","), strings.Join(sets, ",")), args...)
	return err
}

// value gives a column what it takes.
func value(c record.Column, v any) any {
	if v == nil {
		return nil
	}
	switch n := v.(type) {
	case float64:
		if c.Kind == record.Integer {
			return int64(n)
		}
		if c.Kind == record.Number {
			return n
		}
	case bool:
		if c.Kind == record.Boolean {
			return n
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	converted, ok := c.Convert(text)
	if !ok || !converted.Valid {
		return nil
	}
	return converted.Text
}
