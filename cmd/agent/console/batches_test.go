package console

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"resoagent/agent"
)

// walkPages has a console see a pass of pages of 100 records that take so long each,
// the last ten of them read again by --lookback.
func walkPages(t *Text, pages int, each time.Duration, window int) {
	total := int64(100 * pages)
	t.Observe(agent.PassStarted{Stream: "media", Full: true, Total: &total})
	for n := 1; n <= pages; n++ {
		t.Observe(agent.PageStarted{Stream: "media", Page: n, From: "T", Window: window})
		time.Sleep(each)
		t.Observe(agent.PageFetched{Stream: "media", Page: n, Records: 100, ReadAgain: 1, Window: window})
		if n%10 == 0 {
			t.Observe(agent.RecordsRefused{Stream: "media", Page: n, Batch: 1, First: "a", Last: "b", Count: 2, Reason: "no\nkey"})
		}
		t.Observe(agent.PageStored{
			Stream: "media", Page: n, Processed: 90, Successful: 88, Failed: 2, Skipped: 10, Done: int64(100 * n), Total: &total,
			SkippedInAll: int64(10 * n), Window: window,
		})
	}
	t.Observe(agent.PassFinished{PassReport: agent.PassReport{Stream: "media"}})
}

// Off a terminal a stream has at most one report each two seconds, whatever the
// source's pages are, with the lines of a single batch; nothing is left out of them.
func TestBatchesAreToldTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		text := NewText(&out, Options{})
		walkPages(text, 95, 97*time.Millisecond, 0) // of which two seconds are no multiple
		golden(t, "batches.golden", out.String())
		if n := strings.Count(out.String(), "Fetched"); n > 6 {
			t.Errorf("%d reports in 9.5 seconds", n)
		}
	})
}

// guarded is a buffer that is written to by a timer.
type guarded struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (g *guarded) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.Write(p)
}

func (g *guarded) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.String()
}

// What is held is told when its time has come, also if nothing else happens then.
func TestBatchesAreToldInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out guarded
		text := NewText(&out, Options{})
		text.Observe(agent.PageStarted{Stream: "media", Page: 1, Window: 1})
		for window, n := range []int{3, 4} {
			for page := 1; page <= n; page++ {
				text.Observe(agent.PageStarted{Stream: "media", Page: page, Window: window + 2})
				text.Observe(agent.PageFetched{Stream: "media", Page: page, Records: 10, Window: window + 2})
				text.Observe(agent.PageStored{Stream: "media", Page: page, Processed: 10, Successful: 10, Window: window + 2})
			}
		}
		time.Sleep(lull - time.Millisecond)
		if strings.Contains(out.String(), "Fetched") {
			t.Errorf("told before its time:\n%s", out.String())
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if !strings.Contains(out.String(), "📥 Windows 2-3, 7 batches: Fetched 70 media records\n") {
			t.Errorf("not told in time:\n%s", out.String())
		}
		text.Close()
	})
}

// Batches that take their time are told of one by one, as they come.
func TestSlowBatchesAreToldOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		walkPages(NewText(&out, Options{}), 4, 3*time.Second, 0)
		for _, line := range []string{"🔄 Batch 3: Fetching Media from T\n", "📥 Batch 3: Fetched 100 media records (1 read again)\n", "✅ Batch 4: "} {
			if !strings.Contains(out.String(), line) {
				t.Errorf("no %q in\n%s", line, out.String())
			}
		}
		if strings.Contains(out.String(), "atches 1-") {
			t.Errorf("told together:\n%s", out.String())
		}
	})
}

// A retry is one line, whatever the driver makes of its error.
func TestRetryIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		text := NewText(&out, Options{})
		e := agent.Retrying{
			What: "destination", Attempt: 1, Wait: time.Second, Err: errors.New("failed to connect:\n\t[::1]:5432: refused\n\t127.0.0.1:5432: refused"),
		}
		line := "⏳ destination: failed to connect: [::1]:5432: refused 127.0.0.1:5432: refused; attempt 2 in 1 second\n"
		text.Observe(e)
		e.Wait += time.Millisecond
		text.Observe(e) // another window
		if out.String() != line {
			t.Errorf("%q", out.String())
		}
		time.Sleep(2 * time.Second)
		e.Wait = time.Second
		text.Observe(e)
		if out.String() != line+line {
			t.Errorf("a later one is not told: %q", out.String())
		}
	})
}
