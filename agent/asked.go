package agent

import (
	"errors"
	"time"

	"resoagent/checkpoint"
)

// noteAsked is the state file's note of a pause that the source asked for and that
// is longer than the patience: the next process, which cron may start long before
// its end, does not ask either.
const noteAsked = "source_asked_to_wait"

// mostRemembered bounds how long such a note holds. What asks for more is asked
// once a day, so that no mistake of a source locks anybody out for longer.
const mostRemembered = 24 * time.Hour

// askedToWait is the value of noteAsked.
type askedToWait struct {
	Source  string    `json:"source"`
	NotedAt time.Time `json:"noted_at"`
	Until   time.Time `json:"until"`
}

// left is how much of the pause is left for who asks this source now. A clock that
// was set back since must not make a long pause of a short one.
func (n *askedToWait) left(source string, now time.Time) time.Duration {
	if n.Source != source || now.Before(n.NotedAt) || now.Sub(n.NotedAt) >= mostRemembered {
		return 0
	}
	return max(0, n.Until.Sub(now))
}

// rememberAsked notes the pause that a run has ended by. It is not needed for
// anything to be right, so a state file that does not take it is no new fault.
func (a *Agent) rememberAsked(err error) {
	var p *patienceError
	if !errors.As(err, &p) {
		return
	}
	left, _ := p.RetryAfter()
	now := a.now().UTC()
	_ = a.file.Update(func(tx *checkpoint.Tx) error {
		var before askedToWait
		if err := tx.Note(noteAsked, &before); err != nil {
			return err
		}
		until := now.Add(left)
		if before.left(a.config.SourceURL, now) > 0 && before.Until.Sub(until).Abs() < time.Minute {
			return nil // still the same pause, noted when it was asked for
		}
		return tx.PutNote(noteAsked, askedToWait{Source: a.config.SourceURL, NotedAt: now, Until: until})
	})
}

// recallAsked takes up a pause that another process was asked for.
func recallAsked(file *checkpoint.File, source *paced, c *Config) error {
	return file.View(func(tx *checkpoint.Tx) error {
		var n askedToWait
		if err := tx.Note(noteAsked, &n); err != nil {
			return err
		}
		if left := n.left(c.SourceURL, c.now()); left > 0 {
			source.pace.hold(left)
		}
		return nil
	})
}

// recallFiled is recallAsked for who does not have the state file open. Whatever is
// wrong with that is told by who needs it.
func recallFiled(source *paced, c *Config) {
	file, err := checkpoint.OpenReadOnly(c.StateDir)
	if err != nil {
		return
	}
	defer file.Close() //nolint:errcheck // nothing was written
	_ = recallAsked(file, source, c)
}
