package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"resoagent/agent"
	"resoagent/cmd/agent/manual"
)

// The exit codes. Other programs rely on them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRejects     = 3
	exitInUse       = 4
	exitGap         = 5
	exitInterrupted = 130
)

// exitCodes says what they mean, for help and man page.
func exitCodes() (codes []manual.Entry) {
	for _, x := range []struct {
		code int
		text string
	}{
		{exitDone, "done"},
		{exitFailed, "failed; what was stored is kept: run again to go on"},
		{exitUsage, "usage or configuration"},
		{exitRejects, "done, but some records were rejected (see 'agent rejects')"},
		{exitInUse, "another agent uses this state directory or this destination"},
		{exitGap, "done, but the source counts more than it sent (see 'agent status')"},
		{exitInterrupted, "interrupted; what was stored is kept: run again to go on"},
	} {
		codes = append(codes, manual.Entry{Name: strconv.Itoa(x.code), Text: x.text})
	}
	return codes
}

// errUsage: the command line is wrong.
var errUsage = errors.New("usage")

// errRejects: the run is done, but some records were rejected.
var errRejects = errors.New("some records were rejected; 'agent rejects' lists them with the reason")

// errLeftOut: the run is done, but the source does not have a stream that was named.
var errLeftOut = errors.New("a stream that was named was left out, since the source does not have it; the others are up to date")

// errGap: the run is done, but the source counts more than it has sent.
var errGap = errors.New("the source counts more records than it has sent; 'agent status' shows of which stream and when, " +
	"'agent sync --force' with the flag of that stream fetches all of it again")

// exitCode tells the person what went wrong and gives the process's exit code.
func exitCode(err error, stderr io.Writer) int {
	code := exitFailed
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errRejects):
		code = exitRejects
	case errors.Is(err, errGap):
		code = exitGap
	case errors.Is(err, agent.ErrInUse):
		code = exitInUse
	case errors.Is(err, errUsage), errors.Is(err, agent.ErrConfig):
		code = exitUsage
	case errors.Is(err, context.Canceled):
		_, _ = fmt.Fprintln(stderr, "agent: interrupted; what was stored is kept, run again to go on")
		return exitInterrupted
	}
	_, _ = fmt.Fprintf(stderr, "agent: %v\n", err)
	if next := nextStep(err); next != "" {
		_, _ = fmt.Fprintf(stderr, "agent: next: %s\n", next)
	}
	return code
}
