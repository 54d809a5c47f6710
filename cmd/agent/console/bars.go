package console

import (
	"fmt"
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"resoagent/agent"
)

// bars shows a progress bar at the bottom of a terminal; lines that are written
// to it appear above the bar.
type bars struct {
	under  io.Writer
	o      Options
	all    *mpb.Progress
	bar    *mpb.Bar
	begun  time.Time
	before int64 // done when the pass was resumed, not by this run
	total  int64 // 0: unknown
}

func newBars(w io.Writer, o Options) *bars {
	return &bars{under: w, o: o}
}

// Write writes above the bar.
func (b *bars) Write(p []byte) (int, error) {
	if b.all != nil {
		return b.all.Write(p)
	}
	return b.under.Write(p)
}

func (b *bars) start(e agent.PassStarted, title string) {
	b.close()
	b.begun, b.before, b.total = time.Now(), e.Done, 0
	if e.Total != nil {
		b.total = *e.Total
	}
	style := mpb.BarStyle().Lbound("").Rbound("").Filler("█").Tip("█").Padding("░")
	width := max(10, min(40, b.o.Width-60))
	b.all = mpb.New(mpb.WithOutput(b.under), mpb.WithWidth(width), mpb.WithRefreshRate(200*time.Millisecond), mpb.WithAutoRefresh())
	// Made without a total, a bar never completes by itself, however far it comes:
	// a count may be too low, or there is none. finish ends it.
	b.bar = b.all.New(-1, style,
		mpb.PrependDecorators(decor.Name(title+" ")),
		mpb.AppendDecorators(decor.Any(b.text)),
		mpb.BarRemoveOnComplete())
	b.bar.SetTotal(max(b.total, 1), false)
	b.bar.SetCurrent(e.Done)
}

// text is what stands behind the bar: how far, how fast, how long still.
func (b *bars) text(s decor.Statistics) string {
	spent := time.Since(b.begun)
	fresh := s.Current - b.before
	rate := ""
	if seconds := spent.Seconds(); seconds > 1 && fresh > 0 {
		rate = fmt.Sprintf(" %s/s", number(int64(float64(fresh)/seconds)))
	}
	if b.total == 0 {
		return fmt.Sprintf(" %s%s", number(s.Current), rate)
	}
	left := timeLeft(fresh, b.total-b.before, spent)
	if left != "" {
		left = " " + left
	}
	return fmt.Sprintf(" %.1f%% %s/%s%s%s", Percent(s.Current, b.total), number(s.Current), number(max(s.Current, b.total)), rate, left)
}

func (b *bars) progress(e agent.Progress) {
	if b.bar == nil {
		return
	}
	if e.Total == nil {
		b.bar.SetTotal(e.Done+1, false)
		b.bar.SetCurrent(e.Done)
		return
	}
	b.bar.SetTotal(max(*e.Total, e.Done), false)
	b.bar.SetCurrent(e.Done)
}

// finish removes the bar of the pass.
func (b *bars) finish() { b.close() }

func (b *bars) close() {
	if b.bar == nil {
		return
	}
	b.bar.Abort(true)
	b.all.Wait()
	b.all, b.bar = nil, nil
}
