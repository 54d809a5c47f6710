package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
)

// mostProblems is how many are kept.
const mostProblems = 30

// problem is something that the operator should know of.
type problem struct {
	At     time.Time // the last time
	Stop   bool      // it ended a run
	Text   string
	Number int // times in a row
}

// problems keeps the last ones.
type problems struct {
	mu   sync.Mutex
	list []problem // oldest first
}

func (p *problems) observe(now time.Time, e agent.Event) {
	text := ""
	switch e := e.(type) {
	case agent.Notice:
		text = e.Text
	case agent.Retrying:
		text = fmt.Sprintf("%s: %v", e.What, e.Err)
	case agent.RecordsRefused:
		text = fmt.Sprintf("%s: %d records rejected, the first is %s: %s", catalog.All().Of(e.Stream).Title, e.Count, e.First, e.Reason)
	case agent.RunFinished:
		if e.Err != nil && !errors.Is(e.Err, context.Canceled) {
			text = "the run stopped: " + e.Err.Error()
		}
	}
	if text == "" || e.Level() < slog.LevelWarn {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	stop := e.Level() >= slog.LevelError
	if n := len(p.list); n > 0 && p.list[n-1].Text == text {
		p.list[n-1].At, p.list[n-1].Number = now, p.list[n-1].Number+1
		return
	}
	p.list = append(p.list, problem{At: now, Stop: stop, Text: text, Number: 1})
	if len(p.list) > mostProblems {
		p.list = slices.Delete(p.list, 0, 1)
	}
}

// newest gives the problems, the newest first.
func (p *problems) newest() []problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.Clone(p.list)
	slices.Reverse(list)
	return list
}
