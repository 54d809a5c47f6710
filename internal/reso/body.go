package reso

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// body is an answer's body, with limits on silence and on size.
type body struct {
	address *url.URL // that was asked
	header  http.Header
	in      io.ReadCloser
	clock   *stallClock
	cancel  context.CancelCauseFunc
	ctx     context.Context

	total, limit int64 // bytes read, and how many at most
}

// maxPageBytes limits the decoded bytes of an answer: what a compressed one
// inflates to counts. A page of 10,000 records has about 120 MB.
const maxPageBytes = 1 << 30

func (b *body) Read(p []byte) (int, error) {
	b.clock.start()
	n, err := b.in.Read(p)
	if slow := b.clock.stop(content(p[:n])); slow != nil && err == nil {
		err = slow
	}
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(b.ctx); errors.Is(cause, errStalled) {
			err = cause
		}
		return n, err
	}
	b.total += int64(n)
	if b.total > b.limit {
		return 0, fmt.Errorf("a page has more than %d MiB: %w", b.limit>>20, errTooLarge)
	}
	return n, err
}

func (b *body) Close() error {
	err := b.in.Close()
	b.cancel(nil)
	return err
}

var (
	errStalled  = errors.New("the source has gone silent")
	errTooLarge = errors.New("the answer is too large")
)

// content is how many of the bytes are more than white space. Of a long piece one
// is enough, since only those that drip are counted exactly.
func content(piece []byte) (n int) {
	const long = 4 << 10
	for _, c := range piece {
		if space(c) {
			continue
		}
		if n++; len(piece) >= long {
			return len(piece)
		}
	}
	return n
}

// stallClock cancels a request when the source stays silent for too long, or
// sends nothing but white space. It runs only while the agent waits for the
// source, so neither a slow big page nor a slow destination trips it.
type stallClock struct {
	limit  time.Duration
	cancel context.CancelCauseFunc
	timer  *time.Timer

	begun   time.Time
	silent  time.Duration // waited since content came last
	waited  time.Duration // for the body, in all
	content int           // bytes that came
}

func newStallClock(limit time.Duration, cancel context.CancelCauseFunc) *stallClock {
	return &stallClock{limit: limit, cancel: cancel}
}

func (s *stallClock) start() {
	if s.limit <= 0 {
		return
	}
	s.begun = time.Now()
	s.timer = time.AfterFunc(s.limit-s.silent, func() {
		s.cancel(fmt.Errorf("no data for %s (--stall-timeout): %w", s.limit, errStalled))
	})
}

// A body must come at leastRate on the average, in bytes a second, once the agent
// has waited for it for slowAfter times the stall timeout.
const (
	leastRate = 1 << 10
	slowAfter = 4
)

// stop tells the clock what came. It gives an error if the source is no longer
// worth waiting for.
func (s *stallClock) stop(content int) error {
	if s.timer == nil {
		return nil
	}
	s.timer.Stop()
	waited := time.Since(s.begun)
	s.waited += waited
	s.silent += waited
	s.content += content
	if content > 0 {
		s.silent = 0
	}
	if s.waited > slowAfter*s.limit && float64(s.content) < leastRate*s.waited.Seconds() {
		return fmt.Errorf("%d bytes in %s, which is less than %d a second: %w", s.content, s.waited.Round(time.Second), leastRate, errStalled)
	}
	return nil
}

// answered ends the wait for an answer's head, which counts for silence alone.
func (s *stallClock) answered() {
	_ = s.stop(1)
	s.waited, s.content = 0, 0
}
