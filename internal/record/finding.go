package record

import (
	"fmt"
	"time"
)

// Finding is what one check of 'agent doctor' found, in the form of its --json.
type Finding struct {
	Group string  `json:"group"` // what the check is of: GroupSource and its like
	Name  string  `json:"name"`  // of the check; stable, for programs
	State Verdict `json:"state"`
	Found string  `json:"found"`        // in a sentence
	Do    string  `json:"do,omitempty"` // what to do about it
}

// Verdict is how a check ended.
type Verdict string

// The verdicts.
const (
	OK         Verdict = "ok"
	Warning    Verdict = "warning"     // a run goes on all the same
	Failure    Verdict = "failure"     // a run would stop
	NotChecked Verdict = "not checked" // something before it failed, or it cannot be found out
)

// The groups of findings, in the order of the checks.
const (
	GroupConfiguration = "configuration"
	GroupState         = "state"
	GroupSource        = "source"
	GroupDestination   = "destination"
)

// Report hands the findings of one group on as they come.
type Report struct {
	Group string
	Yield func(Finding)
}

// OK, Warning, Failure and NotChecked report one check each.
func (r Report) OK(name, format string, args ...any) {
	r.Yield(Finding{Group: r.Group, Name: name, State: OK, Found: fmt.Sprintf(format, args...)})
}

// Warning reports something to know.
func (r Report) Warning(name, do, format string, args ...any) {
	r.Yield(Finding{Group: r.Group, Name: name, State: Warning, Found: fmt.Sprintf(format, args...), Do: do})
}

// Failure reports what would stop a run.
func (r Report) Failure(name, do, format string, args ...any) {
	r.Yield(Finding{Group: r.Group, Name: name, State: Failure, Found: fmt.Sprintf(format, args...), Do: do})
}

// NotChecked reports what could not be checked, and why.
func (r Report) NotChecked(name, format string, args ...any) {
	r.Yield(Finding{Group: r.Group, Name: name, State: NotChecked, Found: fmt.Sprintf(format, args...)})
}

// Subject is one stream that a source is examined for.
type Subject struct {
	Stream   string
	Query    Query  // from the beginning; Top is the batch size that is set
	SizeFlag string // the setting of the batch size
	// FilterFlag is the setting of the query's filter.
	FilterFlag string
	Pause      time.Duration // what a sync leaves between two requests
	Named      bool          // a sync would have been asked for this stream by name
}

// Examined is what else an examination of a destination brought to light.
type Examined struct {
	Marks      []Mark
	MarksKnown bool   // Marks are all there are; false: they could not be read
	Free       uint64 // bytes where the rows go
	FreeKnown  bool
	Place      string // what Free is of, or why it is not known
}
