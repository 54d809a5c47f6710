package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// browser is a tab of a real Chromium, and what it complained about.
type browser struct {
	context.Context
	mu         sync.Mutex
	complaints []string
	requests   []string
}

func newBrowser(tb testing.TB) *browser {
	tb.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := chromedp.NewExecAllocator(tb.Context(), options...)
	tb.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	tb.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	tb.Cleanup(cancel)
	b := &browser{Context: ctx}
	err := chromedp.Listen(ctx, func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded: // what the policy forbids shows here
			b.complaints = append(b.complaints, e.Entry.Text)
		case *runtime.EventExceptionThrown:
			b.complaints = append(b.complaints, e.ExceptionDetails.Text)
		case *network.EventRequestWillBeSent:
			b.requests = append(b.requests, e.Request.URL)
		}
	})
	if err != nil {
		tb.Fatalf("start Chromium: %v", err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		tb.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		tb.Fatal(err)
	}
	return b
}

func (b *browser) do(tb testing.TB, steps ...chromedp.Action[chromedp.Void]) {
	tb.Helper()
	if err := chromedp.Do(b, steps...); err != nil {
		tb.Fatal(err)
	}
}

// ask runs an action that gives something.
func ask[T any](tb testing.TB, b *browser, action chromedp.Action[T]) T {
	tb.Helper()
	v, err := chromedp.Run(b, action)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func eval[T any](tb testing.TB, b *browser, script string) T {
	tb.Helper()
	return ask(tb, b, chromedp.Evaluate[T](script))
}

// check fails the test if the browser met an error, or asked anybody else.
func (b *browser) check(tb testing.TB, url string) {
	tb.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		tb.Errorf("Chromium says: %s", c)
	}
	for _, r := range b.requests {
		if !strings.HasPrefix(r, url) && !strings.HasPrefix(r, "data:") {
			tb.Errorf("the page loads %s", r)
		}
	}
}

// In a real browser: the page follows a run by itself, with tables, bars and
// charts; it loads nothing from elsewhere; it fits a phone; and its tables are
// there without JavaScript.
func TestPage(t *testing.T) {
	t.Parallel()
	o := simulator.Options{Seed: 5, Properties: 300, MediaPerListing: 40}
	o.Faults.Latency = 200 * time.Millisecond
	s := newSetup(t, o, harness.NewSQLite(t))
	c, url := s.serving(t, "--every", "1h")
	c.until(t, "=== MEDIA SYNC")
	c.until(t, "📈 Progress")

	b := newBrowser(t)
	b.do(t, chromedp.Navigate(url+"/"), chromedp.WaitVisible("#streams"))
	count := func(selector string) int {
		return eval[int](t, b, fmt.Sprintf("document.querySelectorAll(%q).length", selector))
	}
	until(t, func() bool { return count("#streams progress") == 1 }, "no bar of a pass")
	described := regexp.MustCompile(`^\s*[0-9.]+% of 11,[0-9]{3}, [0-9,]+/s, .* left\s*$`)
	until(t, func() bool {
		return described.MatchString(eval[string](t, b, `(document.querySelector("#streams .pass div") || document.body).innerText`))
	}, "the pass has no share, rate and time left")
	share := func() float64 {
		return eval[float64](t, b, `(document.querySelector("#streams progress") || {value: 100}).value`)
	}
	first := share()
	until(t, func() bool { return share() > first }, "the bar stands still at %g", first)
	until(t, func() bool { return count("svg polyline") >= 2 }, "no charts")
	s.source.Set(func(f *simulator.Faults) { f.Latency = 0 })
	c.until(t, "Next sync at")
	until(t, func() bool {
		text := eval[string](t, b, `document.querySelector("main").innerText`)
		return strings.Contains(text, "waiting") && strings.Contains(text, "Next run") && strings.Contains(text, "done")
	}, "the page does not see the end of the run")
	if rows := count("#runs tbody tr"); rows != 1 {
		t.Errorf("%d runs on the page", rows)
	}
	for _, width := range []int64{1920, 1280, 1025, 1024, 768, 360, 320} {
		b.fits(t, width)
	}
	b.check(t, url)

	// The agent does not answer for a while.
	c.signal(t, syscall.SIGSTOP)
	silent := func() bool {
		return strings.Contains(eval[string](t, b, `document.getElementById("connection").innerText`), "does not answer")
	}
	until(t, silent, "the page does not notice that the agent is silent")
	c.signal(t, syscall.SIGCONT)
	until(t, func() bool { return !silent() }, "the page does not notice that the agent is back")

	// The agent goes: the page says so, and keeps what it has.
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, silent, "the page does not notice that the agent is gone")
}

// fits checks that nothing is cut off or needs scrolling sideways.
func (b *browser) fits(tb testing.TB, width int64) {
	tb.Helper()
	b.do(tb, chromedp.EmulateViewport(width, 800))
	wide := eval[int64](tb, b, `document.documentElement.scrollWidth`)
	letters := eval[float64](tb, b, `Math.min(...Array.from(document.querySelectorAll("main *")).filter(e => e.innerText).map(e => parseFloat(getComputedStyle(e).fontSize)))`)
	if wide > width || letters < 12 {
		tb.Errorf("%d pixels wide on a screen of %d, letters of %g pixels", wide, width, letters)
	}
}

func TestPageWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	c, url := s.serving(t, "--every", "1h")
	c.until(t, "Next sync at")
	b := newBrowser(t)
	if _, err := chromedp.Call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.Navigate(url+"/"))
	streams, runs := ask(t, b, chromedp.Text("#streams")), ask(t, b, chromedp.Text("#runs"))
	if !strings.Contains(streams, "VOW Property") || !strings.Contains(streams, "130") || !strings.Contains(runs, "done") {
		t.Errorf("without JavaScript:\n%s\n%s", streams, runs)
	}
	if refresh := ask(t, b, chromedp.AttributeValue("meta[http-equiv=refresh]", "content")); refresh.Value == "" {
		t.Error("without JavaScript it is not refreshed")
	}
	b.check(t, url)
}

// Where the source does not count, the page says how far a pass is.
func TestPageWithoutCounts(t *testing.T) {
	t.Parallel()
	o := harness.Small()
	o.Faults.Latency, o.Faults.CountRefused = 150*time.Millisecond, http.StatusNotImplemented
	s := newSetup(t, o, harness.NewSQLite(t))
	c, url := s.serving(t, "--every", "1h")
	so := regexp.MustCompile(`([0-9,]+) so far(?:, [0-9,]+/s)?; the source does not count`)
	until(t, func() bool {
		_, _, page := get(t, url+"/")
		m := so.FindStringSubmatch(page)
		return m != nil && m[1] != "0"
	}, "the page does not say so")
	c.signal(t, syscall.SIGTERM)
	c.wait(t)
}
