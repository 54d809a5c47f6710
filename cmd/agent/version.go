package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/peterbourgon/ff/v3/ffcli"
)

func newVersion(r *root) *ffcli.Command {
	fs := r.flags("agent version")
	r.examples(fs, "agent version")
	return &ffcli.Command{
		Name: "version", ShortUsage: "agent version", ShortHelp: "print the version",
		FlagSet: fs,
		Exec: func(_ context.Context, args []string) error {
			if err := noArguments(args); err != nil {
				return err
			}
			_, err := fmt.Fprintf(r.stdout, "resoagent %s (commit %s, %s) %s %s/%s\n",
				programVersion(), known(commit), known(date), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// programVersion is what the build set, or what Go itself knows of a program
// that was built with 'go install'.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "dev"
}

func known(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// userAgent names the program to the source: some providers' edges refuse the
// defaults of HTTP libraries.
func userAgent() string { return "resoagent/" + programVersion() }
