package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/disk"
	"resoagent/internal/record"
	"resoagent/keyset"
)

// statusPatience is how long ReadStatus tries while an agent holds the state
// file and does not answer yet, as in the moments of its start and end.
const statusPatience = 3 * time.Second

// ReadStatus tells how a state directory stands. It needs neither source nor
// destination. While an agent runs, the state file is locked even for readers,
// so the running agent is asked over its socket. A directory without a state
// file is one where nothing has happened yet; one that is not there is ErrNoState.
// now is the present.
func ReadStatus(ctx context.Context, dir string, now time.Time) (s Status, err error) {
	err = readState(ctx, dir, askStatus, &s, func(dir string, file *checkpoint.File) (err error) {
		s, err = statusOf(dir, file, now, moment{}, nil, Streams())
		return err
	})
	return s, err
}

// ReadHistory gives the newest runs of the journal, the newest first: at most
// limit, or all where that is 0. It gets them as ReadStatus does.
func ReadHistory(ctx context.Context, dir string, limit int) (runs []RunRecord, err error) {
	if limit == 0 {
		limit = journalLength
	}
	err = readState(ctx, dir, askHistory, &runs, func(_ string, file *checkpoint.File) (err error) {
		if runs = []RunRecord{}; file != nil {
			runs, err = historyOf(file, limit)
		}
		return err
	})
	return runs[:min(limit, len(runs))], err
}

// readState has a running agent answer a question into answer, or reads the file
// where there is none. read gets nil where there is no file.
func readState(ctx context.Context, dir, question string, answer any, read func(string, *checkpoint.File) error) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("read %s: %w", question, err)
	}
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	for others := 0; ; {
		asked := askSocket(ctx, dir, question, answer)
		if err = asked; err == nil {
			return nil
		}
		if errors.Is(err, errOtherVersion) {
			// Or an agent so busy that it took the question for none.
			if others++; others > 2 {
				return err
			}
			continue
		}
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s; the first sync makes it, or name that of your syncs with --state-dir", ErrNoState, dir)
		}
		err = readFile(dir, read)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return fmt.Errorf("read %s: %w; ask as the agent's user, such as with sudo -u resoagent", question, err)
		case !errors.Is(err, checkpoint.ErrLocked):
			return stateHint(err)
		}
		if sleep(ctx, 50*time.Millisecond) != nil {
			var other *disk.UntrustedError
			if errors.As(asked, &other) {
				err = other
			}
			return fmt.Errorf("read %s: an agent holds %s, but does not answer on its socket: %w", question, dir, err)
		}
	}
}

func readFile(dir string, read func(string, *checkpoint.File) error) error {
	file, err := checkpoint.OpenReadOnly(dir)
	if errors.Is(err, checkpoint.ErrNone) {
		return read(dir, nil)
	}
	if err != nil {
		return err
	}
	return errors.Join(read(dir, file), file.Close())
}

// statusOf reads a status. The running agent hands over what it knows better
// than the file, whose counters are those of the last commit.
func statusOf(dir string, file *checkpoint.File, now time.Time, m moment, keys *keyset.Set, streams []string) (Status, error) {
	s := Status{At: now.UTC(), StateDir: dir, Running: m.run != nil, Schedule: m.schedule, FreeBytes: freeBytes(dir)}
	if m.run != nil {
		run := *m.run
		run.QuietSeconds = m.quiet.Seconds()
		s.Run = &run
	}
	if file == nil {
		for _, name := range streams {
			s.Streams = append(s.Streams, StreamStatus{Name: name})
		}
		return s, nil
	}
	var sync *RunRecord // the last one
	err := file.View(func(tx *checkpoint.Tx) error {
		s.StateFileBytes = tx.Size()
		if info, err := os.Stat(filepath.Join(dir, checkpoint.FileName)); err == nil {
			s.StateFileBytes = info.Size() // with what is set aside for growing
		}
		all := make(map[string]known)
		if err := tx.Note(noteStreams, &all); err != nil {
			return err
		}
		for _, name := range streams {
			stream, _, err := tx.Stream(name)
			if err != nil {
				return err
			}
			if now, ok := m.streams[name]; ok {
				stream = now
			}
			status := streamStatus(name, stream)
			all[name].show(&status)
			status.timing(now, m.rates)
			s.Streams = append(s.Streams, status)
		}
		stats, err := keyset.ReadStats(tx.Bolt())
		if keys != nil {
			stats, err = keys.Stats(), nil
		}
		if err != nil {
			return err
		}
		s.KeySet = KeySetStatus{
			Keys: stats.Keys, BloomBits: stats.BloomBits, FalsePositiveRate: stats.FalsePositiveRate,
			Absent: stats.Absent, FalsePositives: stats.FalsePositives,
		}
		var figures record.Figures
		if err := tx.Note(noteFigures, &figures); err != nil {
			return err
		}
		s.OrphanParents, s.Rejects, s.Repaired, s.DestinationBytes = figures.OrphanParents, figures.Rejects, figures.Repaired, figures.Bytes
		sync, err = s.journal(tx)
		return err
	})
	s.present(m, sync)
	return s, err
}

// freeBytes is what is free on the disk of a directory; nil where that cannot be
// told.
func freeBytes(dir string) *int64 {
	n, err := disk.Free(dir)
	if err != nil {
		return nil
	}
	free := int64(min(n, math.MaxInt64))
	return &free
}

// journal takes over what the journal says, and gives the last sync. Only a sync
// makes the copy current.
func (s *Status) journal(tx *checkpoint.Tx) (sync *RunRecord, err error) {
	err = tx.Runs(func(r checkpoint.Run) error {
		run := runRecord(r)
		s.LastRun = &run
		if run.Task == "" {
			sync = &run
		}
		if run.Done && run.Task == "" {
			s.LastSuccessAt = run.FinishedAt
		}
		if !r.Mirrored {
			s.PendingSyncLog++
		}
		return nil
	})
	return sync, err
}

// timing adds what depends on the time.
func (s *StreamStatus) timing(now time.Time, rates map[string]float64) {
	if s.Position != nil {
		if at, err := record.ParseTimestamp(s.Position.Timestamp); err == nil {
			lag := max(0, now.Sub(at).Seconds())
			s.LagSeconds = &lag
			at = at.UTC()
			s.NewestRecordAt = &at
		}
	}
	perSecond, ok := rates[s.Name]
	if !ok || s.Pass == nil {
		return
	}
	s.Rate = &perSecond
	if s.Pass.Total != nil && perSecond > 0 {
		left := float64(max(0, *s.Pass.Total-s.Done())) / perSecond
		s.SecondsLeft = &left
	}
}

func (s *StreamStatus) count(n checkpoint.Counters) {
	s.Processed, s.Successful, s.Unchanged = n.Processed(), n.Successful(), n.Unchanged
	s.Older, s.Failed, s.Skipped, s.Repaired = n.Older, n.Failed, n.Skipped, n.Repaired
}

func streamStatus(name string, s checkpoint.Stream) StreamStatus {
	out := StreamStatus{Name: name}
	out.count(s.Counters)
	if g := s.Gap; g != nil {
		out.Gap = &GapStatus{Count: g.Records, From: g.From, Before: g.Before, Since: g.Since}
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
	a.state.RLock()
	defer a.state.RUnlock()
	s, err := statusOf(a.config.StateDir, a.file, a.now(), a.live.snapshot(a.now()), a.keys, a.config.streams().Names())
	s.Agent = &AgentStatus{PID: os.Getpid(), Program: a.config.UserAgent, Host: a.config.Host, StartedAt: a.opened}
	return s, err
}
