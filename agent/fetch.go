package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

const (
	// maxBatchBytes ends a batch early, so that memory depends on bytes and not
	// on how large a source's records are.
	maxBatchBytes = 1 << 20
	// endAsked is how often an empty page is asked for before it is believed.
	endAsked = 2
)

// chunk is what the fetcher hands to the writer: a batch of records, and the
// place to save once they are stored.
type chunk struct {
	batch    record.Batch
	place    checkpoint.Place    // where the walk resumes
	position checkpoint.Position // as in fetcher
	unfit    int64
	stored   func() // to be called once the chunk is stored; nil: nobody waits for it
}

// fetcher walks a stream. It keeps three places: cursor, where the source is
// asked to go on; saved, where the walk resumes after a crash; and position, where
// the next pass begins. saved lags behind cursor while the order of a page is in
// doubt, and position never passes the present.
type fetcher struct {
	source  *paced
	stream  *stream
	full    bool // believe the end only when the count of what remains agrees
	out     chan<- chunk
	large   chan struct{} // full while a large batch of any walk is on its way
	stored  func()        // ends the turn of this walk's last one
	retry   *retrier
	ending  *retrier // for an end that the source's count contradicts
	observe func(Event)
	present func() time.Time

	start  checkpoint.Place // where the walk began
	window int              // for people; 0: not a window
	bounds bounds
	byKey  bool        // by key alone, and not by timestamp
	null   bool        // records without a timestamp
	only   record.Only // of an errand

	againUntil    time.Time // up to here the last pass has read already; zero: nothing
	cursor, saved checkpoint.Position
	position      checkpoint.Position // zero: none yet
	second        bool                // a second is walked by key
	savedSecond   bool                // whether saved is inside such a second
	secondFound   bool                // it has records at all
	number        int                 // pages begun
	page          sheet
	previous      uint64 // signature of the page before
	empty         int    // empty pages in a row
	disorders     int    // pages in a row that were asked for again for their order
	strayed       int    // records outside the window
	readAgain     int    // records that the last pass has read
	tally         tally

	batch      record.Batch
	batchBytes int
	unfit      int64
}

// sheet is what is known of the page in hand.
type sheet struct {
	start, saved checkpoint.Position // the fetcher's cursor and saved when it began
	position     checkpoint.Position
	tally        tally
	asked        time.Time // what lies before it was not asked for
	resumed      bool      // begun in the middle, after a restart
	beyond       bool      // begun ahead of the present

	rows, batches int
	readAgain     int           // records that the last pass has read
	blocked       time.Duration // waiting for the writer
	signature     uint64        // of keys and timestamps, whatever their order
	sameInstant   bool          // all of it has one timestamp
	last          time.Time
	placed        int                 // records that moved the place
	below         int                 // records before what was asked for
	ahead         checkpoint.Position // the last record ahead of the present; zero: there is none
	disordered    bool                // its timestamps went backwards

	// Records that moved no place come again with the next page where they were the
	// last of this one; loose are this page's, and known those of the one before.
	loose, known map[uint64]struct{}
}

// run walks until the source has no more. It closes out; the last chunk it
// sends holds the place where the walk ended.
func (f *fetcher) run(ctx context.Context) error {
	defer close(f.out)
	for {
		n, err := f.fetchPage(ctx)
		if err != nil {
			return err
		}
		f.judge()
		switch p := &f.page; {
		case p.placed > 0 || p.disordered:
			f.empty = 0
			f.ending.succeeded()
			if err := f.advance(ctx, n); err != nil {
				return err
			}
			if f.window > 0 && f.strayed > f.stream.sizes.Page {
				return f.where(errStray)
			}
			continue
		case n > 0:
			// Records without a place, and nothing else: they are stored, but there is
			// no way past them, as at an empty page.
			if err := f.send(ctx, true); err != nil {
				return err
			}
		}
		if f.empty++; f.empty < endAsked {
			continue
		}
		f.empty = 0
		if f.second {
			if err := f.leaveSecond(); err != nil {
				return err
			}
			continue
		}
		done, err := f.confirmEnd(ctx, n)
		if err != nil {
			return err
		}
		if done {
			return f.send(ctx, false)
		}
	}
}

