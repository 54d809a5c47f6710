package agent

import (
	"context"
	"errors"
	"strings"
	"time"

	"resoagent/internal/crashpoint"
)

// What the catalogue has got since the destination's tables were made: columns are
// made by Migrate; here the rows that are there get their values, and the view
// Property shows the feed that is complete.

// showProperty has the view Property show the fullest feed that has finished a
// backfill. It is not worth ending a run for: who reads the view for long keeps it
// from being exchanged, and the next run does it.
func (a *Agent) showProperty(ctx context.Context, all map[string]*standing) {
	table := a.config.streams().PropertyTable(
		func(name string) bool { return all[name] != nil && !all[name].state.LastFinishedAt.IsZero() },
		func(name string) bool { return a.config.token(a.config.stream(name).feed) != "" })
	if table == "" {
		return
	}
	if err := a.tables.ShowProperty(ctx, table); err != nil && ctx.Err() == nil {
		a.notice(true, "the view Property does not show %s yet: %v; the next run tries again, and so does 'agent migrate', for an agent that does not own the view", table, err)
	}
}

// fill reads the typed columns that the catalogue has got since out of the stored
// records, until all rows have them or ctx ends. Each batch is a transaction of its
// own that saves the place with the rows, so a crash costs nothing, and it leaves
// alone what a stream has written meanwhile: that has all columns.
//
// Between two runs nothing is tried again: what fails then is the next run's to meet
// and to tell of.
func (a *Agent) fill(ctx context.Context, between bool) error {
	retry := newRetrier("destination, new columns", a.config.RetryFor, a.observe)
	var total, spoilt int64
	var table string
	begun := time.Now()
	for {
		done, err := a.tables.Fill(ctx)
		var t temporary
		switch {
		case err == nil:
			retry.succeeded()
		case between && errors.As(err, &t) && t.Temporary():
			return nil
		default:
			if err := retry.pause(ctx, err); err != nil {
				return err
			}
			continue
		}
		if done.Table != "" {
			crashpoint.At(crashpoint.Filled)
		}
		if done.Table != "" && done.Table != table {
			table = done.Table
			a.notice(false, "%s has new columns (%s): their values are read out of the stored records", done.Table, strings.Join(done.Columns, ", "))
		}
		total, spoilt = total+done.Rows, spoilt+done.Spoilt
		if !done.More {
			if total > 0 {
				a.notice(false, "new columns are filled: %d rows in %s", total, time.Since(begun).Round(time.Millisecond))
			}
			if spoilt > 0 {
				a.notice(true, "the stored records of %d rows cannot be read, so their new columns stay NULL until other versions of them come", spoilt)
			}
			return nil
		}
	}
}

// filling fills beside whatever else is done until it is told to end. wait waits
// until all is filled. What it could not do does not end a run by itself unless
// that waits for it: the rows are there, and the next run goes on.
func (a *Agent) filling(ctx context.Context, between bool) (wait func() error, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done, told := make(chan error, 1), false
	go func() { done <- a.fill(ctx, between) }()
	wait = func() error {
		err := <-done
		done <- err
		told = true
		return err
	}
	end = func() {
		cancel()
		said := told
		if err := wait(); err != nil && !said && !errors.Is(err, context.Canceled) {
			a.notice(true, "new columns are not filled yet: %v; the next run goes on with it", err)
		}
	}
	return wait, end
}
