package agent

import (
	"context"
	"encoding/json"
	"fmt"

	"resoagent/checkpoint"
	"resoagent/internal/crashpoint"
	"resoagent/internal/record"
	"resoagent/keyset"
)

// maxTroubleInRow stops a run: an outage must not turn into rejects or repairs.
const maxTroubleInRow = 1000

// ledger is the account of one stream while a run is at work on it. Several
// walks (windows read side by side) enter their groups into it. They write their
// rows at the same time and then take turns: whoever has the turn knows the
// sequence that both stores stand at, moves it in the destination and then in
// the state file, and only then lets the next one in. So the stream has one
// order of commits, and the older of two stores is right about every window.
type ledger struct {
	dest   Destination
	file   *checkpoint.File
	keys   *keyset.Set
	stream *stream
	stored func(checkpoint.Stream) // told of each state that both stores have

	turn  chan struct{} // holds one token while somebody has the turn
	st    *standing     // this and the next two belong to whoever has the turn
	inRow int           // rejects and repairs in a row, over all groups
	// broken is why nobody may go on: a commit whose outcome is not known, or that
	// the state file does not know of. The next start finds out.
	broken error
}

func (a *Agent) ledger(st *standing) *ledger {
	return &ledger{
		dest: a.dest, file: a.file, keys: a.keys, stream: st.stream, turn: make(chan struct{}, 1), st: st,
		stored: func(s checkpoint.Stream) { a.live.set(st.stream.name, s) },
	}
}

// change gives the stream's state once a group is stored from the one before it.
// It may be called more than once, and must leave what it is given as it is.
type change func(checkpoint.Stream) (checkpoint.Stream, error)

// entered is what a commit has made of the stream.
type entered struct{ before, after checkpoint.Stream }

// commit stores a group in the destination and then in the state file.
func (l *ledger) commit(ctx context.Context, g *record.Group, retry *retrier, next change) (done entered, err error) {
	mine := false
	leave := func() {
		if mine {
			<-l.turn
			mine = false
		}
	}
	defer leave()
	g.Turn = func(ctx context.Context) error {
		if mine {
			return nil
		}
		select {
		case l.turn <- struct{}{}:
			mine = true
			g.Expect, g.Sequence = l.st.expect, l.st.next
			return l.broken
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	inRow := 0
	g.Mark = func(g *record.Group) (_ record.Mark, err error) {
		if inRow, err = l.troubleInRow(g); err != nil {
			return record.Mark{}, err
		}
		done.before = l.st.state
		if done.after, err = next(l.st.state); err != nil {
			return record.Mark{}, err
		}
		done.after.Sequence = g.Sequence
		return mark(l.stream.name, done.after)
	}
	crashpoint.At(crashpoint.BeforeCommit)
	for {
		// 1. The destination. After a crash behind this line the rows are there and
		// the state file is one behind: the group is fetched again and found unchanged.
		err := veil(l.dest.Commit(ctx, g), g.Hide)
		if err == nil {
			break
		}
		if mine && l.broken != nil {
			return done, l.broken
		}
		if mine {
			// It may be there, and its acknowledgement lost. That is found out
			// before anybody else moves the mark, and without writing rows: others
			// hold rows of theirs while they wait for the turn.
			applied, err := l.settle(ctx, g, retry, err)
			if err != nil {
				l.broken = err
				return done, err
			}
			if applied {
				break
			}
			leave()
			continue
		}
		if err := retry.pause(ctx, err); err != nil {
			return done, err
		}
	}
	retry.succeeded()
	crashpoint.At(crashpoint.AfterCommit)
	l.inRow = inRow
	l.broken = l.save(g, done.after)
	return done, l.broken
}

// settle finds out whether a group is in the destination after an error of its
// commit.
func (l *ledger) settle(ctx context.Context, g *record.Group, retry *retrier, err error) (applied bool, _ error) {
	for {
		if err := retry.pause(ctx, err); err != nil {
			return false, err
		}
		if applied, err = l.dest.Applied(ctx, g); err == nil {
			return applied, nil
		}
	}
}

// save stores what the destination has in the state file too. after is what the
// attempt that went through has stored, also if its acknowledgement was lost.
func (l *ledger) save(g *record.Group, after checkpoint.Stream) error {
	if !keepsCheckpoints && l.stream.child() && after.Pass != nil {
		l.st.state, l.st.expect, l.st.next = after, after.Sequence, after.Sequence+1
		return nil
	}
	// 2. The state file.
	err := l.file.Update(func(tx *checkpoint.Tx) error {
		if l.stream.Listing {
			if err := l.keys.Add(tx.Bolt(), parentKeys(g)); err != nil {
				return err
			}
			crashpoint.At(crashpoint.KeysGrown)
		}
		err := tx.PutStream(l.stream.name, after)
		crashpoint.At(crashpoint.StateOpen)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", l.stream.name, err)
	}
	crashpoint.At(crashpoint.AfterState)
	l.st.state, l.st.expect, l.st.next = after, after.Sequence, after.Sequence+1
	l.stored(after)
	return nil
}

// mark is a state in the destination's form.
func mark(stream string, s checkpoint.Stream) (record.Mark, error) {
	state, err := json.Marshal(s)
	if err != nil {
		return record.Mark{}, fmt.Errorf("encode state: %w", err)
	}
	m := record.Mark{Stream: stream, Sequence: s.Sequence, Fingerprint: s.Fingerprint, State: state}
	if s.Position != nil {
		m.Position = record.Cursor(*s.Position)
	}
	return m, nil
}

// parentKeys are the keys of a group's listings that are stored.
func parentKeys(g *record.Group) []string {
	var keys []string
	for i := range g.Batches {
		for j := range g.Batches[i].Records {
			r := &g.Batches[i].Records[j]
			if _, bad := r.Bad(); !bad && !r.Older {
				keys = append(keys, r.Key)
			}
		}
	}
	return keys
}

// troubleInRow counts rejects and repairs in the order in which they come, across
// groups. Repairs are those of an hour in which the source answers in Latin-1: it
// must not overwrite every accent.
func (l *ledger) troubleInRow(g *record.Group) (int, error) {
	n := l.inRow
	for i := range g.Batches {
		for j := range g.Batches[i].Records {
			r := &g.Batches[i].Records[j]
			reason, bad := r.Bad()
			if !bad && !r.Stands() {
				n = 0
				continue
			}
			if n++; n <= maxTroubleInRow {
				continue
			}
			what := ErrRejects
			if !bad {
				what, reason = ErrRepairs, r.Repaired
			}
			return n, fmt.Errorf("%s, page %d, key %q: %w (more than %d; the last: %s)",
				l.stream.name, g.Batches[i].Page, r.Key, what, maxTroubleInRow, reason)
		}
	}
	return n, nil
}
