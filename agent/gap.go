package agent

import (
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// missing is how many records a gap has.
func missing(g *checkpoint.Gap) int64 {
	if g == nil {
		return 0
	}
	return g.Records
}

// wider adds records that are missing in a span to a gap.
func wider(g *checkpoint.Gap, records int64, from, before string) *checkpoint.Gap {
	if records == 0 {
		return g
	}
	if g == nil {
		return &checkpoint.Gap{Records: records, From: from, Before: before}
	}
	all := *g
	all.Records += records
	if from == "" || all.From != "" && earlier(from, all.From) {
		all.From = from
	}
	if earlier(all.Before, before) {
		all.Before = before
	}
	return &all
}

// less is a gap of its own with so many records less.
func less(g *checkpoint.Gap, records int64) *checkpoint.Gap {
	if missing(g) <= records {
		return nil
	}
	rest := *g
	rest.Records -= records
	return &rest
}

// earlier compares timestamps of the agent's own.
func earlier(a, b string) bool {
	x, errX := record.ParseTimestamp(a)
	y, errY := record.ParseTimestamp(b)
	return errX == nil && errY == nil && x.Before(y)
}

// settleGap makes what a pass lacks the stream's gap. A gap of before is closed by
// a pass that has read all of its span again, and that is short of nothing there.
func settleGap(s *checkpoint.Stream, short shortfall, now time.Time) {
	p := s.Pass
	if p.Span == nil || !short.counted {
		s.Checked, s.Suspect = "", 0
		return
	}
	// What the last pass lacked too is not on its way any more.
	still := min(s.Suspect, short.young)
	s.Checked, s.Suspect = p.Span.Old, short.young
	found := p.Gap
	if short.whole {
		found = nil
	}
	found = wider(found, short.records, p.Span.From, p.Span.Old)
	if p.Forced && (short.whole || found == nil) {
		// All of it was walked, by time and, where that was not enough, by key.
		s.Miscount, found = missing(found), nil
	} else {
		found = wider(found, still, p.Span.Old, p.Span.Before)
		found = less(found, s.Miscount)
	}
	found = wider(found, short.unlisted, "", p.Span.Before)
	if found = less(found, 0); found != nil {
		found.Since = now.UTC()
	}
	old := s.Gap
	switch covered := old == nil || p.From == "" || !earlier(old.From, p.From) && old.From != "" && !earlier(p.Span.Before, old.Before); {
	case found == nil && covered:
		s.Gap = nil
	case found == nil:
	case covered:
		if old != nil {
			found.Since = old.Since
		}
		s.Gap = found
	default:
		// Some of it may be the same records.
		both := *old
		both.Records = max(old.Records, found.Records)
		if earlier(both.Before, found.Before) {
			both.Before = found.Before
		}
		s.Gap = &both
	}
}
