package console

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"resoagent/agent"
)

// lull is the least time between two reports about the batches of a stream. A source
// that sends a hundred rows at a time would fill a log otherwise.
const lull = 2 * time.Second

// spot is a batch of a pass.
type spot struct{ window, page int }

// heldBatch is a batch that is told of together with others.
type heldBatch struct {
	spot
	from           string
	records, again int
	stored         *agent.PageStored // nil: not yet
}

// settled reports whether all is known of it: what was read again and brought nothing
// is never stored.
func (h *heldBatch) settled() bool { return h.stored != nil || (h.records > 0 && h.records == h.again) }

// reports are the lines about the batches of one stream. A batch that begins when
// nothing was told for a while is told of as it goes on; those that follow at once are
// told of together.
type reports struct {
	feed string
	open map[spot]bool
	held []*heldBatch
	last time.Time // when a report began

	refused     *agent.RecordsRefused // further ones since refusedLast, added up
	refusedTo   int                   // the last batch
	refusedLast time.Time
	timer       *time.Timer
}

func (t *Text) reportsOf(stream string) *reports {
	r := t.reports[stream]
	if r == nil {
		r = &reports{open: make(map[spot]bool)}
		t.reports[stream] = r
	}
	return r
}

func (t *Text) pageStarted(e agent.PageStarted) {
	if e.Again {
		return
	}
	r, at := t.reportsOf(e.Stream), spot{e.Window, e.Page}
	r.feed = e.Feed
	if len(r.held) > 0 || time.Since(r.last) < lull {
		r.held = append(r.held, &heldBatch{spot: at, from: e.From})
		return
	}
	r.open[at], r.last = true, time.Now()
	t.fetching(e.Stream, e.Feed, batch(e.Window, e.Page), e.From)
}

func (t *Text) pageFetched(e agent.PageFetched) {
	r, at := t.reportsOf(e.Stream), spot{e.Window, e.Page}
	i := slices.IndexFunc(r.held, func(h *heldBatch) bool { return h.spot == at })
	switch {
	case e.Records == 0:
		if i >= 0 {
			r.held = slices.Delete(r.held, i, i+1)
		}
		if !e.Again && (r.open[at] || e.Window == 0) { // it is asked for twice, and said once
			t.batch("📭 %s: no further %s", batch(e.Window, e.Page), t.streams.Of(e.Stream).Noun)
		}
		delete(r.open, at)
	case i >= 0:
		r.held[i].records, r.held[i].again = e.Records, e.ReadAgain
		t.due(e.Stream, r)
	case r.open[at]:
		t.fetched(e.Stream, batch(e.Window, e.Page), e.Records, e.ReadAgain)
	}
}

func (t *Text) pageStored(e agent.PageStored) {
	r, at := t.reportsOf(e.Stream), spot{e.Window, e.Page}
	if r.open[at] {
		delete(r.open, at)
		t.storedPage(batch(e.Window, e.Page), e)
		return
	}
	i := slices.IndexFunc(r.held, func(h *heldBatch) bool { return h.spot == at })
	if i < 0 {
		i = len(r.held)
		r.held = append(r.held, &heldBatch{spot: at})
	}
	r.held[i].stored = &e
	t.due(e.Stream, r)
}

// refused tells of rejects, and of further ones that follow at once together.
func (t *Text) refused(e agent.RecordsRefused) {
	r := t.reportsOf(e.Stream)
	if r.refused == nil && time.Since(r.refusedLast) >= lull {
		r.refusedLast = time.Now()
		t.line("❌ %s, batch %d, database batch %d: %s rejected, key %s to %s: %s",
			e.Stream, e.Page, e.Batch, plural(int64(e.Count), "record"), e.First, e.Last, oneLine(e.Reason))
		return
	}
	if r.refused == nil {
		r.refused, r.refusedTo = &e, e.Page
	} else {
		r.refused.Count, r.refused.Last = r.refused.Count+e.Count, e.Last
	}
	r.refusedTo = max(r.refusedTo, e.Page)
	t.due(e.Stream, r)
}

// due sees to it that what is held is told when its time has come.
func (t *Text) due(stream string, r *reports) {
	if r.timer != nil {
		return
	}
	since := r.last
	if r.refused != nil && r.refusedLast.Before(since) {
		since = r.refusedLast
	}
	r.timer = time.AfterFunc(max(0, lull-time.Since(since)), func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if r.timer != nil {
			t.tell(stream, r)
		}
	})
}

// tellAll tells everything that is held, of a stream or, for "", of all.
func (t *Text) tellAll(stream string) {
	for _, name := range t.streams.Names() {
		if r := t.reports[name]; r != nil && (stream == "" || stream == name) {
			t.tell(name, r)
		}
	}
}

// tell reports what is held and known.
func (t *Text) tell(stream string, r *reports) {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	if e := r.refused; e != nil {
		t.line("❌ %s, %s: %s rejected, key %s to %s; the first: %s", stream, lower(e.Page, r.refusedTo), plural(int64(e.Count), "record"),
			e.First, e.Last, oneLine(e.Reason))
		r.refused, r.refusedLast = nil, time.Now()
	}
	var now, later []*heldBatch
	for _, h := range r.held {
		if h.settled() {
			now = append(now, h)
		} else {
			later = append(later, h)
		}
	}
	if len(now) == 0 {
		return
	}
	r.held, r.last = later, time.Now()
	name := nameOf(now)
	sum, fetched, again, stored := agent.PageStored{Stream: stream}, 0, 0, false
	for _, h := range now {
		fetched, again = fetched+h.records, again+h.again
		if s := h.stored; s != nil {
			sum.Processed, sum.Successful = sum.Processed+s.Processed, sum.Successful+s.Successful
			sum.Failed, sum.Skipped = sum.Failed+s.Failed, sum.Skipped+s.Skipped
			stored = true
			if s.Done >= sum.Done {
				sum.Done, sum.Total, sum.SkippedInAll = s.Done, s.Total, s.SkippedInAll
			}
		}
	}
	t.fetching(stream, r.feed, name, now[0].from)
	t.fetched(stream, name, fetched, again)
	if stored {
		t.storedPage(name, sum)
	}
}

// nameOf names batches that are told of together.
func nameOf(all []*heldBatch) string {
	if len(all) == 1 {
		return batch(all[0].window, all[0].page)
	}
	byWindow := func(a, b *heldBatch) int { return cmp.Compare(a.window, b.window) }
	byPage := func(a, b *heldBatch) int { return cmp.Compare(a.page, b.page) }
	first, last := slices.MinFunc(all, byWindow).window, slices.MaxFunc(all, byWindow).window
	if first != last {
		return fmt.Sprintf("Windows %d-%d, %d batches", first, last, len(all))
	}
	pages := fmt.Sprintf("atches %d-%d", slices.MinFunc(all, byPage).page, slices.MaxFunc(all, byPage).page)
	if first > 0 {
		return fmt.Sprintf("Window %d, b%s", first, pages)
	}
	return "B" + pages
}

// lower names a span of batches within a sentence.
func lower(first, last int) string {
	if first >= last {
		return fmt.Sprintf("batch %d", first)
	}
	return fmt.Sprintf("batches %d-%d", first, last)
}
