package monitor

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
)

// quiet is an agent of which nothing is known.
type quiet struct{}

func (quiet) Status() (agent.Status, error)          { return agent.Status{}, errors.New("nothing is known") }
func (quiet) History(int) ([]agent.RunRecord, error) { return nil, nil }
func (quiet) Traffic() agent.Traffic                 { return agent.Traffic{} }

// A listener that dies is told of and replaced, at the same address.
func TestListenerDies(t *testing.T) {
	t.Parallel()
	notices := make(chan agent.Notice, 10)
	s, err := Listen(context.Background(), "127.0.0.1:0", slog.New(slog.DiscardHandler), func(n agent.Notice) { notices <- n })
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(New(Options{Now: time.Now}), quiet{})
	asked := func() error {
		client := &http.Client{Timeout: 5 * time.Second}
		answer, err := client.Get("http://" + s.Address() + "/healthz")
		if err == nil {
			err = answer.Body.Close()
		}
		return err
	}
	if err := asked(); err != nil {
		t.Fatal(err)
	}
	_ = s.listener.Close() // as when the network below it goes
	for _, want := range []struct {
		text    string
		warning bool
	}{{"is not served any more", true}, {"again", false}} {
		select {
		case n := <-notices:
			if n.Warning != want.warning || !strings.Contains(n.Text, want.text) {
				t.Errorf("told %+v, want %q", n, want.text)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("nobody is told that it %s", want.text)
		}
	}
	if err := asked(); err != nil {
		t.Errorf("behind it: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if asked() == nil {
		t.Error("it answers behind its end")
	}
}
