package console

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"resoagent/agent"
)

// Status shows a status as text and tables, narrow enough for a terminal of 80 columns.
func Status(w io.Writer, s agent.Status) {
	for _, p := range parts(s, false) {
		_, _ = w.Write(p.text)
	}
}

// StatusFrame shows a status in the place of the one before, on a terminal as many of
// its parts as there is room for. It says which it leaves out.
func StatusFrame(w io.Writer, s agent.Status, o Options) error {
	all := parts(s, o.Terminal)
	var frame []byte
	rows, whole := 0, 0
	var left []string
	for _, p := range all {
		whole += bytes.Count(p.text, []byte("\n"))
	}
	for _, p := range all {
		n := bytes.Count(p.text, []byte("\n"))
		// The last row stays free, and the one above it is for what is left out. The
		// empty line at a part's end needs none.
		if o.Terminal && o.Height > 0 && p.name != "" && (len(left) > 0 || (whole >= o.Height && rows+n-1 > o.Height-2)) {
			left = append(left, p.name)
			continue
		}
		rows += n
		frame = append(frame, p.text...)
	}
	if len(left) > 0 {
		frame = append(bytes.TrimRight(frame, "\n"), "\n"...)
		frame = fmt.Appendf(frame, "Not shown: %s; %d rows have room for all\n", strings.Join(left, ", "), whole+1)
	}
	return Frame(w, frame, o)
}

// part is a part of a status. One without a name is always shown.
type part struct {
	name string
	text []byte
}

// parts are those of a status, in the order of what somebody who looks must know.
// Where they are drawn again and again the directory, which does not change, comes last.
func parts(s agent.Status, watched bool) []part {
	var all []part
	add := func(name string, show func(io.Writer, agent.Status)) {
		var b bytes.Buffer
		show(&b, s)
		all = append(all, part{name, b.Bytes()})
	}
	directory := func(w io.Writer, s agent.Status) { say(w, "State directory:  %s", s.StateDir) }
	add("", problem)
	if !watched {
		add("", directory)
	}
	add("", standing)
	add("", passes)
	add("", stored)
	add("counters", counted)
	add("positions", positions)
	add("keys and disk", func(w io.Writer, s agent.Status) {
		if watched {
			directory(w, s)
		}
		rest(w, s)
	})
	return all
}

func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }

func standing(w io.Writer, s agent.Status) {
	say(w, "Agent:            %s", process(s))
	say(w, "Now:              %s", underWay(s))
	if s.Schedule != nil && s.Schedule.Failures > 0 {
		say(w, "                  %s in a row", plural(int64(s.Schedule.Failures), "failed run"))
	}
	if r := s.LastRun; r != nil && !r.Done && (s.Problem == nil || s.Problem.What != "run") {
		say(w, "Last run:         %s, %s: %s", outcome(*r), ago(ended(*r), s.At), reason(*r))
	}
	say(w, "Last success:     %s", ago(s.LastSuccessAt, s.At))
	say(w, "")
}

func passes(w io.Writer, s agent.Status) {
	some := false
	for _, st := range s.Streams {
		if st.Pass != nil {
			some = true
			say(w, "%s", pass(st))
			say(w, "  %s%s; begun %s", speed(s, st), place(st), ago(&st.Pass.StartedAt, s.At))
		}
	}
	if some {
		say(w, "")
	}
}

func rest(w io.Writer, s agent.Status) {
	say(w, "Property keys:    %s; Bloom filter %s, %.2f%% false positives (%s)", number(int64(s.KeySet.Keys)), //nolint:gosec // far below the limit
		size(int64(s.KeySet.BloomBits/8)), 100*s.KeySet.FalsePositiveRate, measured(s.KeySet)) //nolint:gosec // as above
	say(w, "Missing parents:  %s", number(s.OrphanParents))
	rejects := number(s.Rejects)
	if s.Rejects > 0 {
		rejects += "; 'agent rejects' lists them"
	}
	say(w, "Rejects:          %s", rejects)
	if s.Repaired > 0 {
		say(w, "Repaired:         %s; 'agent rejects' lists them too", plural(s.Repaired, "record"))
	}
	say(w, "SyncLog waiting:  %s", plural(int64(s.PendingSyncLog), "run"))
	say(w, "Disk:             %s", disk(s))
}

