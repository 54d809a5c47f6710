package console

import (
	"io"
	"log/slog"

	"resoagent/agent"
)

// JSON gives an observer that writes each event as one JSON object a line. Every
// line has the run's identifier. With Quiet only warnings and the end of a run
// are written.
func JSON(w io.Writer, o Options) func(agent.Event) {
	write := agent.LogTo(NewLogger(w, o))
	return func(e agent.Event) {
		// The end of a run is no warning, but is written all the same.
		if _, finished := e.(agent.RunFinished); o.Quiet && !finished && e.Level() < slog.LevelWarn {
			if _, started := e.(agent.RunStarted); !started {
				return
			}
		}
		write(e)
	}
}

// NewLogger gives a logger that writes JSON, one object a line.
func NewLogger(w io.Writer, o Options) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: o.Level}))
}
