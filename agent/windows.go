package agent

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// A pass that has much before it is cut into closed windows of whole seconds,
// which are read side by side: a source that needs two seconds for a page is
// asked for several at a time. Each window has a place of its own in the pass,
// and ends only when the source counts nothing more in it. A window that is done
// becomes part of the pass when all before it are, so the stream's position
// never claims what has not been read. The windows end a little before now;
// what lies behind them is walked at last, by the pass alone. That is also
// where everything turns up that changes in the meantime: a photo that is
// deleted while a window still has it in hand is removed after that window has
// written it.

const (
	// leastWindow is how many pages a window has at least: its end costs three
	// requests.
	leastWindow = 4
	// mostWindow is how many records it has at most: sources have limits at
	// 100,000, and its count is an estimate.
	mostWindow = 90_000
	// windowsEach is how many windows there are for each that is read at a time. They
	// are equally large, so that the last ones end together.
	windowsEach = 2
	// mostCuts bounds how often a span is divided further.
	mostCuts = 8
	// nearest is how far before now the last window ends at least.
	nearest = time.Minute
)

// part is a span of time and how many records the source counts in it.
type part struct {
	from, before time.Time
	first        bool // begins where the pass stands
	records      int64
}

// cut divides what a pass has before it, or gives nothing where that is not
// worth it or the source does not count.
func (a *Agent) cut(ctx context.Context, st *standing, left int64, retry *retrier) ([]checkpoint.Window, error) {
	n := howMany(left, int64(a.config.Parallel), int64(leastWindow*st.stream.sizes.Page))
	if n < 2 || st.state.Pass.Second {
		return nil, nil
	}
	c := &cutter{agent: a, st: st, number: n, target: left / n}
	first, ok, err := c.first(ctx, retry)
	end := a.present().Add(-max(a.config.Lookback, nearest)).Truncate(time.Second)
	if err != nil || !ok || !first.Before(end) {
		return nil, err
	}
	parts := []part{{from: first.Truncate(time.Second), before: end, first: true, records: left}}
	for range mostCuts {
		next, changed, err := c.divide(ctx, parts)
		if err != nil || next == nil {
			return nil, err
		}
		if parts = next; !changed {
			break
		}
	}
	return c.windows(parts), nil
}

// howMany is the number of windows for so many records: a full round or more for
// those that are read at a time, or as many as there can be.
func howMany(records, parallel, least int64) int64 {
	if parallel < 2 {
		return 1
	}
	n := max(windowsEach*parallel, (records+mostWindow-1)/mostWindow)
	n = (n + parallel - 1) / parallel * parallel
	return min(n, records/least)
}

type cutter struct {
	agent  *Agent
	st     *standing
	number int64 // of windows
	target int64 // records of each
}

// first finds the time of the first record before the pass.
func (c *cutter) first(ctx context.Context, retry *retrier) (at time.Time, ok bool, err error) {
	s := c.st.stream
	q := record.Query{
		Shape: s.shape, Feed: s.feed, Filter: s.filter, After: record.Cursor(c.st.state.Pass.Cursor), Top: 1,
	}
	for {
		_, err := c.agent.source.Page(ctx, q, func(r record.Record) error {
			if !ok { // a source may send more than was asked for
				at, ok = r.Time, !r.Time.IsZero()
			}
			return nil
		})
		if err == nil || isAbsent(err) { // which is told by who reads the pages
			return at, ok, nil
		}
		if err := retry.pause(ctx, err); err != nil {
			return at, false, err
		}
	}
}

// divide cuts the parts that are too large into parts of equal time and counts
// those; nil: the source does not count.
func (c *cutter) divide(ctx context.Context, parts []part) (next []part, changed bool, err error) {
	var fresh []int
	for _, p := range parts {
		seconds := int64(p.before.Sub(p.from) / time.Second)
		n := min((p.records+c.target-1)/c.target, seconds)
		if p.records <= 2*c.target || n < 2 {
			next = append(next, p)
			continue
		}
		changed = true
		for i := range n {
			x := part{
				from:   p.from.Add(time.Duration(seconds*i/n) * time.Second),
				before: p.from.Add(time.Duration(seconds*(i+1)/n) * time.Second),
				first:  p.first && i == 0,
			}
			fresh = append(fresh, len(next))
			next = append(next, x)
		}
	}
	counts := make([]func(context.Context) error, len(fresh))
	counted := make([]bool, len(fresh))
	for i, at := range fresh {
		counts[i] = func(ctx context.Context) (err error) {
			next[at].records, counted[i], err = c.count(ctx, next[at])
			return err
		}
	}
	if err := together(ctx, c.agent.config.Parallel, counts); err != nil {
		return nil, false, err
	}
	if slices.Contains(counted, false) {
		return nil, false, nil
	}
	return next, changed, nil
}

func (c *cutter) count(ctx context.Context, p part) (n int64, ok bool, err error) {
	s := c.st.stream
	q := record.Query{Shape: s.shape, Feed: s.feed, Filter: s.filter, All: true, Before: record.WholeSecond(p.before)}
	if p.first {
		q.All, q.After = false, record.Cursor(c.st.state.Pass.Cursor)
	} else {
		q.From = record.WholeSecond(p.from)
	}
	return countWithRetry(ctx, c.agent.source, q, newRetrier("source, "+s.name, c.agent.config.RetryFor, c.agent.observe))
}