// process says which process has the state directory.
func process(s agent.Status) string {
	if s.Agent == nil {
		return "none runs"
	}
	return fmt.Sprintf("%s, process %d, started %s", s.Agent.Program, s.Agent.PID, ago(&s.Agent.StartedAt, s.At))
}

// underWay says what happens, or what happens next.
func underWay(s agent.Status) string {
	switch {
	case s.Run != nil && s.Run.Task != "":
		return fmt.Sprintf("%s for %s, run %.13s", s.Run.Task, duration(s.At.Sub(s.Run.StartedAt)), s.Run.ID)
	case s.Run != nil:
		if Stalled(s) {
			return fmt.Sprintf("stalled for %s; the sync began %s ago", quiet(s), wholeSpan(s.At.Sub(s.Run.StartedAt)))
		}
		return fmt.Sprintf("syncing for %s, run %.13s", duration(s.At.Sub(s.Run.StartedAt)), s.Run.ID)
	case s.Schedule != nil && s.Schedule.NextRunAt != nil:
		return fmt.Sprintf("waiting; next sync %s (%s)", ago(s.Schedule.NextRunAt, s.At), s.Schedule.NextRunAt.Format(time.RFC3339))
	case s.Agent != nil:
		return "about to begin"
	}
	return "nothing is under way"
}

func ago(t *time.Time, now time.Time) string {
	if t == nil {
		return "never"
	}
	return humanize.RelTime(*t, now, "ago", "from now")
}

// bar is a bar of some columns of which share, 0 to 1, is filled. There is always
// a little where there is anything.
func bar(share float64, columns int) string {
	full := int(share*float64(columns) + 0.5)
	if share > 0 {
		full = max(1, full)
	}
	full = min(full, columns)
	return strings.Repeat("█", full) + strings.Repeat("░", columns-full)
}

// pass says how far a pass under way, or one that was interrupted, has come.
func pass(s agent.StreamStatus) string {
	done := s.Done()
	text := fmt.Sprintf("%-14s ", s.Name)
	if total := s.Pass.Total; total != nil && *total > 0 {
		text += fmt.Sprintf("%s %.1f%%  %s of %s", bar(float64(done)/float64(*total), 20), Percent(done, *total), number(done), number(max(done, *total)))
	} else {
		text += number(done) + " so far; the source does not count"
	}
	return text
}

// longQuiet is from when on it is said that nothing is stored.
const longQuiet = 15 // seconds

// speed is what stands before the place: rate and time left, which are not known
// where nothing is stored.
func speed(all agent.Status, s agent.StreamStatus) (text string) {
	if Stalled(all) || (all.Run != nil && all.Run.QuietSeconds > longQuiet) {
		return "nothing stored for " + quiet(all) + "; "
	}
	if s.Rate != nil {
		text = number(int64(*s.Rate)) + "/s, "
	}
	if s.SecondsLeft != nil {
		text += Span(time.Duration(*s.SecondsLeft*float64(time.Second))) + " left; "
	}
	return text
}

// place says where in its pages a pass stands.
func place(s agent.StreamStatus) string {
	n := len(s.Pass.Windows)
	if n == 0 {
		return fmt.Sprintf("batch %d, database batch %d", s.Pass.Page, s.Pass.Batch)
	}
	left := 0
	for _, w := range s.Pass.Windows {
		if !w.Done {
			left++
		}
	}
	return fmt.Sprintf("batch %d, %s left", s.Pass.Page, plural(int64(left), "window"))
}

// measured tells a false-positive rate that was measured from the estimate.
func measured(k agent.KeySetStatus) string {
	if k.Absent < 1000 {
		return "by its fill"
	}
	return "measured"
}

func disk(s agent.Status) string {
	text := "state file " + size(s.StateFileBytes)
	if s.FreeBytes != nil {
		text += " (" + size(*s.FreeBytes) + " free beside it)"
	}
	if s.DestinationBytes > 0 {
		text += ", database " + size(s.DestinationBytes)
	}
	return text
}
