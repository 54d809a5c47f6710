package monitor

import (
	"context"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A sample is taken each step, and averages over spans of long make the day.
const (
	step     = 5 * time.Second
	hour     = int(time.Hour / step)
	longStep = 4 * time.Minute
	day      = int(24 * time.Hour / longStep)
)

// sample is the state of the program over one span of time.
type sample struct {
	At     time.Time // its end
	Rate   float64   // records a second
	Memory float64   // bytes, the most in the span
}

// course is how throughput and memory went over the last hour and day: some
// 1,100 points, however long the program runs.
type course struct {
	records atomic.Int64 // that were stored so far

	mu          sync.Mutex
	hours, days []sample
	pending     []sample // of the longer span under way
}

func newCourse() *course { return &course{} }

func (c *course) add(records int64) { c.records.Add(max(0, records)) }

// run takes samples until ctx ends.
func (c *course) run(ctx context.Context, now func() time.Time) {
	tick := time.NewTicker(step)
	defer tick.Stop()
	before, last := c.records.Load(), now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		records, at := c.records.Load(), now()
		if spent := at.Sub(last).Seconds(); spent > 0 {
			c.take(sample{At: at, Rate: float64(records-before) / spent, Memory: memory()})
		}
		before, last = records, at
	}
}

func (c *course) take(s sample) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hours = shift(c.hours, s, hour)
	c.pending = append(c.pending, s)
	if len(c.pending) < int(longStep/step) {
		return
	}
	whole := sample{At: s.At}
	for _, p := range c.pending {
		whole.Rate += p.Rate / float64(len(c.pending))
		whole.Memory = max(whole.Memory, p.Memory)
	}
	c.days, c.pending = shift(c.days, whole, day), c.pending[:0]
}

func shift(list []sample, s sample, most int) []sample {
	if len(list) == most {
		copy(list, list[1:])
		list = list[:most-1]
	}
	return append(list, s)
}

// lastHour and lastDay give the samples, oldest first.
func (c *course) lastHour() []sample {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.hours)
}

func (c *course) lastDay() []sample {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.days)
}

// memory is what Go holds of the system's memory: what --memory-limit bounds.
func memory() float64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return float64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}
