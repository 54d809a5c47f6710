package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// What the records of a page do to the places of a walk. As a rule each record is
// a place to resume from. But sources print timestamps that are not those they
// sort by, and some are ahead of the present: a page that holds others goes by
// the others.

// errStray gives the windows up: the source's timestamps do not keep to them.
var errStray = errors.New("records come with timestamps outside the window that was asked for")

// bounds are those of a window.
type bounds struct {
	from, before     string // "" for none
	fromAt, beforeAt time.Time
}

func boundsOf(from, before string) bounds {
	b := bounds{from: from, before: before}
	b.fromAt, _ = record.ParseTimestamp(from) // our own whole seconds, or none
	b.beforeAt, _ = record.ParseTimestamp(before)
	return b
}

// holds reports whether a timestamp lies between the bounds.
func (b *bounds) holds(at time.Time) bool {
	return (b.from == "" || !at.Before(b.fromAt)) && (b.before == "" || at.Before(b.beforeAt))
}

// take receives one record of the page.
func (f *fetcher) take(ctx context.Context, r record.Record) error {
	// Before anything moves: the batch in hand is saved with the place behind
	// its own last record.
	again := f.again(&r)
	if again {
		f.page.readAgain++
		f.readAgain++
	}
	if again != f.batch.Again {
		if len(f.batch.Records) > 0 {
			if err := f.send(ctx, false); err != nil {
				return err
			}
		}
		f.batch.Again = again
	}
	p := &f.page
	p.rows++
	id := hashOf(r.RejectKey() + "\x00" + r.Timestamp)
	p.signature += id
	if p.isLoose(id) {
		p.loose[id] = struct{}{}
		return nil // handed on already
	}
	if f.move(&r) {
		p.placed++
		f.tally.add(id, r.Time, p.beyond)
	} else {
		p.loose[id] = struct{}{}
		f.tally.addLoose()
	}
	f.unfit += int64(len(r.Unfit))
	f.batchBytes += r.Size()
	f.batch.Records = append(f.batch.Records, r)
	if len(f.batch.Records) >= f.stream.sizes.Batch || f.batchBytes >= maxBatchBytes {
		return f.send(ctx, false)
	}
	return nil
}

func (p *sheet) isLoose(id uint64) bool {
	_, here := p.loose[id]
	_, known := p.known[id]
	return here || known
}

// move advances the cursor to a record that is a place to resume from, also if it
// is rejected for another reason than its key or timestamp.
func (f *fetcher) move(r *record.Record) (placed bool) {
	p := &f.page
	switch {
	case r.Key == "":
		return false
	case f.byKey, f.second:
		f.secondFound = true
		f.cursor.Key = r.Key
		f.save()
		return true
	case r.Time.IsZero():
		return false
	case !f.bounds.holds(r.Time):
		f.strayed++
		return false
	case r.Time.Before(p.asked), r.Time.Before(p.last) && !r.Time.After(epoch()): // a walk begins there
		p.below++
		return false
	case !p.beyond && r.Time.After(f.present()):
		p.ahead = checkpoint.Position{Timestamp: r.Timestamp, Key: r.Key}
		return false
	case p.disordered:
		return true
	case !p.beyond && r.Time.Before(p.last):
		// From here on nothing of this page moves the saved place: it goes back
		// to where the page began.
		p.disordered, f.saved = true, p.saved
		return true
	}
	if !p.last.IsZero() && r.Time.After(p.last) {
		p.sameInstant = false
	}
	p.last = r.Time
	f.cursor = checkpoint.Position{Timestamp: r.Timestamp, Key: r.Key}
	f.save()
	return true
}

// save lets the place where the walk resumes follow the cursor, and where the
// next pass begins as far as that is not ahead of the present. In a window, and in
// a walk by key, only the end counts.
func (f *fetcher) save() {
	f.saved, f.savedSecond = f.cursor, f.second
	if f.second || f.byKey || f.window > 0 || f.page.beyond {
		return
	}
	f.position = f.cursor
}

// epoch is where a walk from the beginning begins.
func epoch() time.Time { return time.Unix(0, 0) }

// judge decides what a page means that has records out of their place.
func (f *fetcher) judge() {
	switch p := &f.page; {
	case p.below > p.placed, p.below > 0 && f.cursor == p.start:
		// Most of it lies before what was asked for, or it does not lead on: a page of
		// something else.
		p.disordered = true
	case p.placed == 0 && p.ahead != (checkpoint.Position{}):
		// Nothing but records ahead of the present: they lead the way. The position
		// stays, so that the next pass finds what comes until then.
		f.cursor, f.saved, f.savedSecond = p.ahead, p.ahead, false
		p.placed++
		f.tally.allLater()
	}
}

// advance ends a page that had records and decides where the next one begins.
func (f *fetcher) advance(ctx context.Context, n int) error {
	p := &f.page
	if p.disordered {
		// What came is stored, but nothing is known of what lies between: the
		// page is asked for again.
		f.cursor, f.saved, f.position, f.tally, p.loose = p.start, p.saved, p.position, p.tally, nil
		if f.disorders++; f.disorders > 1 {
			return errors.Join(f.send(ctx, true), f.where(ErrDisorder))
		}
		return f.send(ctx, true)
	}
	f.disorders = 0
	stuck := f.cursor == p.start || (p.sameInstant && p.signature == f.previous)
	if !stuck {
		return f.send(ctx, true)
	}
	if f.second || f.byKey || p.start == (checkpoint.Position{}) {
		return errors.Join(f.send(ctx, true), f.where(fmt.Errorf("%w (%d records)", ErrStuck, n)))
	}
	// The source prints less precision than it filters by: the same second
	// comes again and again. It is walked by key alone, from its beginning.
	f.second, f.secondFound, p.signature = true, false, 0
	f.cursor = checkpoint.Position{Timestamp: f.cursor.Timestamp}
	f.save()
	f.observe(Notice{Text: fmt.Sprintf("%s: the source repeats the second %s; walking it by key", f.stream.name, f.cursor.Timestamp)})
	return f.send(ctx, true)
}

// leaveSecond goes on behind a second that was walked by key.
func (f *fetcher) leaveSecond() error {
	at, err := record.ParseTimestamp(f.cursor.Timestamp)
	if err != nil {
		return f.where(err)
	}
	if !f.secondFound {
		return f.where(ErrStuck)
	}
	next := at.Truncate(time.Second).Add(time.Second)
	f.second, f.savedSecond = false, false
	if f.cursor.Key = ""; !next.Before(f.present()) {
		// The second is not over, or ahead of the present: what it still gets must be
		// found by the next pass.
		f.saved = f.cursor
		if f.window == 0 && !at.After(f.present()) {
			f.position = f.cursor
		}
		f.cursor = checkpoint.Position{Timestamp: record.WholeSecond(next)}
		return nil
	}
	f.cursor = checkpoint.Position{Timestamp: record.WholeSecond(next)}
	f.page.beyond = false
	f.save()
	return nil
}