// windows draws the borders so that each window has as many records, as far as the
// counts tell: between two counts the records are taken to be spread evenly.
func (c *cutter) windows(parts []part) (windows []checkpoint.Window) {
	var all int64
	for _, p := range parts {
		all += p.records
	}
	n := c.number
	p := c.st.state.Pass
	w := checkpoint.Window{Place: checkpoint.Place{Cursor: p.Cursor, Came: p.Came + p.Young + p.Later}}
	end := func(at time.Time) {
		if w.Before = record.WholeSecond(at); w.Before == w.From {
			return // no time between two borders
		}
		windows = append(windows, w)
		w = checkpoint.Window{From: w.Before}
	}
	var seen int64
	border := int64(1)
	for _, p := range parts {
		for ; border < n && seen+p.records >= all*border/n; border++ {
			share := float64(all*border/n-seen) / float64(max(p.records, 1))
			at := p.from.Add(time.Duration(share * float64(p.before.Sub(p.from)))).Truncate(time.Second)
			if at.After(parts[0].from) {
				end(at)
			}
		}
		seen += p.records
	}
	end(parts[len(parts)-1].before)
	if len(windows) < 2 {
		return nil
	}
	return windows
}

// sideBySide walks the windows of a pass, several at a time and in the order of
// time. The first that fails stops the others, which save what they have.
func (a *Agent) sideBySide(ctx context.Context, l *ledger, p *passWork) error {
	windows, span := slices.Clone(l.st.state.Pass.Windows), l.st.state.Pass.Span
	lanes := min(a.config.Parallel, len(windows))
	walks := make([]func(context.Context) error, 0, len(windows))
	for i := range windows {
		if windows[i].Done {
			continue
		}
		walks = append(walks, func(ctx context.Context) error { return a.walkWindow(ctx, l, p, i+1, windows[i], span, lanes) })
	}
	return together(ctx, lanes, walks)
}

func (a *Agent) walkWindow(ctx context.Context, l *ledger, p *passWork, number int, x checkpoint.Window, span *checkpoint.Span, lanes int) error {
	f, w := a.fetcher(l.stream, x.Place, a.retrier(l.stream)), a.writer(l, p.runID)
	f.full, f.againUntil, f.window = true, p.againUntil, number
	f.bounds = boundsOf(x.From, x.Before)
	w.window, w.limit, w.fresh, w.forced = number, maxGroupBytes/lanes, p.fresh, p.forced
	w.place = func(s *checkpoint.Stream) *checkpoint.Place { return &findWindow(s, x.Before).Place }
	var short shortfall
	if span != nil {
		c := check{agent: a, ledger: l, fetch: f, write: w, retry: a.retrier(l.stream), forced: p.forced, full: p.full, known: p.miscount}
		c.span = checkpoint.Span{From: cmp.Or(x.From, span.From), Before: x.Before} // the first one begins where the pass does
		w.check = func(ctx, write context.Context) (err error) { short, err = c.run(ctx, write); return err }
	}
	w.end = func(s *checkpoint.Stream) error { return endWindow(s, x.Before, short) }
	err := a.walk(ctx, f, w)
	p.add(f, w)
	return err
}

// findWindow finds a window by its end, which no two share.
func findWindow(s *checkpoint.Stream, before string) *checkpoint.Window {
	i := slices.IndexFunc(s.Pass.Windows, func(w checkpoint.Window) bool { return w.Before == before })
	return &s.Pass.Windows[i]
}

// endWindow marks a window as done and makes those at the front that are done
// part of the pass.
func endWindow(s *checkpoint.Stream, before string, short shortfall) error {
	w := findWindow(s, before)
	w.Done, w.Gap = true, short.records
	p := s.Pass
	if !short.counted {
		p.Span = nil // what is not counted in part adds up to nothing
	}
	for len(p.Windows) > 0 && p.Windows[0].Done {
		done := p.Windows[0]
		pages := p.Page + done.Page
		if done.Cursor.Timestamp != "" {
			p.Place = done.Place
		}
		p.Page, p.Batch, p.PageRows, p.PageDone = pages, 0, 0, true
		p.Came, p.Young, p.Later = 0, 0, 0 // what lies behind is held against a span of its own
		if p.Span != nil {
			p.Gap = wider(p.Gap, done.Gap, cmp.Or(done.From, p.Span.From), done.Before)
			p.Span = &checkpoint.Span{From: done.Before}
		}
		p.Windows = p.Windows[1:]
	}
	if len(p.Windows) == 0 {
		p.Windows = nil
	}
	return movePosition(s, p.Cursor)
}

// giveUp makes a pass go on without its windows, from where those that are part of
// it end. What the others have stored is stored, and comes again.
func (l *ledger) giveUp() {
	p := *l.st.state.Pass
	p.Windows, p.Alone = nil, true
	l.st.state.Pass = &p
}

// together runs functions, at most n at a time, in their order. After an error
// no other is begun, and the context of those that run ends; the first error is
// returned when all have ended.
func together(ctx context.Context, n int, work []func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var first error
	next := 0
	take := func(err error) func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if err != nil && (first == nil || errors.Is(first, context.Canceled)) {
			first = err
			cancel()
		}
		if first != nil || next == len(work) {
			return nil
		}
		next++
		return work[next-1]
	}
	var running sync.WaitGroup
	for range min(n, len(work)) {
		running.Go(func() {
			var err error
			for f := take(nil); f != nil; f = take(err) {
				err = f(ctx)
			}
		})
	}
	running.Wait()
	return first
}
