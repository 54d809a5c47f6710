package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"time"

	"resoagent/checkpoint"
	"resoagent/keyset"
)

// Status is what a state directory holds, in the form of 'agent status --json'.
type Status struct {
	StateDir       string         `json:"state_dir"`
	Running        bool           `json:"running"`
	Run            *RunStatus     `json:"run"`
	Streams        []StreamStatus `json:"streams"`
	KeySet         KeySetStatus   `json:"key_set"`
	OrphanParents  int64          `json:"orphan_parents"`
	PendingSyncLog int            `json:"pending_synclog"`
	StateFileBytes int64          `json:"state_file_bytes"`
}

// RunStatus is the run under way.
type RunStatus struct {
	ID        string    `json:"id"`
	StartedAt time.Time `json:"started_at"`
	Streams   []string  `json:"streams"`
}

// StreamStatus is one stream. The counters are those of the pass under way,
// else of the last one.
type StreamStatus struct {
	Name           string          `json:"name"`
	Position       *PositionStatus `json:"position"`
	Pass           *PassStatus     `json:"pass"`
	Processed      int64           `json:"processed"`
	Successful     int64           `json:"successful"`
	Unchanged      int64           `json:"unchanged"`
	Failed         int64           `json:"failed"`
	Skipped        int64           `json:"skipped"`
	LastFinishedAt *time.Time      `json:"last_finished_at"`
}

// PositionStatus is where a stream stands.
type PositionStatus struct {
	Timestamp string `json:"timestamp"`
	Key       string `json:"key"`
	Sequence  uint64 `json:"sequence"`
}

// WindowStatus is one of the windows that are read side by side.
type WindowStatus struct {
	From     string          `json:"from"`   // "": where the pass begins
	Before   string          `json:"before"` // not included
	Position *PositionStatus `json:"position"`
	Page     int             `json:"page"`
	Done     bool            `json:"done"` // and waits for those before it
}

// PassStatus is a pass under way, or one that was interrupted.
type PassStatus struct {
	StartedAt time.Time `json:"started_at"`
	Page      int       `json:"page"`
	Batch     int       `json:"batch"` // batches stored of this page
	Total     *int64    `json:"total"` // null: the source does not count
	// Windows are those that are not part of the position yet; [] where the pass
	// is one walk.
	Windows []WindowStatus `json:"windows"`
}

// KeySetStatus is the set of parent keys.
type KeySetStatus struct {
	Keys              uint64  `json:"keys"`
	BloomBits         uint64  `json:"bloom_bits"`
	FalsePositiveRate float64 `json:"bloom_false_positive_rate"`
}

// noteOrphans is the state file's note of how many parents are missing, as the
// destination counted them last.
const noteOrphans = "orphan_parents"

// statusPatience is how long ReadStatus tries while an agent holds the state
// file and does not answer yet, as in the moments of its start and end.
const statusPatience = 3 * time.Second

// ReadStatus tells how a state directory stands. It needs neither source nor
// destination. While an agent runs, the state file is locked even for readers,
// so the running agent is asked over its socket. A directory without a state
// file is one where nothing has happened yet.
func ReadStatus(ctx context.Context, dir string) (Status, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Status{}, fmt.Errorf("read status: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	for {
		s, err := askSocket(ctx, dir)
		if err == nil {
			return s, nil
		}
		s, err = readFile(dir)
		if !errors.Is(err, checkpoint.ErrLocked) {
			return s, stateHint(err)
		}
		if sleep(ctx, 50*time.Millisecond) != nil {
			return Status{}, fmt.Errorf("read status: an agent holds %s, but does not answer on its socket: %w", dir, err)
		}
	}
}

func readFile(dir string) (Status, error) {
	file, err := checkpoint.OpenReadOnly(dir)
	if errors.Is(err, checkpoint.ErrNone) {
		s := Status{StateDir: dir}
		for _, name := range Streams() {
			s.Streams = append(s.Streams, StreamStatus{Name: name})
		}
		return s, nil
	}
	if err != nil {
		return Status{}, err
	}
	s, err := statusOf(dir, file, nil, nil)
	return s, errors.Join(err, file.Close())
}

