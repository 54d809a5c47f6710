package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// report is what the benchmarks have found.
type report struct {
	tables []*table
	plot   []sample // of the agent's backfill
}

type table struct {
	title, about string
	rows         [][]string // the first is the header
}

func (r *report) table(title, about string, header ...string) *table {
	t := &table{title: title, about: about, rows: [][]string{header}}
	r.tables = append(r.tables, t)
	return t
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// text is the report in Markdown.
func (r *report) text() string {
	var b strings.Builder
	for _, t := range r.tables {
		b.WriteString("\n## " + t.text(machine(), false))
	}
	return b.String()
}

// text is a table in Markdown, behind the two signs of its title.
func (t *table) text(machine string, plot bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n\n", t.title, t.about)
	for i, row := range t.rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|%s\n", strings.Repeat(" --- |", len(row)))
		}
	}
	if plot && t.title == titleBackfill {
		b.WriteString("\n![rows per second and memory over the agent's backfill](backfill.svg)\n")
	}
	return b.String() + "\n" + machine
}

// titleBackfill is the table that has a plot.
const titleBackfill = "Backfill"

// mark is where a person's text ends.
const mark = "<!-- Everything below is written by make bench. -->\n"

// write puts the tables behind what people have written in BENCHMARKS.md, each
// in place of its last form; those that were not made this time stay.
func (r *report) write(dir string) error {
	path := filepath.Join(dir, "BENCHMARKS.md")
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	head, tables, _ := strings.Cut(string(old), mark)
	sections := strings.Split(tables, "\n## ")[1:]
	for _, t := range r.tables {
		text := t.text(machine(), len(r.plot) > 1)
		at := slices.IndexFunc(sections, func(s string) bool { return strings.HasPrefix(s, t.title+"\n") })
		if at < 0 {
			sections = append(sections, text)
			continue
		}
		sections[at] = text
	}
	if len(r.plot) > 1 {
		if err := os.WriteFile(filepath.Join(dir, "backfill.svg"), []byte(plot(r.plot)), 0o644); err != nil {
			return err
		}
	}
	text := head + mark
	for _, s := range sections {
		text += "\n## " + strings.TrimRight(s, "\n") + "\n"
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// machine says what it ran on.
func machine() string {
	cpu := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
			}
		}
	}
	commit := "unknown"
	if out, err := exec.Command("git", "describe", "--always").Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	}
	return fmt.Sprintf("%s, commit %s, %d cores (%s), %s.\n",
		time.Now().UTC().Format(time.DateOnly), commit, runtime.NumCPU(), cpu, runtime.Version())
}

func number(n int) string { return humanize.Comma(int64(n)) }

func size(n int64) string {
	switch {
	case n >= 10*mebibyte:
		return fmt.Sprintf("%s MiB", number(int(n/mebibyte)))
	case n >= mebibyte:
		return fmt.Sprintf("%.1f MiB", float64(n)/mebibyte)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

func ratio(r float64) string         { return fmt.Sprintf("%.2f", r) }
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// plot draws rows per second (as fetched) and memory over time.
func plot(samples []sample) string {
	const width, height, left, bottom, top = 860, 320, 70, 40, 30
	last := samples[len(samples)-1].at.Seconds()
	var rates []float64
	var most float64
	const span = 5 // samples that a rate is measured over
	for i := range samples {
		from := max(0, i-span)
		rate := 0.0
		if dt := (samples[i].at - samples[from].at).Seconds(); dt > 0 {
			rate = float64(samples[i].rows-samples[from].rows) / dt
		}
		rates = append(rates, rate)
		most = max(most, rate)
	}
	const scale = 80.0 // MiB
	x := func(i int) float64 { return left + (width-2*left)*samples[i].at.Seconds()/max(last, 0.001) }
	y := func(share float64) float64 { return top + (height-top-bottom)*(1-share) }
	line := func(value func(int) float64) string {
		var points []string
		for i := range samples {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(i), y(value(i))))
		}
		return strings.Join(points, " ")
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	for i := range 5 {
		share := float64(i) / 4
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`+"\n", left, width-left, y(share), y(share))
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end" fill="#1f6feb">%s</text>`+"\n", left-6, y(share)+4, number(int(most*share)))
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" fill="#b35900">%.0f MiB</text>`+"\n", width-left+6, y(share)+4, scale*share)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%.0f s</text>`+"\n", left+(width-2*left)*share, height-bottom+18, last*share)
	}
	limit := y(64 / scale)
	fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#b35900" stroke-dasharray="4 4"/>`+"\n", left, width-left, limit, limit)
	fmt.Fprintf(&b, `<polyline fill="none" stroke="#1f6feb" stroke-width="1.5" points="%s"/>`+"\n", line(func(i int) float64 { return rates[i] / max(most, 1) }))
	fmt.Fprintf(&b, `<polyline fill="none" stroke="#b35900" stroke-width="1.5" points="%s"/>`+"\n",
		line(func(i int) float64 { return min(1, float64(samples[i].anonymous)/mebibyte/scale) }))
	fmt.Fprintf(&b, `<text x="%d" y="18" fill="#1f6feb">rows/s as fetched: listings of 8 KB first, then media of 770 bytes</text>`+"\n", left)
	fmt.Fprintf(&b, `<text x="%d" y="18" text-anchor="end" fill="#b35900">RssAnon (dashed: 64 MiB)</text>`+"\n", width-left)
	b.WriteString("</svg>\n")
	return b.String()
}
