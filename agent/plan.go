package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// PlanItem is what a run would fetch of one stream.
type PlanItem struct {
	Stream  string `json:"stream"`
	From    string `json:"from"` // timestamp; "" for the beginning
	Resumes bool   `json:"resumes"`
	Records *int64 `json:"records"` // null: the source does not count
	Bytes   *int64 `json:"bytes"`   // about what they take in the destination
}

// Plan tells what Sync would fetch, without writing anything anywhere.
// ErrInUse: an agent is at work on the state directory.
func Plan(ctx context.Context, config Config, sel Selection) (items []PlanItem, left []string, err error) {
	if err := config.check(); err != nil {
		return nil, nil, err
	}
	streams, left, err := config.selected(sel)
	if err != nil {
		return nil, nil, err
	}
	source, err := openSource(&config)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	known, err := knownStates(ctx, &config)
	if err != nil {
		return nil, nil, err
	}
	a := &Agent{config: config, source: newPaced(source, &config)}
	recallFiled(a.source, &config)
	all := make(map[string]*standing)
	for _, s := range streams {
		all[s.name] = &standing{stream: s, state: known[s.name]}
	}
	if _, err := a.checkSource(all, streams, sel); err != nil {
		return nil, nil, err
	}
	for _, s := range streams {
		item, err := a.plan(ctx, all[s.name], sel.Force)
		if err != nil {
			return nil, nil, err
		}
		items = append(items, item)
	}
	return items, left, nil
}

// plan tells what a run would fetch of one stream.
func (a *Agent) plan(ctx context.Context, st *standing, force bool) (PlanItem, error) {
	s := st.stream
	resumes := st.begin(force, a.config.Lookback, a.present())
	from := st.from()
	item := PlanItem{Stream: s.name, From: from.Timestamp, Resumes: resumes}
	q := record.Query{Shape: s.shape, Feed: s.feed, Filter: s.filter, After: from}
	n, ok, err := a.total(ctx, q, newRetrier("source, "+s.name, a.config.RetryFor, a.observe))
	if err != nil {
		return PlanItem{}, fmt.Errorf("count %s: %w", s.name, err)
	}
	if ok {
		bytes := n * s.RowBytes
		item.Records, item.Bytes = &n, &bytes
	}
	return item, nil
}

// knownStates reads where the streams stand: from the state file, or, where
// there is none, from the destination.
func knownStates(ctx context.Context, config *Config) (map[string]checkpoint.Stream, error) {
	known, err := filedStates(config)
	switch {
	case err == nil:
		return known, nil
	case errors.Is(err, checkpoint.ErrLocked):
		return nil, fmt.Errorf("%w: %w; a plan needs its state file", ErrInUse, err)
	case !errors.Is(err, checkpoint.ErrNone):
		return nil, stateHint(err)
	}
	marks, err := destinationMarks(ctx, config)
	if err != nil {
		return nil, err
	}
	return markedStates(marks)
}

// filedStates are the states that the state file keeps.
func filedStates(config *Config) (map[string]checkpoint.Stream, error) {
	file, err := checkpoint.OpenReadOnly(config.StateDir)
	if err != nil {
		return nil, err
	}
	known := make(map[string]checkpoint.Stream)
	err = file.View(func(tx *checkpoint.Tx) error {
		for _, name := range config.streams().Names() {
			s, _, err := tx.Stream(name)
			if err != nil {
				return err
			}
			known[name] = s
		}
		return nil
	})
	return known, errors.Join(err, file.Close())
}

// markedStates are the states that a destination keeps.
func markedStates(marks []record.Mark) (map[string]checkpoint.Stream, error) {
	known := make(map[string]checkpoint.Stream)
	for _, m := range marks {
		if len(m.State) == 0 {
			continue
		}
		var s checkpoint.Stream
		if err := json.Unmarshal(m.State, &s); err != nil {
			return nil, fmt.Errorf("read the destination's state of %s: %w", m.Stream, err)
		}
		known[m.Stream] = s
	}
	return known, nil
}
