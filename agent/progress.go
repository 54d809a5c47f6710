package agent

import (
	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// report tells of what has just been committed.
func (w *writer) report(chunks []chunk, g *record.Group, e entered) {
	done, skipped := e.before.Counters.Seen(), e.before.Counters.Skipped
	total := e.before.Pass.Total
	for i, c := range chunks {
		b := &g.Batches[i]
		w.page.Add(counters(b))
		done += counters(b).Seen()
		skipped += int64(b.Skipped)
		w.reportRefused(b)
		if !c.place.PageDone {
			continue
		}
		n := w.page
		if b.Again && n.Seen() == 0 {
			continue // nothing but what is known: no news
		}
		w.observe(PageStored{
			Stream: w.stream.name, Page: b.Page, Processed: n.Processed(), Successful: n.Successful(),
			Failed: n.Failed, Skipped: n.Skipped, Done: done, Total: total, SkippedInAll: skipped, Window: w.window,
		})
		w.page = checkpoint.Counters{}
	}
	w.observe(Progress{Stream: w.stream.name, Done: done, Total: total})
}

func (w *writer) reportRefused(b *record.Batch) {
	e := RecordsRefused{Stream: w.stream.name, Page: b.Page, Batch: b.Number}
	for i := range b.Records {
		reason, bad := b.Records[i].Bad()
		if !bad {
			continue
		}
		if e.Count++; e.Count == 1 {
			e.Reason, e.First = reason, b.Records[i].RejectKey()
		}
		e.Last = b.Records[i].RejectKey()
	}
	if e.Count > 0 {
		w.observe(e)
	}
}
