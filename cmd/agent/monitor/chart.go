package monitor

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// The inside of a chart, in the units of its drawing.
const (
	chartWidth  = 600
	chartHeight = 120
)

// chart is a line over time, ready to be drawn.
type chart struct {
	Title      string
	Points     string // of an SVG polyline
	Area       string // of the polygon below it
	Top        string // the value at the upper edge
	Latest     string
	From, To   time.Time
	Enough     bool // there is a line to draw
	Wide, High int
}

// charts are throughput and memory, over the hour and over the day.
func charts(lastHour, lastDay []sample) []chart {
	rate := func(s sample) float64 { return s.Rate }
	memory := func(s sample) float64 { return s.Memory }
	perSecond := func(v float64) string { return humanize.CommafWithDigits(v, 0) + " records/s" }
	bytes := func(v float64) string { return humanize.IBytes(uint64(v)) }
	all := []chart{
		newChart("Throughput, last hour", lastHour, rate, perSecond),
		newChart("Memory, last hour", lastHour, memory, bytes),
	}
	if len(lastDay) < 2 {
		return all
	}
	return append(all, newChart("Throughput, last day", lastDay, rate, perSecond), newChart("Memory, last day", lastDay, memory, bytes))
}

// newChart draws samples over their own span, from zero up to their maximum.
func newChart(title string, samples []sample, value func(sample) float64, label func(float64) string) chart {
	c := chart{Title: title, Wide: chartWidth, High: chartHeight}
	if len(samples) < 2 {
		return c
	}
	first, last := samples[0].At, samples[len(samples)-1].At
	most := 0.0
	for _, s := range samples {
		most = max(most, value(s))
	}
	width := max(last.Sub(first).Seconds(), 1)
	var line strings.Builder
	for _, s := range samples {
		x := chartWidth * s.At.Sub(first).Seconds() / width
		y := chartHeight - (chartHeight-4)*value(s)/max(most, 1e-9)
		fmt.Fprintf(&line, "%.1f,%.1f ", x, y)
	}
	c.Points = strings.TrimSpace(line.String())
	c.Area = fmt.Sprintf("0,%d %s %d,%d", chartHeight, c.Points, chartWidth, chartHeight)
	c.Top, c.Latest = label(most), label(value(samples[len(samples)-1]))
	c.From, c.To, c.Enough = first, last, true
	return c
}
