package agent

import (
	"cmp"
	"context"
	"fmt"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// Where many listings are new, reading a child stream from its beginning costs less
// than asking for the children of each. That this is owed stands in the destination,
// beside the parents that children wait for: a debt with a name of its own, put
// there in the first transaction that strikes parents off for it, and struck off
// in the last one of the forced pass that bears its name. So whichever store is
// lost or set back, there are the parents, or the debt and a pass that pays it,
// or a debt that the next pass begins for.

// anewShare: more than one in so many of all listings are many.
const anewShare = 20

// fewNew is how many new listings are few however many there are in all: their
// children are one question.
func (c *Config) fewNew() int { return cmp.Or(c.anewFrom, errandKeys) }

// debtOf is what the debt of a stream is filed under.
func debtOf(stream string) string { return record.DebtPrefix + stream }

// owedAnew gives the name of the debt of a stream, "" for none.
func (a *Agent) owedAnew(ctx context.Context, st *standing) (name string, err error) {
	var all []string
	err = newRetrier("destination, orphans", a.config.RetryFor, a.observe).do(ctx, func() (err error) {
		all, err = a.aside.Orphans(ctx, debtOf(st.stream.name), "", orphanChunk)
		return err
	})
	if len(all) > 0 {
		name = all[len(all)-1]
	}
	return name, err
}

// oweAnew replaces the parents that are ready by a debt. An older debt is part of it.
func (a *Agent) oweAnew(ctx context.Context, name string, st *standing, ready int) error {
	a.notice(false, "%s: %d listings are new, more than one in %d: all of it is read again, as with --force", st.stream.name, ready, anewShare)
	old, err := a.owedAnew(ctx, st)
	if err != nil {
		return err
	}
	l, debt := a.ledger(st), debtOf(st.stream.name)
	return a.eachReady(ctx, st, func(parents []string) error {
		g := &record.Group{
			Stream: st.stream.name, Shape: st.stream.shape, Arrived: parents, Owed: map[string][]string{debt: {name}},
		}
		if old != "" && old != name {
			g.Paid = map[string][]string{debt: {old}}
		}
		_, err := l.commit(ctx, g, newRetrier("destination, "+st.stream.name, a.config.RetryFor, a.observe),
			func(s checkpoint.Stream) (checkpoint.Stream, error) { return s, nil })
		if err != nil {
			return fmt.Errorf("strike off new listings of %s: %w", st.stream.name, err)
		}
		return nil
	})
}

// paid is what the end of a pass strikes off.
func paid(stream string, p *checkpoint.Pass) map[string][]string {
	if p.Anew == "" {
		return nil
	}
	return map[string][]string{debtOf(stream): {p.Anew}}
}
