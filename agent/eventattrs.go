package agent

import "log/slog"

// The attributes' keys are stable: docs/LOGS.md has them.

func (e RunStarted) Attrs() []slog.Attr {
	return []slog.Attr{slog.Any("streams", e.Streams), slog.Bool("force", e.Force)}
}

func (e Notice) Attrs() []slog.Attr { return []slog.Attr{slog.String("text", e.Text)} }

func (e LastSync) Attrs() []slog.Attr { return []slog.Attr{slog.Any("positions", e.Positions)} }

func (e PassStarted) Attrs() []slog.Attr {
	attrs := append([]slog.Attr{
		slog.String("stream", e.Stream), slog.String("from", e.From), slog.Bool("full", e.Full),
		slog.Bool("forced", e.Forced), slog.Bool("resumed", e.Resumed),
		slog.Int("batch", e.Batch), slog.Int("batches", e.Batches), slog.Int64("done", e.Done),
	}, total(e.Total)...)
	if e.Windows > 0 {
		attrs = append(attrs, slog.Int("windows", e.Windows))
	}
	return attrs
}

func (e PageStarted) Attrs() []slog.Attr {
	return append(page(e.Stream, e.Window, e.Page), slog.String("from", e.From))
}

func (e PageFetched) Attrs() []slog.Attr {
	return append(page(e.Stream, e.Window, e.Page), slog.Int("records", e.Records), slog.Int("read_again", e.ReadAgain), slog.Float64("seconds", e.Took.Seconds()),
		slog.Float64("waited_seconds", e.Waited.Seconds()))
}

func (e PageStored) Attrs() []slog.Attr {
	attrs := append(page(e.Stream, e.Window, e.Page), slog.Int64("processed", e.Processed),
		slog.Int64("successful", e.Successful), slog.Int64("failed", e.Failed), slog.Int64("skipped", e.Skipped),
		slog.Int64("done", e.Done))
	return append(attrs, total(e.Total)...)
}

func (e Progress) Attrs() []slog.Attr {
	return append([]slog.Attr{slog.String("stream", e.Stream), slog.Int64("done", e.Done)}, total(e.Total)...)
}

func (e GroupStored) Attrs() []slog.Attr {
	n := e.Counters
	return []slog.Attr{
		slog.String("stream", e.Stream), slog.Int64("written", n.Written), slog.Int64("unchanged", n.Unchanged),
		slog.Int64("deleted", n.Deleted), slog.Int64("older", n.Older), slog.Int64("failed", n.Failed), slog.Int64("skipped", n.Skipped),
		slog.Int64("repaired", n.Repaired),
	}
}

func (e Retrying) Attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("what", e.What), slog.Int("attempt", e.Attempt), slog.Float64("wait_seconds", e.Wait.Seconds()),
		slog.Float64("gives_up_in_seconds", e.Left.Seconds()), slog.String("cause", e.Cause), slog.String("error", e.Err.Error()),
	}
}

func (e Recovered) Attrs() []slog.Attr {
	return []slog.Attr{slog.String("what", e.What), slog.Int("attempts", e.Attempts), slog.Float64("seconds", e.After.Seconds())}
}

func (e RecordsRefused) Attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("stream", e.Stream), slog.Int("page", e.Page), slog.Int("batch", e.Batch),
		slog.String("first_key", e.First), slog.String("last_key", e.Last), slog.Int("count", e.Count),
		slog.String("reason", e.Reason),
	}
}

func (e KeysLoaded) Attrs() []slog.Attr {
	return []slog.Attr{slog.Uint64("keys", e.Keys), slog.Bool("rebuilt", e.Rebuilt), slog.Float64("seconds", e.Took.Seconds())}
}

func (e OrphansHome) Attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("stream", e.Stream), slog.Int("parents", e.Parents), slog.Int64("processed", e.Counters.Processed()),
		slog.Int64("written", e.Counters.Written), slog.Int64("failed", e.Counters.Failed),
	}
}

func (e PassFinished) Attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("stream", e.Stream), slog.Int("pages", e.Pages), slog.Int64("processed", e.Counters.Processed()),
		slog.Int64("written", e.Counters.Written), slog.Int64("unchanged", e.Counters.Unchanged),
		slog.Int64("deleted", e.Counters.Deleted), slog.Int64("older", e.Counters.Older), slog.Int64("failed", e.Counters.Failed),
		slog.Int64("skipped", e.Counters.Skipped), slog.Int64("repaired", e.Counters.Repaired), slog.Int64("unfit_values", e.Unfit),
		slog.String("unfit_first", e.UnfitFirst), slog.Int64("read_again", e.ReadAgain), slog.Int64("gap", missing(e.Gap)),
		slog.Float64("seconds", e.Duration.Seconds()),
	}
	if e.Check != nil {
		attrs = append(attrs, slog.Int64("source_count", e.Check.Source), slog.Int64("unaccounted", e.Check.Unaccounted()))
	}
	return attrs
}

func (e RunFinished) Attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.Int64("processed", e.Report.Totals.Processed()),
		slog.Int64("successful", e.Report.Totals.Successful()), slog.Int64("failed", e.Report.Totals.Failed),
		slog.Int64("older", e.Report.Totals.Older), slog.Int64("skipped", e.Report.Totals.Skipped), slog.Int64("repaired", e.Report.Totals.Repaired),
		slog.Int64("gap", e.Report.Missing()), slog.Float64("seconds", e.Report.Duration.Seconds()),
		slog.Bool("mirrored", e.Report.Mirrored),
	}
	if len(e.Report.LeftOut) > 0 {
		left := make([]string, len(e.Report.LeftOut))
		for i, x := range e.Report.LeftOut {
			left[i] = x.Stream
		}
		attrs = append(attrs, slog.Any("left_out", left))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", endOf(e.Err)))
	}
	return attrs
}

func (e RunScheduled) Attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.Time("at", e.At.UTC()), slog.Float64("wait_seconds", e.Wait.Seconds()), slog.Int("failures_in_row", e.Failures),
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	return attrs
}

// page names a page; window only where there are windows.
func page(stream string, window, number int) []slog.Attr {
	attrs := []slog.Attr{slog.String("stream", stream)}
	if window > 0 {
		attrs = append(attrs, slog.Int("window", window))
	}
	return append(attrs, slog.Int("page", number))
}

func total(n *int64) []slog.Attr {
	if n == nil {
		return nil
	}
	return []slog.Attr{slog.Int64("total", *n)}
}
