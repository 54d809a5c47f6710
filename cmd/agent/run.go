package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/agent"
	"resoagent/cmd/agent/monitor"
)

type runCommand struct {
	*root
	settings
	streams map[string]*bool // by stream
	accept  bool
}

func newRun(r *root) *ffcli.Command {
	c := &runCommand{root: r}
	fs := r.flags("agent run")
	c.register(fs, r.env)
	r.examples(fs,
		"agent run --config agent.conf",
		"agent run --config agent.conf --every 5m --listen 127.0.0.1:9464",
	)
	c.streams = registerStreams(fs, "sync ")
	registerAccept(fs, &c.accept)
	return &ffcli.Command{
		Name: "run", ShortUsage: "agent run [--every 15m] [--listen 127.0.0.1:9464] [flags]",
		ShortHelp: "sync again and again, by a schedule, until it is told to stop",
		LongHelp: `The first sync begins at once. One that fails is tried again sooner than the next would come, and does not end
the program. SIGHUP reads the token files again; SIGTERM and SIGINT finish the batch in hand and end it with code 0.
Under systemd (Type=notify) it tells when it is ready and what it does, and feeds the watchdog.`,
		FlagSet: fs, Options: options(), Exec: c.exec,
	}
}

func (c *runCommand) exec(ctx context.Context, args []string) (err error) {
	if err := noArguments(args); err != nil {
		return err
	}
	tokens := c.config // as they were given, for reading the files again
	if err := c.complete(); err != nil {
		return err
	}
	if err := c.memory.apply(c.env); err != nil {
		return err
	}
	observe, done := c.observer(c.stdout)
	defer done()
	watch := monitor.New(monitor.Options{Version: programVersion(), Commit: commit, Now: c.env.now})
	systemd := newSystemd()
	c.config.Observe = func(e agent.Event) {
		observe(e)
		watch.Observe(e)
		systemd.observe(e)
	}
	// Before the state directory is taken: an address that is in use is a mistake
	// to be told at once.
	server, err := c.serve(ctx, observe)
	if err != nil {
		return err
	}
	a, err := agent.Open(ctx, c.config)
	if err != nil {
		return errors.Join(err, server.Close())
	}
	defer func() { err = errors.Join(err, server.Close(), a.Close()) }()
	server.Serve(watch, a)
	reload := &tokenReader{settings: &c.settings, given: tokens, agent: a, observe: c.config.Observe}
	defer c.onHangup(reload, systemd)()
	systemd.ready(ctx, a)
	defer systemd.stopping()
	return a.Every(ctx, agent.Schedule{
		Interval: c.schedule.every, Jitter: c.schedule.jitter, Selection: agent.Selection{Streams: selected(c.streams), AcceptSource: c.accept},
		Before: reload.quietly,
	})
}

// serve listens for HTTP where that is wanted.
func (c *runCommand) serve(ctx context.Context, observe func(agent.Event)) (*monitor.Server, error) {
	if c.schedule.listen == "" {
		return nil, nil //nolint:nilnil // a server that is nil does nothing
	}
	server, err := monitor.Listen(ctx, c.schedule.listen, c.logger(c.stderr), func(n agent.Notice) { c.config.Observe(n) })
	if err != nil {
		return nil, fmt.Errorf("%w: --listen: %w", errUsage, err)
	}
	warning := ""
	if !server.Loopback() {
		warning = "; everybody who can reach this host can read it"
	}
	observe(agent.Notice{Warning: warning != "", Text: "serving http://" + server.Address() + warning})
	return server, nil
}

// onHangup reads the tokens again with each SIGHUP until the returned function
// is called.
func (c *runCommand) onHangup(reload *tokenReader, systemd *systemd) (stop func()) {
	signals, ignore := c.env.hangups()
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-signals:
				systemd.reloading()
				reload.aloud()
				systemd.reloaded()
			case <-quit:
				return
			}
		}
	}()
	return func() {
		ignore()
		close(quit)
		<-done
	}
}

// tokenReader reads the token files again.
type tokenReader struct {
	*settings
	one     sync.Mutex   // a reading of files and what follows from it
	given   agent.Config // with the tokens that came by themselves, not from files
	agent   *agent.Agent
	observe func(agent.Event)
}

func (t *tokenReader) read() error {
	t.one.Lock()
	defer t.one.Unlock()
	idx, vow := t.given.IDXToken, t.given.VOWToken
	err := readToken("idx", t.idxFile, &idx)
	if err == nil {
		err = readToken("vow", t.vowFile, &vow)
	}
	if err != nil { // which is no fault of the command line by now
		return errors.New(strings.TrimPrefix(err.Error(), errUsage.Error()+": "))
	}
	return t.agent.SetTokens(idx, vow)
}

// quietly is for the moment before each run: a token that was replaced, as
// Kubernetes does, needs no signal then.
func (t *tokenReader) quietly() {
	if err := t.read(); err != nil {
		t.observe(agent.Notice{Warning: true, Text: fmt.Sprintf("the tokens that were read last stay in use: %v", err)})
	}
}

func (t *tokenReader) aloud() {
	if t.idxFile == "" && t.vowFile == "" {
		t.observe(agent.Notice{Warning: true, Text: "SIGHUP: there are no token files to read again; set --idx-token-file, --vow-token-file"})
		return
	}
	if err := t.read(); err != nil {
		t.observe(agent.Notice{Warning: true, Text: fmt.Sprintf("SIGHUP: the tokens that were read last stay in use: %v", err)})
		return
	}
	t.observe(agent.Notice{Text: "SIGHUP: the token files were read again"})
}
