package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"resoagent/internal/record"
)

// paced is the source as the agent asks it. Every request goes through it, so
// that all of them, pages and counts, of all streams and windows, keep one pace:
// the source does not care which of them it has told to slow down.
type paced struct {
	source Source
	delays map[string]time.Duration // by resource
	pace   *throttle

	mu        sync.Mutex
	uncounted uncounted
	noIn      bool // the source has shown that it lacks the operator in
}

func newPaced(source Source, c *Config) *paced {
	p := &paced{
		source: source, delays: make(map[string]time.Duration), pace: newThrottle(max(1, c.Parallel), c.RetryFor), uncounted: make(uncounted),
	}
	for _, name := range c.streams().Names() {
		s := c.stream(name)
		p.delays[s.shape.Resource] = s.sizes.Throttle
	}
	return p
}

// Page implements Source.
func (p *paced) Page(ctx context.Context, q record.Query, yield func(record.Record) error) (record.PageEnd, error) {
	end, _, err := p.timed(ctx, q, yield)
	return end, err
}

// timed is Page, and tells how long it had to wait before it asked.
func (p *paced) timed(ctx context.Context, q record.Query, yield func(record.Record) error) (end record.PageEnd, waited time.Duration, err error) {
	err = p.ask(ctx, q, func(q record.Query, spent time.Duration) (err error) {
		waited += spent
		end, err = p.source.Page(ctx, q, yield)
		return err
	})
	return end, waited, err
}

// Count implements Source.
func (p *paced) Count(ctx context.Context, q record.Query) (n int64, ok bool, err error) {
	err = p.ask(ctx, q, func(q record.Query, _ time.Duration) (err error) {
		n, ok, err = p.source.Count(ctx, q)
		return err
	})
	return n, ok, err
}

// ask puts a question. A source that refuses one with the operator in is asked once
// more without it, and remembered where that helped.
func (p *paced) ask(ctx context.Context, q record.Query, put func(q record.Query, waited time.Duration) error) error {
	q.Only.NoIn = p.lacksIn()
	err := p.once(ctx, q, put)
	var r refused
	if q.Only.NoIn || len(q.Only.Keys) < 2 || !errors.As(err, &r) || !r.Refused() {
		return err
	}
	q.Only.NoIn = true
	if err = p.once(ctx, q, put); err == nil {
		p.mu.Lock()
		p.noIn = true
		p.mu.Unlock()
	}
	return err
}

func (p *paced) lacksIn() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.noIn
}

func (p *paced) once(ctx context.Context, q record.Query, put func(q record.Query, waited time.Duration) error) error {
	came := time.Now()
	begun, err := p.pace.enter(ctx, p.delays[q.Shape.Resource])
	if err != nil {
		return err
	}
	err = put(q, begun.Sub(came))
	p.pace.leave(begun, err)
	return err
}
