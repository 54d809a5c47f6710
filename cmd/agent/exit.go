package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"resoagent/agent"
)

// The exit codes. Other programs rely on them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRejects     = 3
	exitInUse       = 4
	exitInterrupted = 130
)

// exitText is the part of --help about them.
const exitText = `EXIT CODES
  0    done
  1    failed; what was stored is kept: run again to go on
  2    usage or configuration
  3    done, but some records were rejected (see 'agent rejects')
  4    another agent uses this state directory or this destination
  130  interrupted; what was stored is kept: run again to go on
`

// errUsage: the command line is wrong.
var errUsage = errors.New("usage")

// errRejects: the run is done, but some records were rejected.
var errRejects = errors.New("some records were rejected; 'agent rejects' lists them with the reason")

// exitCode tells the person what went wrong and gives the process's exit code.
func exitCode(err error, stderr io.Writer) int {
	code := exitFailed
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.Is(err, errRejects):
		code = exitRejects
	case errors.Is(err, agent.ErrInUse):
		code = exitInUse
	case errors.Is(err, errUsage), errors.Is(err, agent.ErrConfig):
		code = exitUsage
	case errors.Is(err, context.Canceled):
		_, _ = fmt.Fprintln(stderr, "agent: interrupted; what was stored is kept, run again to go on")
		return exitInterrupted
	}
	_, _ = fmt.Fprintf(stderr, "agent: %v\n", err)
	return code
}
