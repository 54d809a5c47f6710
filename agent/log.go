package agent

import (
	"context"
	"log/slog"
	"sync"
)

// LogTo gives an observer that writes each event to a logger: the event's name is
// the message, and its attributes have stable names. Each record has the
// identifier of the run as "run": between two runs that of the last one, before
// the first one "".
func LogTo(logger *slog.Logger) func(Event) {
	var mu sync.Mutex
	run := ""
	return func(e Event) {
		mu.Lock()
		if started, ok := e.(RunStarted); ok {
			run = started.ID
		}
		attrs := append([]slog.Attr{slog.String("run", run)}, e.Attrs()...)
		mu.Unlock()
		logger.LogAttrs(context.Background(), e.Level(), e.Name(), attrs...)
	}
}
