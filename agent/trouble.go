package agent

import (
	"context"
	"errors"
	"strings"
	"time"
)

// troubles are what fails at present, by what it is that fails: the destination, or
// the source in one of its streams. An entry outlives the run that gave up because of
// it, so that what fails for an hour is not said to have begun a minute ago.
type troubles map[string]*trouble

type trouble struct {
	ProblemStatus
	rows int // of failures that are under way: windows of a pass fail side by side
}

// troubleOf names what fails by what a retrier is for. All work on the destination
// fails alike; a source may well refuse one resource and give the next.
func troubleOf(what string) string {
	side, stream, _ := strings.Cut(what, ", ")
	if side == "destination" {
		return side
	}
	return side + ", " + strings.TrimPrefix(stream, "end of ")
}

// failed notes a failure, and when it is tried again.
func (t troubles) failed(e Retrying, now time.Time) {
	name := troubleOf(e.What)
	x := t[name]
	if x == nil {
		x = &trouble{ProblemStatus: ProblemStatus{Since: now.UTC()}}
		t[name] = x
	}
	if e.Attempt == 1 || x.rows == 0 {
		x.rows++
	}
	retry, end := now.Add(e.Wait).UTC(), now.Add(e.Left).UTC()
	x.At, x.What, x.Text = now.UTC(), e.What, oneLine(e.What+": "+e.Err.Error())
	x.Times++
	x.Attempt, x.RetryAt, x.GivesUpAt = e.Attempt+1, &retry, &end
}

// recovered notes that a row of failures has ended well.
func (t troubles) recovered(what string) {
	name := troubleOf(what)
	if x := t[name]; x != nil {
		if x.rows--; x.rows <= 0 {
			delete(t, name)
		}
	}
}

// works notes that something has gone well that fails nowhere else: the last row of
// failures has ended then, also if nobody said so.
func (t troubles) works(what string) {
	if x := t[troubleOf(what)]; x != nil && x.rows <= 1 {
		delete(t, troubleOf(what))
	}
}

// rest notes that nothing is tried again for the moment.
func (t troubles) rest() {
	for _, x := range t {
		x.rows, x.Attempt, x.RetryAt, x.GivesUpAt = 0, 0, nil, nil
	}
}

// worst is what an operator must hear of first: a destination that fails holds up
// everything, else what has failed for the longest time. Nil: nothing fails.
func (t troubles) worst() *ProblemStatus {
	var worst *trouble
	for name, x := range t {
		if name == "destination" {
			worst = x
			break
		}
		if worst == nil || x.Since.Before(worst.Since) {
			worst = x
		}
	}
	if worst == nil {
		return nil
	}
	p := worst.ProblemStatus
	return &p
}

// oneLine puts a text that drivers and sources spread over several lines into one.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// stopped reports whether a run ended because something is wrong, not because it was
// told to.
func stopped(err error) bool { return err != nil && !errors.Is(err, context.Canceled) }

// present says what is wrong at present: what the run under way tries again; else why
// the last sync stopped, until one has ended well or has stored something.
func (s *Status) present(m moment, last *RunRecord) {
	s.Problem = m.problem
	if (s.Problem != nil && s.Problem.RetryAt != nil) || last == nil || last.Done || last.Error == endOf(context.Canceled) || m.stored > 0 {
		return
	}
	p := ProblemStatus{Since: last.StartedAt, At: last.StartedAt, What: "run", Times: last.Repeats + 1, Text: oneLine(last.Error)}
	if last.FinishedAt != nil {
		if p.At = *last.FinishedAt; last.Repeats == 0 {
			p.Since = p.At
		}
	}
	if m.problem != nil && m.problem.Since.Before(p.Since) {
		p.Since, p.Times = m.problem.Since, m.problem.Times
	}
	if m.schedule != nil {
		p.RetryAt = m.schedule.NextRunAt
	}
	s.Problem = &p
}
