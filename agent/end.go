package agent

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"
)

// mostLinks is how many empty pages in a row may lead on by a link.
const mostLinks = 1000

// circle finds out when links lead back to where they came from.
type circle struct {
	last string // the link to follow; "" for none
	seen map[uint64]struct{}
}

func (c *circle) follow(link string) error {
	if c.seen == nil {
		c.seen = make(map[uint64]struct{})
	}
	id := hashOf(link)
	if _, again := c.seen[id]; again || len(c.seen) == mostLinks {
		return fmt.Errorf("%w: next links lead on and on, and no record comes (%d empty pages)", ErrStuck, len(c.seen)+1)
	}
	c.seen[id], c.last = struct{}{}, link
	return nil
}

// hashOf tells texts apart that are too many, or too long, to keep.
func hashOf(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // a hash never fails
	return h.Sum64()
}

// confirmEnd asks the source, at the end of a full walk, whether it agrees that
// nothing is left but the placeless records of the last page. A source that
// does not count is believed.
func (f *fetcher) confirmEnd(ctx context.Context, placeless int) (done bool, err error) {
	if !f.full && placeless == 0 {
		return true, nil
	}
	n, ok, err := countWithRetry(ctx, f.source, f.query(), f.retry)
	if err != nil {
		return false, f.where(err)
	}
	switch left := n - int64(placeless); {
	case ok && left <= 0, !ok && placeless < f.stream.sizes.Page:
		return true, nil
	case f.window > 0 && f.strayed > 0:
		return false, f.where(errStray)
	case placeless > 0:
		return false, f.where(fmt.Errorf("%w: %d records without a place bar the way", ErrStuck, placeless))
	}
	if err := f.ending.pause(ctx, incomplete{n}); err != nil {
		return false, f.where(err)
	}
	return false, nil
}

// incomplete says that the source counts more than it sends. It may pass.
type incomplete struct{ left int64 }

func (e incomplete) Error() string {
	return fmt.Sprintf("an empty page, although %d records are left by the source's count", e.left)
}
func (incomplete) Unwrap() error                     { return ErrIncomplete }
func (incomplete) Kind() string                      { return "incomplete" }
func (incomplete) Temporary() bool                   { return true }
func (incomplete) RetryAfter() (time.Duration, bool) { return 0, false }
