package agent

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/crashpoint"
	"resoagent/internal/record"
)

// The journal in the state file has every run: those that finished, which are
// mirrored into SyncLog, and for the operator's sake those that did not.

// journalLength is how many runs the state file remembers.
const journalLength = 1000

// noteUnderWay is the state file's note of the run under way. Who finds one at
// its start knows that the run before died.
const noteUnderWay = "run_under_way"

// errDied is what the journal says of a run that ended without a word.
var errDied = errors.New("the run died: the process was killed, or the host went down")

// underWay is the value of noteUnderWay.
type underWay struct {
	ID        string    `json:"id"`
	Task      string    `json:"task,omitempty"`
	StartedAt time.Time `json:"started_at"`
}

// failure is a run that did not finish.
type failure struct {
	report Report
	own    checkpoint.Counters
	why    error
}

// beginJournal notes that a run is under way, and puts the one before into the
// journal if it died. A crash behind this finds the note of this run.
func (a *Agent) beginJournal(report *Report) error {
	return a.file.Update(func(tx *checkpoint.Tx) error {
		var before underWay
		if err := tx.Note(noteUnderWay, &before); err != nil {
			return err
		}
		if before.ID != "" {
			died := checkpoint.Run{ID: before.ID, Task: before.Task, StartedAt: before.StartedAt, Mirrored: true, Error: errDied.Error()}
			if err := putFailure(tx, died, died.Error); err != nil {
				return err
			}
		}
		return tx.PutNote(noteUnderWay, underWay{ID: report.ID, Task: report.Task, StartedAt: report.Started})
	})
}

// journalFailure puts a run that did not finish into the journal. A state file
// that cannot take it is one that the run has failed for; who opens it again
// tries once more.
func (a *Agent) journalFailure(f *failure) {
	run := checkpoint.Run{
		ID: f.report.ID, Task: f.report.Task, StartedAt: f.report.Started, FinishedAt: a.now().UTC(),
		Totals: f.own, Own: &f.own, Mirrored: true, Error: endOf(f.why),
	}
	a.unjournaled = nil
	err := a.file.Update(func(tx *checkpoint.Tx) error {
		// A run that was refused its destination has left no note: one that is
		// there is of a run that died before.
		var mine underWay
		if err := tx.Note(noteUnderWay, &mine); err != nil {
			return err
		}
		if mine.ID == run.ID {
			if err := tx.DeleteNote(noteUnderWay); err != nil {
				return err
			}
		}
		return putFailure(tx, run, rootOf(f.why))
	})
	if err != nil {
		a.unjournaled = f
	}
}

// endOf says why a run ended before it was done.
func endOf(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return err.Error()
}

// putFailure stores a run that did not finish. One that ends like the one before
// it, with nothing done, only raises that one's count: a source that is away for a
// week, or a host that kills the agent again and again, must not push the runs
// before out of the journal. root is what was wrong, without the place.
func putFailure(tx *checkpoint.Tx, run checkpoint.Run, root string) error {
	last, ok, err := tx.LastRun()
	if err != nil {
		return err
	}
	nothing := run.Own == nil || *run.Own == checkpoint.Counters{}
	if ok && last.ID != run.ID && last.Task == run.Task && nothing && last.Error != "" && strings.Contains(words(last.Error), words(root)) {
		last.Repeats, last.FinishedAt, last.Error = last.Repeats+1, run.FinishedAt, run.Error
		run = last
	}
	if err := tx.PutRun(run); err != nil {
		return err
	}
	return tx.TrimRuns(journalLength)
}

// rootOf is what source or destination said, without the stream, window and page
// where it happened.
func rootOf(err error) string {
	var k kinded
	if errors.As(err, &k) {
		return k.Error()
	}
	return endOf(err)
}

// words are an error without its numbers, and without what stands in quotes:
// attempts, times, ports and keys differ each time.
func words(text string) string {
	return regexp.MustCompile(`"[^"]*"|[0-9]+`).ReplaceAllString(text, "")
}

// finish puts the run into the journal and mirrors it into SyncLog. The run
// accounts for every pass that has finished since the last run record, also
// those of runs that died before they could write theirs.
func (a *Agent) finish(ctx context.Context, report *Report) error {
	own := a.live.own()
	run := checkpoint.Run{
		ID: report.ID, StartedAt: report.Started, FinishedAt: a.now().UTC(), Positions: make(map[string]time.Time), Own: &own,
		Gap: report.Missing(),
	}
	// One transaction: the passes are taken off the streams when the run that
	// accounts for them is in the journal, so that neither is counted twice.
	err := a.file.Update(func(tx *checkpoint.Tx) error {
		for _, name := range a.config.streams().Names() {
			s, ok, err := tx.Stream(name)
			if err != nil {
				return err
			}
			// Also of streams that were not in the run: who reads the newest row alone
			// knows all positions.
			if s.Position != nil {
				if at, err := record.ParseTimestamp(s.Position.Timestamp); err == nil {
					run.Positions[name] = at
				}
			}
			if !ok || s.Unlogged == nil {
				continue
			}
			run.Totals.Add(*s.Unlogged)
			s.Unlogged = nil
			if err := tx.PutStream(name, s); err != nil {
				return err
			}
		}
		if err := tx.PutRun(run); err != nil {
			return err
		}
		return errors.Join(tx.DeleteNote(noteUnderWay), tx.TrimRuns(journalLength))
	})
	if err != nil {
		return err
	}
	crashpoint.At(crashpoint.Journaled)
	if err := a.mirrorPending(ctx); err != nil {
		var t temporary
		if ctx.Err() != nil || !errors.As(err, &t) || !t.Temporary() {
			return err
		}
		a.notice(true, "the run is done, but its SyncLog row waits for the next start: %v", err)
		return nil
	}
	report.Mirrored = true
	crashpoint.At(crashpoint.BeforeRelease)
	return nil
}

