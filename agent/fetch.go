package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

const (
	// horizon is how far into the future the saved position may go.
	horizon = 24 * time.Hour
	// maxBatchBytes ends a batch early, so that memory depends on bytes and not
	// on how large a source's records are.
	maxBatchBytes = 1 << 20
	// endAsked is how often an empty page is asked for before it is believed.
	endAsked = 2
)

// chunk is what the fetcher hands to the writer: a batch of records, and the
// place to save once they are stored.
type chunk struct {
	batch   record.Batch
	cursor  checkpoint.Position
	second  bool
	rows    int  // records of the page up to here
	pageEnd bool // the page is complete
	unfit   int64
}

// fetcher walks a stream. It keeps two places: cursor, where the source is
// asked to go on, and saved, which the writer stores. They differ only for
// records from the future, which are stored but do not move the saved place.
type fetcher struct {
	source  *paced
	stream  *stream
	full    bool        // believe the end only when the count of what remains agrees
	only    record.Only // of an errand
	out     chan<- chunk
	retry   *retrier
	ending  *retrier // for an end that the source's count contradicts
	observe func(Event)
	now     func() time.Time

	start        checkpoint.Place // where the walk began
	window       int              // for people; 0: not a window
	from, before string           // bounds of a window; "" for none

	againUntil    time.Time // up to here the last pass has read already; zero: nothing
	cursor, saved checkpoint.Position
	second        bool
	savedSecond   bool // whether saved is inside a second that is walked by key
	page          int  // pages begun
	rows          int  // records of this page
	batches       int  // batches of this page

	readAgain, readAgainInAll int // records of this page, and of the walk, that the last pass has read
	empty                     int // empty pages in a row
	batch                     record.Batch
	batchBytes                int
	blocked                   time.Duration // of this page's time, waiting for the writer
	unfit                     int64

	disordered  bool // this page's timestamps went backwards
	disorders   int  // pages in a row that were asked for again because of that
	last        time.Time
	signature   uint64              // of this page's keys and timestamps, whatever their order
	previous    uint64              // of the page before
	sameInstant bool                // all of the page has one timestamp
	secondFound bool                // the second walked by key has records at all
	pageStart   checkpoint.Position // cursor and saved when the page began
	pageSaved   checkpoint.Position
	pageResumed bool            // begun in the middle, after a restart
	placed      bool            // some record of the page is a place to resume from
	placeless   map[string]bool // records of the pass that are none, by their reject key
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
		if n > 0 && !f.placed {
			// Records without key or timestamp, and nothing else: they are stored
			// as rejects, but there is no way past them, as at an empty page.
			if err := f.send(ctx, true); err != nil {
				return err
			}
		}
		if n > 0 && f.placed {
			f.empty = 0
			f.ending.succeeded()
			if err := f.advance(ctx, n); err != nil {
				return err
			}
			continue
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
// record.
func (f *fetcher) fetchPage(ctx context.Context) (n int, err error) {
	f.beginPage()
	before := f.rows
	var took, waited time.Duration
	f.blocked = 0
	for {
		begun := time.Now()
		q := f.query()
		q.Second, q.Top = f.second, f.stream.sizes.Page-f.rows
		_, spent, err := f.source.timed(ctx, q, func(r record.Record) error { return f.take(ctx, r) })
		waited += spent
		took += time.Since(begun) - spent
		if err == nil {
			break
		}
		paused := time.Now()
		if err := f.retry.pause(ctx, err); err != nil {
			return 0, f.place(err)
		}
		var slow throttled
		if errors.As(err, &slow) && slow.Throttled() {
			waited += time.Since(paused)
		}
		if f.rows >= f.stream.sizes.Page {
			break // the page was whole already; only its end was lost
		}
	}
	f.retry.succeeded()
	f.observe(PageFetched{
		Stream: f.stream.name, Page: f.page, Records: f.rows, ReadAgain: f.readAgain, Took: took - f.blocked, Waited: waited, Again: f.empty > 0, Window: f.window,
	})
	if f.rows == 0 {
		f.page-- // an empty page is none
	}
	return f.rows - before, nil
}

// query asks for what lies before the fetcher.
func (f *fetcher) query() record.Query {
	return record.Query{
		Shape: f.stream.shape, Feed: f.stream.feed, Filter: f.stream.filter, After: record.Cursor(f.cursor), Only: f.only,
		From: f.from, Before: f.before,
	}
}

// byKey reports whether it walks in the order of keys, whatever the timestamps.
func (f *fetcher) byKey() bool {
	q := f.query()
	return q.ByKey()
}

func (f *fetcher) beginPage() {
	if !f.pageResumed {
		f.rows, f.batches = 0, 0
		f.page++
	}
	f.pageResumed = false
	f.pageStart, f.pageSaved = f.cursor, f.saved
	f.disordered, f.placed, f.readAgain = false, false, 0
	f.previous, f.signature = f.signature, 0
	f.sameInstant = true
	f.last = time.Time{}
	if t, err := record.ParseTimestamp(f.cursor.Timestamp); err == nil && !f.second {
		f.last = t
	}
	f.observe(PageStarted{
		Stream: f.stream.name, Feed: f.stream.feed, Page: f.page, From: cmp.Or(f.cursor.Timestamp, f.from), Again: f.empty > 0, Window: f.window,
	})
}

// take receives one record of the page.
func (f *fetcher) take(ctx context.Context, r record.Record) error {
	// Before anything moves: the batch in hand is saved with the place behind
	// its own last record.
	again := f.again(&r)
	if again {
		f.readAgain++
		f.readAgainInAll++
	}
	if again != f.batch.Again {
		if len(f.batch.Records) > 0 {
			if err := f.send(ctx, false); err != nil {
				return err
			}
		}
		f.batch.Again = again
	}
	f.rows++
	f.unfit += int64(len(r.Unfit))
	h := fnv.New64a()
	_, _ = h.Write([]byte(r.RejectKey() + "\x00" + r.Timestamp)) // a hash never fails
	f.signature += h.Sum64()
	if r.Key == "" || r.Time.IsZero() && !f.byKey() {
		// No place to resume from, so it comes again with the next page where it
		// was the last of this one.
		if f.placeless[r.RejectKey()] {
			return nil
		}
		f.placeless[r.RejectKey()] = true
	} else {
		f.move(&r)
	}
	f.batchBytes += r.Size()
	f.batch.Records = append(f.batch.Records, r)
	if len(f.batch.Records) >= f.stream.sizes.Batch || f.batchBytes >= maxBatchBytes {
		return f.send(ctx, false)
	}
	return nil
}

// move advances the cursor to a record with key and timestamp: also one that is
// rejected for another reason is a place to resume from.
func (f *fetcher) move(r *record.Record) {
	f.placed = true
	if f.disordered {
		return
	}
	if f.second || f.byKey() {
		f.secondFound = f.second
		f.cursor.Key = r.Key
		f.save()
		return
	}
	if r.Time.Before(f.last) {
		// From here on nothing of this page moves the saved place: it goes back
		// to where the page began.
		f.disordered, f.saved = true, f.pageSaved
		return
	}
	if !f.last.IsZero() && r.Time.After(f.last) {
		f.sameInstant = false
	}
	f.last = r.Time
	f.cursor = checkpoint.Position{Timestamp: r.Timestamp, Key: r.Key}
	f.save()
}

// save lets the saved place follow the cursor, but not into the future.
func (f *fetcher) save() {
	at, err := record.ParseTimestamp(f.cursor.Timestamp)
	if err == nil && !at.After(f.now().Add(horizon)) {
		f.saved, f.savedSecond = f.cursor, f.second
	}
}

// send hands the batch to the writer, which may make it wait.
func (f *fetcher) send(ctx context.Context, pageEnd bool) error {
	if len(f.batch.Records) > 0 {
		f.batches++
	}
	f.batch.Page, f.batch.Number = f.page, f.batches
	c := chunk{
		batch: f.batch, cursor: f.saved, second: f.savedSecond, rows: f.rows, pageEnd: pageEnd, unfit: f.unfit,
	}
	f.batch, f.batchBytes, f.unfit = record.Batch{}, 0, 0
	begun := time.Now()
	select {
	case f.out <- c:
		f.blocked += time.Since(begun)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// advance ends a page that had records and decides where the next one begins.
func (f *fetcher) advance(ctx context.Context, n int) error {
	if f.disordered {
		// What came is stored, but nothing is known of what lies between: the
		// page is asked for again.
		f.cursor, f.saved = f.pageStart, f.pageSaved
		if f.disorders++; f.disorders > 1 {
			return errors.Join(f.send(ctx, true), f.place(ErrDisorder))
		}
		return f.send(ctx, true)
	}
	f.disorders = 0
	stuck := f.cursor == f.pageStart || (f.sameInstant && f.signature == f.previous)
	if !stuck {
		return f.send(ctx, true)
	}
	if f.second || f.byKey() || f.pageStart == (checkpoint.Position{}) {
		return errors.Join(f.send(ctx, true), f.place(fmt.Errorf("%w (%d records)", ErrStuck, n)))
	}
	// The source prints less precision than it filters by: the same second
	// comes again and again. It is walked by key alone, from its beginning.
	f.second, f.secondFound, f.signature = true, false, 0
	f.cursor = checkpoint.Position{Timestamp: f.cursor.Timestamp}
	f.save()
	f.observe(Notice{Text: fmt.Sprintf("%s: the source repeats the second %s; walking it by key", f.stream.name, f.cursor.Timestamp)})
	return f.send(ctx, true)
}

// place says where the walk stood.
func (f *fetcher) place(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	where := fmt.Sprintf("page %d", f.page)
	if f.window > 0 {
		where = fmt.Sprintf("window %d, page %d", f.window, f.page)
	}
	switch {
	case f.cursor.Timestamp != "":
		where += fmt.Sprintf(", behind %s, key %q", f.cursor.Timestamp, f.cursor.Key)
	case f.cursor.Key != "":
		where += fmt.Sprintf(", behind key %q", f.cursor.Key)
	case f.from != "":
		where += ", from " + f.from
	default:
		where += ", at the beginning"
	}
	return fmt.Errorf("%s, %s: %w", f.stream.name, where, err)
}
