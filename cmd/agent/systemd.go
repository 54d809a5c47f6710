package main

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"resoagent/agent"
	"resoagent/internal/catalog"
)

// systemd tells the service manager how the program is, by the protocol of
// sd_notify. Without NOTIFY_SOCKET in the environment, which the library reads
// itself, all of it does nothing.
type systemd struct{ stop func() }

func newSystemd() *systemd { return &systemd{stop: func() {}} }

// tell sends a state. A manager that does not listen changes nothing here.
func (s *systemd) tell(format string, args ...any) {
	_, _ = daemon.SdNotify(false, fmt.Sprintf(format, args...))
}

// ready says that the agent is there and, where a watchdog is set, begins to
// feed it: as long as the agent can tell how it stands, so a program that is
// stuck is restarted.
func (s *systemd) ready(ctx context.Context, a *agent.Agent) {
	s.tell(daemon.SdNotifyReady)
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil || limit <= 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		beat := time.NewTicker(limit / 3)
		defer beat.Stop()
		for {
			// Whatever it answers: that it does is what counts.
			_, _ = a.Status()
			s.tell(daemon.SdNotifyWatchdog)
			select {
			case <-beat.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	s.stop = func() {
		cancel()
		<-done
	}
}

// observe shows in 'systemctl status' what the agent does.
func (s *systemd) observe(e agent.Event) {
	switch e := e.(type) {
	case agent.RunStarted:
		s.tell("STATUS=syncing")
	case agent.PassStarted:
		s.tell("STATUS=syncing %s", catalog.All().Of(e.Stream).Title)
	case agent.RunScheduled:
		what := "the last sync is done"
		if e.Failures > 0 {
			what = fmt.Sprintf("%d syncs in a row have failed", e.Failures)
		}
		s.tell("STATUS=%s; next at %s", what, e.At.Format(time.DateTime))
	}
}

// reloading and reloaded frame the reading of the tokens. The manager matches the
// first with the request for it by the time.
func (s *systemd) reloading() {
	s.tell("%s\n%s", daemon.SdNotifyReloading, daemon.SdNotifyMonotonicUsec())
}

func (s *systemd) reloaded() { s.tell(daemon.SdNotifyReady) }

func (s *systemd) stopping() {
	s.tell("%s\nSTATUS=stopping", daemon.SdNotifyStopping)
	s.stop()
}
