package agent

import (
	"context"
	"errors"
	"fmt"

	"resoagent/internal/record"
)

// errSomeRow ends a question behind its first row.
var errSomeRow = errors.New("a row came")

// blameFilter finds out whether a stream was refused for its filter, which is
// the operator's own text: then the source takes the same question without it.
func (a *Agent) blameFilter(ctx context.Context, s *stream, err error) error {
	var r refused
	if s.filter == "" || !errors.As(err, &r) || !r.Refused() {
		return err
	}
	q := record.Query{Shape: s.shape, Feed: s.feed, Top: 1}
	_, other := a.source.Page(ctx, q, func(record.Record) error { return errSomeRow })
	if other != nil && !errors.Is(other, errSomeRow) {
		return err
	}
	return refuse(fmt.Errorf("--%s %.200q is not taken by the source, which takes the question without it: %w; correct --%s",
		s.filterFlag(), s.filter, err, s.filterFlag()))
}

// hide takes the source's tokens out of a text.
func (a *Agent) hide(text string) string {
	if a.remote == nil {
		return text
	}
	return a.remote.Hide(text)
}

// blameSize names the setting where a stream was refused for its page size, and
// the source says how much it allows.
func blameSize(s *stream, err error) error {
	var e interface{ PageLimit() int }
	if !errors.As(err, &e) || e.PageLimit() < 1 || e.PageLimit() >= s.sizes.Page {
		return err
	}
	return fmt.Errorf("%w; set --%s to %d", err, s.sizeFlag(), e.PageLimit())
}