// finishTask puts a run into the journal that was no sync. What it did is left on
// the streams, for the sync that writes the next row of SyncLog.
func (a *Agent) finishTask(report *Report) error {
	own := a.live.own()
	return a.file.Update(func(tx *checkpoint.Tx) error {
		err := tx.PutRun(checkpoint.Run{
			ID: report.ID, Task: report.Task, StartedAt: report.Started, FinishedAt: a.now().UTC(), Totals: own, Own: &own, Mirrored: true,
		})
		return errors.Join(err, tx.DeleteNote(noteUnderWay), tx.TrimRuns(journalLength))
	})
}

// mirrorPending writes the runs that are not in SyncLog yet, oldest first. A
// crash behind Mirror repeats it, and the run's identifier shows it was there.
func (a *Agent) mirrorPending(ctx context.Context) error {
	var pending []checkpoint.Run
	err := a.file.View(func(tx *checkpoint.Tx) error {
		return tx.Runs(func(r checkpoint.Run) error {
			if !r.Mirrored {
				pending = append(pending, r)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, r := range pending {
		columns := make(map[string]time.Time)
		for _, s := range a.config.streams() {
			if s.SyncLog != "" {
				columns[s.SyncLog] = r.Positions[s.Name]
			}
		}
		err := newRetrier("destination, SyncLog", a.config.RetryFor, a.observe).do(ctx, func() error {
			return a.log.Mirror(ctx, record.Run{
				ID: r.ID, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, Positions: r.Positions, Columns: columns,
				Processed: r.Totals.Processed(), Successful: r.Totals.Successful(), Failed: r.Totals.Failed,
			})
		})
		if err != nil {
			return err
		}
		crashpoint.At(crashpoint.Mirrored)
		r.Mirrored = true
		if err := a.file.Update(func(tx *checkpoint.Tx) error { return tx.PutRun(r) }); err != nil {
			return err
		}
	}
	return nil
}

// RunRecord is a run in the journal, in the form of 'agent history --json'. Its
// counters are what the run itself did; a row of SyncLog accounts for more, see
// Report.
type RunRecord struct {
	ID         string     `json:"id"`
	Task       string     `json:"task,omitempty"` // TaskRetryRejects; none: a sync
	StartedAt  time.Time  `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at"`      // null: the run died, and nobody knows when
	Seconds    *float64   `json:"duration_seconds"` // null likewise
	Done       bool       `json:"done"`
	Error      string     `json:"error,omitempty"`
	Repeats    int        `json:"repeats,omitempty"` // runs behind this one that ended the same way
	Processed  int64      `json:"processed"`
	Successful int64      `json:"successful"`
	Written    int64      `json:"written"`
	Unchanged  int64      `json:"unchanged"`
	Deleted    int64      `json:"deleted"`
	Older      int64      `json:"older"` // gave way to a newer row; not among Processed
	Failed     int64      `json:"failed"`
	Skipped    int64      `json:"skipped"`
	Repaired   int64      `json:"repaired"`   // of Successful, with their text repaired
	Gap        int64      `json:"gap"`        // what the source counted and had not sent
	InSyncLog  bool       `json:"in_synclog"` // or, where the run is done, waits to be written there
}

func runRecord(r checkpoint.Run) RunRecord {
	n := r.Totals
	if r.Own != nil {
		n = *r.Own
	}
	out := RunRecord{
		ID: r.ID, Task: r.Task, StartedAt: r.StartedAt, Done: r.Error == "", Error: r.Error, Repeats: r.Repeats,
		Processed: n.Processed(), Successful: n.Successful(), Written: n.Written, Unchanged: n.Unchanged, Deleted: n.Deleted,
		Older: n.Older, Failed: n.Failed, Skipped: n.Skipped, Repaired: n.Repaired, Gap: r.Gap, InSyncLog: r.Mirrored && r.Error == "" && r.Task == "",
	}
	if !r.FinishedAt.IsZero() {
		at := r.FinishedAt
		out.FinishedAt = &at
		if r.Repeats == 0 {
			seconds := at.Sub(r.StartedAt).Seconds()
			out.Seconds = &seconds
		}
	}
	return out
}

// History gives the newest runs of the journal, the newest first; at most limit.
func (a *Agent) History(limit int) ([]RunRecord, error) {
	a.state.RLock()
	defer a.state.RUnlock()
	return historyOf(a.file, limit)
}

func historyOf(file *checkpoint.File, limit int) ([]RunRecord, error) {
	runs := []RunRecord{}
	err := file.View(func(tx *checkpoint.Tx) error {
		return tx.Runs(func(r checkpoint.Run) error {
			runs = append(runs, runRecord(r))
			return nil
		})
	})
	slices.Reverse(runs)
	return runs[:min(limit, len(runs))], err
}
