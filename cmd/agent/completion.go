package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/cmd/agent/manual"
)

func newCompletion(r *root) *ffcli.Command {
	fs := r.flags("agent completion")
	r.examples(fs, "source <(agent completion bash) # in bash or zsh, for this shell alone")
	c := &ffcli.Command{
		Name: "completion", ShortUsage: "agent completion " + strings.Join(manual.Shells(), "|"),
		ShortHelp: "print a script that completes commands and flags in bash, zsh or fish",
		LongHelp:  "'agent completion SHELL --help' says where the script belongs.",
		FlagSet:   fs,
		Exec: func(context.Context, []string) error {
			return fmt.Errorf("%w: name a shell: agent completion %s", errUsage, strings.Join(manual.Shells(), "|"))
		},
	}
	for _, x := range []struct{ shell, help, example string }{
		{
			"bash", `For the present shell: source it. For all: put it where the package bash-completion looks, or source it in ~/.bashrc.
It needs nothing else and works with bash 3.2 and later.`,
			"agent completion bash > ~/.local/share/bash-completion/completions/agent",
		},
		{
			"zsh", `Put it as _agent into a directory of $fpath, and begin a new shell. Where ~/.zshrc does not do it yet, it needs:
autoload -U compinit && compinit`,
			"agent completion zsh > /usr/local/share/zsh/site-functions/_agent",
		},
		{"fish", "Put it into the directory of completions; fish finds it there.", "agent completion fish > ~/.config/fish/completions/agent.fish"},
	} {
		c.Subcommands = append(c.Subcommands, newCompletionOf(r, x.shell, x.help, x.example))
	}
	return c
}

func newCompletionOf(r *root, shell, help, example string) *ffcli.Command {
	fs := r.flags("agent completion " + shell)
	lines := []string{example}
	if shell == "fish" {
		lines = append(lines, "agent completion fish | source # for this shell alone")
	} else {
		lines = append(lines, fmt.Sprintf("source <(agent completion %s) # for this shell alone", shell))
	}
	r.examples(fs, lines...)
	return &ffcli.Command{
		Name: shell, ShortUsage: "agent completion " + shell,
		ShortHelp: "print the completion script for " + shell, LongHelp: help, FlagSet: fs,
		Exec: func(_ context.Context, args []string) error {
			if err := noArguments(args); err != nil {
				return err
			}
			script, err := r.book().Completion(shell)
			if err != nil {
				return err
			}
			_, err = io.WriteString(r.stdout, script)
			return err
		},
	}
}
