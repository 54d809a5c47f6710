package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"resoagent/internal/record"
)

// ownership tells whose the destination is. A lease of this state file is one's
// own: bbolt's lock shows whether that agent still runs.
func (p *probe) ownership(ctx context.Context, o record.Owner) error {
	if !slices.Contains(p.standing.Tables, "agent_owner") {
		p.OK("owner", "nobody yet")
		return nil
	}
	var row record.Owned
	var left time.Duration
	err := p.read(ctx, func(tx pgx.Tx) (err error) {
		row, left, err = owned(ctx, tx, p.table("agent_owner"), "")
		return err
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		p.OK("owner", "nobody yet")
	case err != nil:
		return err
	case o.Same(row):
		p.OK("owner", "the agent of this state directory")
	case left > 0:
		p.Failure("owner", "wait for its end, or for its lease if it has died; or give this agent a destination of its own",
			"an agent on host %s with state directory %s is at work; its lease runs for %.0f s", row.Host, row.StateDir, left.Seconds())
	default:
		p.OK("owner", "host %s, state directory %s, without a lease: the next sync takes it over", row.Host, row.StateDir)
	}
	return nil
}

func (p *probe) clock(ctx context.Context) error {
	var at time.Time
	begun := time.Now()
	if err := p.ask(ctx, `SELECT clock_timestamp()`, nil, &at); err != nil {
		return err
	}
	skew := time.Since(at) - time.Since(begun)/2
	if skew.Abs() < skewWarning {
		p.OK("clock", "this host's clock agrees with the server's")
		return nil
	}
	side := "ahead of"
	if skew < 0 {
		side = "behind"
	}
	p.Warning("clock", "set the clocks (NTP); leases go by the server's clock alone",
		"this host's clock is %s %s the server's", skew.Abs().Round(time.Second), side)
	return nil
}

// marksAndSpace reads what the agent makes more of: where the streams stand,
// and how much room there is.
func (p *probe) marksAndSpace(ctx context.Context) {
	if len(p.standing.Foreign) == 0 && !p.standing.Newer() {
		err := p.read(ctx, func(tx pgx.Tx) (err error) {
			if !slices.Contains(p.standing.Tables, "agent_position") {
				return nil
			}
			p.found.Marks, err = p.marks(ctx, tx)
			return err
		})
		p.found.MarksKnown = err == nil
	}
	p.found.Free, p.found.Place, p.found.FreeKnown = p.free(ctx, p.ask)
}
