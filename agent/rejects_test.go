package agent_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/harness"
	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

func (s *setup) rejects(tb testing.TB, streams ...string) (keys []string) {
	tb.Helper()
	err := agent.Rejects(tb.Context(), s.config, streams, func(r record.Reject) error {
		if (r.Reason == "") == (r.Repaired == "") || r.Bytes == 0 || r.FirstSeen.IsZero() || r.LastSeen.Before(r.FirstSeen) {
			tb.Errorf("reject %+v", r)
		}
		keys = append(keys, r.Key)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

// Rejects are asked for by key, more than fit one question or one look; what is
// good now goes in and leaves the list, what is not stays, and no position moves.
func TestRetryRejects(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		const at, many = "2025-03-01T12:00:00Z", 1100
		put := func(key, city string) {
			_ = s.source.Remove(simulator.Property, key) // none at first
			text := fmt.Sprintf(`{"ListingKey":%q,"ModificationTimestamp":%q,"City":%q}`, key, at, city)
			if city == "" {
				text = fmt.Sprintf(`{"ListingKey":%q,"ModificationTimestamp":"2025-03-01T24:00:00Z"}`, key)
			}
			if err := s.source.AddRaw(simulator.Property, key, at, "", []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		good := []string{agent.VOWProperty}
		for i := range many {
			if i%3 == 0 { // with good ones between, or the run would stop at a thousand
				put(fmt.Sprintf("BAD%04d-good", i), "Ajax")
			}
			put(fmt.Sprintf("BAD%04d", i), "")
		}
		s.mustSync(t)
		if n := len(s.rejects(t, good...)); n != many {
			t.Fatalf("%d rejects, want %d", n, many)
		}
		if n := len(s.rejects(t, agent.Media)); n != 0 {
			t.Errorf("%d rejects of photos", n)
		}
		before, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for i := range many - 2 {
			put(fmt.Sprintf("BAD%04d", i), "Ajax")
		}
		a, err := agent.Open(t.Context(), s.config)
		if err != nil {
			t.Fatal(err)
		}
		done, err := a.RetryRejects(t.Context(), nil)
		if err := errors.Join(err, a.Close()); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(done, func(r agent.Retried) bool { return r.Stream == agent.VOWProperty })
		if i < 0 || done[i].Asked != many || done[i].Left != 2 {
			t.Errorf("retried %+v", done)
		}
		if keys := s.rejects(t, good...); !slices.Equal(keys, []string{"BAD1098", "BAD1099"}) {
			t.Errorf("left are %v", keys)
		}
		after, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for i := range before.Streams {
			if b, c := before.Streams[i].Position, after.Streams[i].Position; b != nil && (b.Timestamp != c.Timestamp || b.Key != c.Key) {
				t.Errorf("%s moved from %v to %v", before.Streams[i].Name, b, c)
			}
		}
		if n := db.Count(t, "property", "listing_key LIKE 'BAD%'"); n != many-2+(many+2)/3 {
			t.Errorf("%d rows", n)
		}
	})
}
