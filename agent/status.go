package agent

import (
	"errors"
	"fmt"
	"time"
)

// Status is what a state directory holds, in the form of 'agent status --json'.
type Status struct {
	Problem        *ProblemStatus  `json:"problem"` // what is wrong at present; null: nothing is known to be
	At             time.Time       `json:"at"`      // when it was so
	StateDir       string          `json:"state_dir"`
	Agent          *AgentStatus    `json:"agent"`           // the process at work; null: none
	Running        bool            `json:"running"`         // a run is under way
	Run            *RunStatus      `json:"run"`             // null: none
	Schedule       *ScheduleStatus `json:"schedule"`        // of 'agent run'; null: nothing is planned
	LastRun        *RunRecord      `json:"last_run"`        // the newest in the journal, whether it finished or not
	LastSuccessAt  *time.Time      `json:"last_success_at"` // of a sync
	Streams        []StreamStatus  `json:"streams"`
	KeySet         KeySetStatus    `json:"key_set"`
	OrphanParents  int64           `json:"orphan_parents"` // as the destination counted them at the end of the last run
	Rejects        int64           `json:"rejects"`        // likewise
	Repaired       int64           `json:"repaired"`       // records whose text had to be repaired, likewise
	PendingSyncLog int             `json:"pending_synclog"`
	StateFileBytes int64           `json:"state_file_bytes"`
	// FreeBytes is what is free on the state directory's disk; null: unknown.
	FreeBytes        *int64 `json:"free_bytes"`
	DestinationBytes int64  `json:"destination_bytes"` // at the end of the last run
}

// AgentStatus is the process that has the state directory.
type AgentStatus struct {
	PID       int       `json:"pid"`
	Program   string    `json:"program"` // with its version
	Host      string    `json:"host"`
	StartedAt time.Time `json:"started_at"`
}

// RunStatus is the run under way.
type RunStatus struct {
	ID        string    `json:"id"`
	Task      string    `json:"task,omitempty"` // TaskRetryRejects; none: a sync
	StartedAt time.Time `json:"started_at"`
	Streams   []string  `json:"streams"`
	// QuietSeconds is how long ago it stored anything, or began.
	QuietSeconds float64 `json:"quiet_seconds"`
}

// ProblemStatus is what has failed and has not gone well since: something that the
// run under way tries again and again, or a run that stopped.
type ProblemStatus struct {
	Since time.Time `json:"since"` // the first time
	At    time.Time `json:"at"`    // the last time
	Times int       `json:"times"`
	What  string    `json:"what"` // that is tried: "destination, media"; "run" for a run that stopped
	Text  string    `json:"text"`
	// RetryAt is when it is tried again, by this run or by the next; null: it is tried
	// at this moment, or, where no agent is at work, not at all.
	RetryAt *time.Time `json:"retry_at"`
	// Attempt is the number of that attempt, and GivesUpAt is when the run stops
	// trying (--retry-for); 0 and null where it is the next run that tries.
	Attempt   int        `json:"attempt"`
	GivesUpAt *time.Time `json:"gives_up_at"`
}

// ScheduleStatus is what a schedule has planned.
type ScheduleStatus struct {
	EverySeconds float64    `json:"every_seconds"`
	NextRunAt    *time.Time `json:"next_run_at"`     // null: a run is under way
	Failures     int        `json:"failures_in_row"` // runs that have failed since the last that did not
	StartedAt    time.Time  `json:"started_at"`
}

// StreamStatus is one stream. The counters are those of the pass under way, else of
// the last one that brought anything.
type StreamStatus struct {
	Name     string          `json:"name"`
	Position *PositionStatus `json:"position"`
	// NewestRecordAt is the position's timestamp as a time: that of the newest record
	// that is stored. Null: none.
	NewestRecordAt *time.Time  `json:"newest_record_at"`
	Pass           *PassStatus `json:"pass"`

	// Rows is how many rows the destination had of it at RowsAt, the end of a run.
	// Estimated: by the database's own statistics. Null: not counted yet.
	Rows          *int64     `json:"rows"`
	RowsEstimated bool       `json:"rows_estimated"`
	RowsAt        *time.Time `json:"rows_at"`
	// SourceCount is how many records the source counted in all, when it was asked
	// last; null: it was not, or does not count.
	SourceCount   *int64     `json:"source_count"`
	SourceCountAt *time.Time `json:"source_count_at"`
	Gap           *GapStatus `json:"gap"`            // what the source counts and does not send; null: nothing is known to be missing
	Rejects       int64      `json:"rejects"`        // at RowsAt
	OrphanParents int64      `json:"orphan_parents"` // listings that its records wait for, at RowsAt

	CountedAt      *time.Time `json:"counted_at"` // when the pass ended that the counters are of; null: it has not, or there was none
	Processed      int64      `json:"processed"`
	Successful     int64      `json:"successful"`
	Unchanged      int64      `json:"unchanged"`
	Older          int64      `json:"older"` // gave way to a newer row; not among Processed
	Failed         int64      `json:"failed"`
	Skipped        int64      `json:"skipped"`
	Repaired       int64      `json:"repaired"` // of Successful, with their text repaired
	LastFinishedAt *time.Time `json:"last_finished_at"`
	// Rate is how many records a second have come lately; null: none are fetched.
	Rate *float64 `json:"records_per_second"`
	// SecondsLeft is how long the pass takes at that rate; null: unknown.
	SecondsLeft *float64 `json:"seconds_left"`
	// LagSeconds is how old the newest record is. On a feed in which nothing changes
	// it grows although nothing is missing: when the last pass finished is the other
	// half of the truth. Null: no position yet.
	LagSeconds *float64 `json:"lag_seconds"`
}

// Done is how many records of the pass under way have been dealt with, or of the
// last one.
func (s StreamStatus) Done() int64 { return s.Processed + s.Older + s.Skipped }

// GapStatus is what the source counts in a span of time and does not send.
type GapStatus struct {
	Count  int64     `json:"count"`
	From   string    `json:"from"`   // a timestamp, included; "" for the beginning
	Before string    `json:"before"` // a timestamp, not included
	Since  time.Time `json:"since"`  // when it was found
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
	FalsePositiveRate float64 `json:"bloom_false_positive_rate"` // by the filter's fill, until Absent is 1,000
	Absent            uint64  `json:"absent_lookups"`            // since the agent was opened
	FalsePositives    uint64  `json:"bloom_false_positives"`     // of these
}

// Ready gives the reason why the copy must not be taken for current: no run has
// finished yet, or, under a schedule, the last success is older than twice its
// interval.
func (s Status) Ready() error {
	if s.LastSuccessAt == nil {
		return errors.New("no run has finished yet")
	}
	if s.Schedule == nil {
		return nil
	}
	interval := time.Duration(s.Schedule.EverySeconds * float64(time.Second))
	age := s.At.Sub(*s.LastSuccessAt)
	if age < -time.Minute {
		return fmt.Errorf("the last run that finished did so %s from now by this host's clock, which must have been set back", -age.Round(time.Second))
	}
	if age > 2*interval {
		return fmt.Errorf("the last run that finished did so %s ago, more than twice the interval of %s", age.Round(time.Second), interval)
	}
	return nil
}