// fetchPage asks for a page and hands its records on; n is how many came. An
// attempt that breaks in the middle is taken up again behind the last good
// record. An empty page that has a link to another is no end: the link is
// followed until something comes, and behind that it goes on by timestamp and key.
func (f *fetcher) fetchPage(ctx context.Context) (n int, err error) {
	f.beginPage()
	before := f.page.rows
	var took, waited time.Duration
	var links circle
	for {
		begun := time.Now()
		q := f.query()
		q.Top, q.Next = f.stream.sizes.Page-f.page.rows, links.last
		end, spent, err := f.source.timed(ctx, q, func(r record.Record) error { return f.take(ctx, r) })
		waited += spent
		took += time.Since(begun) - spent
		if f.page.rows > before {
			links.last = ""
		}
		if err == nil && (f.page.rows > before || end.Next == "") {
			break
		}
		if err == nil {
			if err := links.follow(end.Next); err != nil {
				return 0, f.where(err)
			}
			continue
		}
		if err = f.emptyList(ctx, err); err == nil {
			break
		}
		paused := time.Now()
		if err := f.retry.pause(ctx, err); err != nil {
			return 0, f.where(err)
		}
		var slow throttled
		if errors.As(err, &slow) && slow.Throttled() {
			waited += time.Since(paused)
		}
		if f.page.rows >= f.stream.sizes.Page {
			break // the page was whole already; only its end was lost
		}
	}
	f.retry.succeeded()
	f.observe(PageFetched{
		Stream: f.stream.name, Page: f.number, Records: f.page.rows, ReadAgain: f.page.readAgain, Took: took - f.page.blocked, Waited: waited, Again: f.empty > 0, Window: f.window,
	})
	if f.page.rows == 0 {
		f.number-- // an empty page is none
	}
	return f.page.rows - before, nil
}

// query asks for what lies before the fetcher.
func (f *fetcher) query() record.Query {
	q := record.Query{
		Shape: f.stream.shape, Feed: f.stream.feed, Filter: f.stream.filter, After: record.Cursor(f.cursor), Only: f.only,
		From: f.bounds.from, Before: f.bounds.before, ByKey: f.byKey, Null: f.null,
	}
	if f.second {
		// A window's borders are whole seconds, so that they need not be said.
		q.ByKey, q.From = true, f.cursor.Timestamp
		if at, err := record.ParseTimestamp(f.cursor.Timestamp); err == nil {
			q.Before = record.NextSecond(at)
		}
	}
	return q
}

func (f *fetcher) beginPage() {
	p := sheet{
		start: f.cursor, saved: f.saved, position: f.position, tally: f.tally.numbers(), sameInstant: true, known: f.page.loose,
		loose: make(map[uint64]struct{}),
	}
	if f.page.resumed {
		p.rows, p.batches = f.page.rows, f.page.batches
	} else {
		f.number++
	}
	f.previous = f.page.signature
	if at, err := record.ParseTimestamp(f.cursor.Timestamp); err == nil && !f.second && !f.byKey {
		p.asked = at
		if p.beyond = at.After(f.present()); !p.beyond {
			p.last = at
		}
	}
	f.page = p
	f.observe(PageStarted{
		Stream: f.stream.name, Feed: f.stream.feed, Page: f.number, From: cmp.Or(f.cursor.Timestamp, f.bounds.from), Again: f.empty > 0, Window: f.window,
	})
}

// send hands the batch to the writer, which may make it wait.
func (f *fetcher) send(ctx context.Context, pageEnd bool) error {
	p := &f.page
	if len(f.batch.Records) > 0 {
		p.batches++
	}
	f.batch.Page, f.batch.Number = f.number, p.batches
	c := chunk{batch: f.batch, position: f.position, unfit: f.unfit, place: checkpoint.Place{
		Cursor: f.saved, Second: f.savedSecond, Page: f.number, Batch: p.batches, PageRows: p.rows, PageDone: pageEnd,
		Came: f.tally.came, Young: f.tally.young, Later: f.tally.later,
	}}
	begun := time.Now()
	if err := f.takeTurn(ctx, &c); err != nil {
		return err
	}
	f.batch, f.batchBytes, f.unfit = record.Batch{}, 0, 0
	select {
	case f.out <- c:
		p.blocked += time.Since(begun)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// largeBatch is the size of batches that only records of an unusual size make. One
// of them at a time is on its way, of all walks together, so that they do not add
// up in memory.
const largeBatch = 2 << 20

// takeTurn waits for the turn of a large batch.
func (f *fetcher) takeTurn(ctx context.Context, c *chunk) error {
	if f.batchBytes < largeBatch || f.large == nil {
		return nil
	}
	select {
	case f.large <- struct{}{}:
		c.stored = sync.OnceFunc(func() { <-f.large })
		f.stored = c.stored
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// where says where the walk stood.
func (f *fetcher) where(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	where := fmt.Sprintf("page %d", f.number)
	if f.window > 0 {
		where = fmt.Sprintf("window %d, page %d", f.window, f.number)
	}
	switch {
	case f.byKey:
		where += fmt.Sprintf(", by key, behind %q", f.cursor.Key)
	case f.cursor.Timestamp != "":
		where += fmt.Sprintf(", behind %s, key %q", f.cursor.Timestamp, f.cursor.Key)
	case f.bounds.from != "":
		where += ", from " + f.bounds.from
	default:
		where += ", at the beginning"
	}
	return fmt.Errorf("%s, %s: %w", f.stream.name, where, err)
}
