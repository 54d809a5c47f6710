package console

import (
	"context"
	"io"
	"log/slog"
	"sync"

	"resoagent/agent"
)

// JSON gives an observer that writes each event as one JSON object a line. Every
// line of a run has the run's identifier. With quiet only warnings and the end
// of a run are written.
func JSON(w io.Writer, quiet bool) func(agent.Event) {
	level := slog.LevelInfo
	if quiet {
		level = slog.LevelWarn
	}
	logger := slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	var mu sync.Mutex
	run := ""
	return func(e agent.Event) {
		mu.Lock()
		defer mu.Unlock()
		if started, ok := e.(agent.RunStarted); ok {
			run = started.ID
		}
		attrs := e.Attrs()
		switch e.(type) {
		case agent.RunStarted, agent.RunFinished:
		default:
			if run != "" {
				attrs = append([]slog.Attr{slog.String("run", run)}, attrs...)
			}
		}
		at := e.Level()
		if _, finished := e.(agent.RunFinished); finished && quiet {
			at = max(at, slog.LevelWarn)
		}
		logger.LogAttrs(context.Background(), at, e.Name(), attrs...)
	}
}
