package main

import (
	"context"
	"io"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"
)

func newMan(r *root) *ffcli.Command {
	fs := r.flags("agent man")
	r.examples(fs,
		"agent man | man -l - # read it now (man-db)",
		"agent man > /usr/local/share/man/man1/agent.1 # for 'man agent'",
	)
	return &ffcli.Command{
		Name: "man", ShortUsage: "agent man", ShortHelp: "print the man page",
		LongHelp: "It holds all commands and settings on one page, as roff for man(1).",
		FlagSet:  fs,
		Exec: func(_ context.Context, args []string) error {
			if err := noArguments(args); err != nil {
				return err
			}
			_, err := io.WriteString(r.stdout, r.forAnybody().book().Man())
			return err
		},
	}
}

// forAnybody is the same commands with the defaults that they have for others,
// not with those of who runs this program.
func (r *root) forAnybody() *root {
	env := r.env
	env.get = func(name string) string {
		if name == "HOME" {
			return "~"
		}
		return ""
	}
	return newRoot(r.stdin, r.stdout, r.stderr, env)
}

// day is the day of a date that the build set, or else today.
func day(built string, now time.Time) string {
	if t, err := time.Parse(time.RFC3339, built); err == nil {
		return t.UTC().Format(time.DateOnly)
	}
	return now.UTC().Format(time.DateOnly)
}
