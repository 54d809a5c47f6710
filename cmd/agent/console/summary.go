package console

import (
	"context"
	"errors"
	"fmt"
	"time"

	"resoagent/agent"
	"resoagent/checkpoint"
)

func (t *Text) passFinished(e agent.PassReport) {
	if t.bars != nil {
		t.bars.finish()
	}
	n := e.Counters
	t.line("")
	stream := t.streams.Of(e.Stream)
	t.line("✅ %s sync completed", stream.Title)
	stats := fmt.Sprintf("📊 Final stats: %s successful, %s failed", number(n.Successful()), number(n.Failed))
	if stream.Child() {
		stats += fmt.Sprintf(", %s skipped", number(n.Skipped))
	}
	if e.ReadAgain > 0 {
		stats += fmt.Sprintf(", %s read again", number(e.ReadAgain))
	}
	t.line("%s, %s in %s", stats, batches(e.Pages), duration(e.Duration))
	if n.Unchanged > 0 || n.Deleted > 0 {
		t.line("   of these %s unchanged, %s deleted", number(n.Unchanged), number(n.Deleted))
	}
	if n.Older > 0 {
		t.line("⏪ %s older than the row that is there, which stays", plural(n.Older, "version"))
	}
	if n.Repaired > 0 {
		t.line("🩹 %s stored with broken text repaired: 'agent rejects' says which", plural(n.Repaired, "record"))
	}
	if e.Unfit > 0 {
		t.line("⚠️  %s did not fit a typed column: NULL there, the original is in the JSON copy", plural(e.Unfit, "value"))
		if e.UnfitFirst != "" {
			t.line("   the first: %s", e.UnfitFirst)
		}
	}
	if e.Check != nil {
		t.check(*e.Check)
	}
	if e.Gap != nil {
		t.line("⚠️  Gap: the source counts %s that it has not sent, stamped %s; known since %s", plural(e.Gap.Records, "record"), stampedIn(*e.Gap),
			e.Gap.Since.UTC().Format("2006-01-02 15:04Z"))
	}
}

func (t *Text) check(c agent.Check) {
	account := fmt.Sprintf("the source counts %s: %s stored, %s skipped, %s rejected, %s deleted at the source",
		number(c.Source), number(c.Rows), number(c.Skipped), number(c.Rejected), number(c.Deleted))
	switch n := c.Unaccounted(); {
	case n == 0:
		t.line("🔎 Complete: %s", account)
	case n > 0:
		t.line("⚠️  %s not accounted for: %s. The source changed meanwhile, or counts wrongly", plural(n, "record"), account)
	default:
		t.line("⚠️  %s more than the source counts: %s. The source changed meanwhile, or counts wrongly", plural(-n, "record"), account)
	}
}

// stampedIn says between which timestamps a gap lies.
func stampedIn(g checkpoint.Gap) string {
	if g.From == "" {
		return "before " + g.Before
	}
	return fmt.Sprintf("from %s to before %s", g.From, g.Before)
}

func batches(n int) string {
	if n == 1 {
		return "1 batch"
	}
	return number(int64(n)) + " batches"
}

func (t *Text) runFinished(e agent.RunFinished) {
	if t.bars != nil {
		t.bars.finish()
	}
	n, own := e.Report.Totals, e.Report.Own
	t.line("")
	if e.Err != nil {
		t.line("🛑 === SYNC STOPPED ===")
		t.line("🛑 Reason: %s", whyStopped(e.Err))
	} else {
		t.line("🎉 === SYNC COMPLETED ===")
	}
	for _, left := range e.Report.LeftOut {
		t.line("⚠️  Left out: %s, which the source does not have (%s)", t.streams.Of(left.Stream).Title, oneLine(left.Answer))
	}
	t.line("⏱️  Duration: %s", duration(e.Report.Duration))
	t.line("📊 Total Processed: %s", number(n.Processed()))
	if earlier := n.Processed() - own.Processed(); earlier > 0 {
		t.line("   of these %s by runs that were stopped before this one", number(earlier))
	}
	t.line("✅ Successful: %s", number(n.Successful()))
	t.line("❌ Failed: %s", number(n.Failed))
	if n.Older > 0 {
		t.line("⏪ Older than the row that is there: %s", number(n.Older))
	}
	if n.Repaired > 0 {
		t.line("🩹 Repaired (broken text): %s", number(n.Repaired))
	}
	if n.Skipped > 0 {
		t.line("⏭️  Skipped (no such listing): %s", number(n.Skipped))
	}
	if gap := e.Report.Missing(); gap > 0 {
		t.line("⚠️  Gap: %s that the source counts and has not sent. 'agent status' shows where; 'agent sync --force' of that stream fetches all of it", plural(gap, "record"))
	}
	t.line("📈 Success Rate: %s", rateOf(n, e.Err != nil))
}

// whyStopped is the reason in one line. Being told to stop is nothing wrong.
func whyStopped(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted; the next sync goes on from here"
	}
	return oneLine(err.Error())
}

// rateOf is the success rate of a run. One that was stopped has none: what it did not
// come to cannot have succeeded.
func rateOf(n checkpoint.Counters, stopped bool) string {
	switch rate := successRate(n.Successful(), n.Processed()); {
	case !stopped && n.Seen() == 0:
		return "nothing to do"
	case n.Processed() == 0 && stopped:
		return "none; nothing was processed before the stop"
	case n.Processed() == 0:
		return "nothing to store"
	case stopped:
		return rate + " of what was processed before the stop; not complete"
	default:
		return rate
	}
}

func (t *Text) runScheduled(e agent.RunScheduled) {
	at, in := e.At.Format("2006-01-02 15:04:05 MST"), duration(e.Wait)
	if e.Err != nil {
		t.line("⏰ Next try at %s, in %s (%s in a row)", at, in, plural(int64(e.Failures), "failure"))
	} else {
		t.line("⏰ Next sync at %s, in %s", at, in)
	}
	t.line("")
}

// successRate never says 100% of what did not all succeed.
func successRate(ok, all int64) string {
	if ok < all {
		return fmt.Sprintf("%.1f%%", min(99.9, 100*float64(ok)/float64(all)))
	}
	return "100.0%"
}

// Percent is a share that is 100 only where nothing is left.
func Percent(done, total int64) float64 {
	switch {
	case total <= 0:
		return 0
	case done >= total:
		return 100
	}
	return min(99.9, 100*float64(done)/float64(total))
}

// progress says how far something has come. A source that gets records meanwhile sends
// more than it counted at the start.
func progress(done, total int64) string {
	counted := ""
	if done > total {
		counted = fmt.Sprintf(", %s counted at the start", number(total))
	}
	return fmt.Sprintf("%.1f%% (%s/%s%s)", Percent(done, total), number(done), number(max(done, total)), counted)
}

// timeLeft is what is left at the rate so far, or "" where that cannot be said.
func timeLeft(done, total int64, spent time.Duration) string {
	if done <= 0 || total <= done {
		return ""
	}
	left := time.Duration(float64(spent) / float64(done) * float64(total-done))
	return left.Round(time.Second).String() + " left"
}