// statusOf reads a status from the state file. current holds newer states of
// streams whose pass has not been committed yet; keys is nil where the set is
// not loaded.
func statusOf(dir string, file *checkpoint.File, current map[string]checkpoint.Stream, keys *keyset.Set) (Status, error) {
	s := Status{StateDir: dir}
	err := file.View(func(tx *checkpoint.Tx) error {
		s.StateFileBytes = tx.Size()
		for _, name := range Streams() {
			stream, ok := current[name]
			if !ok {
				var err error
				if stream, _, err = tx.Stream(name); err != nil {
					return err
				}
			}
			s.Streams = append(s.Streams, streamStatus(name, stream))
		}
		stats, err := keyset.ReadStats(tx.Bolt())
		if keys != nil {
			stats, err = keys.Stats(), nil
		}
		if err != nil {
			return err
		}
		s.KeySet = KeySetStatus{Keys: stats.Keys, BloomBits: stats.BloomBits, FalsePositiveRate: stats.FalsePositiveRate}
		if err := tx.Note(noteOrphans, &s.OrphanParents); err != nil {
			return err
		}
		return tx.Runs(func(r checkpoint.Run) error {
			if !r.Mirrored {
				s.PendingSyncLog++
			}
			return nil
		})
	})
	return s, err
}

func streamStatus(name string, s checkpoint.Stream) StreamStatus {
	n := s.Counters
	out := StreamStatus{
		Name: name, Processed: n.Processed(), Successful: n.Successful(), Unchanged: n.Unchanged, Failed: n.Failed, Skipped: n.Skipped,
	}
	if s.Position != nil {
		out.Position = &PositionStatus{Timestamp: s.Position.Timestamp, Key: s.Position.Key, Sequence: s.Sequence}
	}
	if p := s.Pass; p != nil {
		out.Pass = &PassStatus{StartedAt: p.StartedAt, Page: p.Page, Batch: p.Batch, Total: p.Total, Windows: []WindowStatus{}}
		for _, w := range p.Windows {
			status := WindowStatus{From: w.From, Before: w.Before, Page: w.Page, Done: w.Done}
			if w.Page > 0 && w.Cursor.Timestamp != "" {
				status.Position = &PositionStatus{Timestamp: w.Cursor.Timestamp, Key: w.Cursor.Key, Sequence: s.Sequence}
			}
			out.Pass.Page += w.Page
			out.Pass.Windows = append(out.Pass.Windows, status)
		}
	}
	if !s.LastFinishedAt.IsZero() {
		at := s.LastFinishedAt
		out.LastFinishedAt = &at
	}
	return out
}

// Status tells how this agent stands.
func (a *Agent) Status() (Status, error) {
	run, current := a.live.snapshot()
	s, err := statusOf(a.config.StateDir, a.file, current, a.keys)
	s.Running, s.Run = run != nil, run
	return s, err
}

// statusJSON is what the socket answers.
func (a *Agent) statusJSON() ([]byte, error) {
	s, err := a.Status()
	if err != nil {
		return nil, err
	}
	out, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	return out, nil
}

// live is what only the running agent knows.
type live struct {
	mu      sync.Mutex
	run     *RunStatus
	streams map[string]checkpoint.Stream
}

func (l *live) begin(id string, at time.Time, streams []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run = &RunStatus{ID: id, StartedAt: at, Streams: streams}
	l.streams = make(map[string]checkpoint.Stream)
}

func (l *live) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run, l.streams = nil, nil
}

// set notes a stream's state. The pass is copied, since the caller goes on with it.
func (l *live) set(name string, s checkpoint.Stream) {
	if s.Pass != nil {
		pass := *s.Pass
		s.Pass = &pass
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams != nil {
		l.streams[name] = s
	}
}

func (l *live) snapshot() (*RunStatus, map[string]checkpoint.Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.run, maps.Clone(l.streams)
}
