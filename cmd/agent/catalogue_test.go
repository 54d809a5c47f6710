package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"resoagent/cmd/agent/manual"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
)

// lacks complains of what does not stand in a text.
func lacks(tb testing.TB, name, text string, wanted ...string) {
	tb.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			tb.Errorf("%s lacks %q", name, want)
		}
	}
}

// Each stream of the catalogue has a flag with its line of help wherever streams are
// named, in the completion scripts, and on the man page; and so have its settings.
func TestFlagsOfTheCatalogue(t *testing.T) {
	t.Parallel()
	book := testRoot(&bytes.Buffer{}).book()
	find := func(path string) *manual.Command {
		all := book.Root.All()
		return all[slices.IndexFunc(all, func(c *manual.Command) bool { return c.Path == path })]
	}
	for _, s := range catalog.All() {
		line := regexp.MustCompile(`(?m)^  --` + s.Flag + ` +\w+( back)? ` + regexp.QuoteMeta(s.Help) + `$`)
		for _, path := range []string{"agent sync", "agent run", "agent doctor", "agent reset"} {
			help := book.Help(find(path), 100)
			if !line.MatchString(help) {
				t.Errorf("%s --help lacks --%s, or what it stands for:\n%s", path, s.Flag, help)
			}
			if path != "agent run" && strings.Count(strings.Join(find(path).Usage, " "), "--"+s.Flag) != 1 {
				t.Errorf("the usage of %s is %q, without --%s", path, find(path).Usage, s.Flag)
			}
		}
		man := book.Man()
		lacks(t, "the man page", man, `\fB\-\-`+s.Flag+`\fR`)
		lacks(t, "rejects --stream", strings.Join(choicesOf(find("agent rejects"), "stream"), " "), s.Name)
		settings := find("agent run").Shown()
		for _, name := range settingsOf(&s) {
			if !slices.ContainsFunc(settings, func(f manual.Flag) bool { return f.Name == name }) {
				t.Errorf("agent run has no --%s", name)
			}
		}
		for _, shell := range manual.Shells() {
			script, err := book.Completion(shell)
			if err != nil {
				t.Fatal(err)
			}
			dashes := "--"
			if shell == "fish" {
				dashes = "-l "
			}
			lacks(t, shell, script, dashes+s.Flag, s.Name)
		}
		if err := noArguments([]string{s.Flag}); !strings.Contains(err.Error(), "did you mean --"+s.Flag) {
			t.Errorf("'agent sync %s' is answered with %v", s.Flag, err)
		}
	}
}

// choicesOf are the only values of a flag.
func choicesOf(c *manual.Command, flag string) []string {
	all := c.Shown()
	return all[slices.IndexFunc(all, func(f manual.Flag) bool { return f.Name == flag })].Choices()
}

// settingsOf are the names of a stream's settings.
func settingsOf(s *catalog.Stream) []string {
	names := []string{s.Settings + "-batch-size", s.Settings + "-db-batch-size", s.Settings + "-throttle"}
	if s.Filter != "" {
		names = append(names, s.Flag+"-filter")
	}
	return names
}

// What the documents list of streams, tables and settings is complete, and the
// defaults are those of the catalogue.
func TestDocumentsOfTheCatalogue(t *testing.T) {
	t.Parallel()
	readme, logs, tour := example(t, "README.md"), example(t, "docs/LOGS.md"), example(t, "docs/TOUR.md")
	var tables []string // first cells of rows, in small letters as the databases have them
	defaults := make(map[string]string)
	for line := range strings.Lines(readme) {
		cells := strings.Split(line, " | ")
		switch {
		case strings.HasPrefix(line, "| `--"):
			for _, f := range regexp.MustCompile("`--([a-z-]+)`").FindAllStringSubmatch(cells[0], -1) {
				defaults[f[1]] = strings.Trim(cells[1], "`")
			}
		case strings.HasPrefix(line, "| `"):
			tables = append(tables, strings.ToLower(cells[0]))
		}
	}
	also := readme[strings.Index(readme, "`agent sync` also takes"):]
	for _, s := range catalog.All() {
		for _, table := range []string{s.Table, s.View} {
			if table != "" && !slices.ContainsFunc(tables, func(cell string) bool { return strings.Contains(cell, "`"+table+"`") }) {
				t.Errorf("README.md has no row for %s", table)
			}
		}
		lacks(t, "README.md's list of flags", also, "`--"+s.Flag+"`")
		names, want := settingsOf(&s), []string{fmt.Sprint(s.Sizes.Page), fmt.Sprint(s.Sizes.Batch), s.Sizes.Throttle.String(), s.Filter}
		for i, name := range names {
			if defaults[name] != want[i] {
				t.Errorf("README.md: the default of --%s is %q, want %q", name, defaults[name], want[i])
			}
		}
		lacks(t, "docs/LOGS.md", logs, "`"+s.Name+"`")
		lacks(t, "docs/TOUR.md", tour, "\n"+s.Name+" ", s.Name+".page ")
	}
	for _, s := range catalog.All().Listings() {
		lacks(t, "README.md", readme, fmt.Sprintf("%d typed columns", len(s.Columns)))
	}
}

// A run shows each stream of the catalogue under its heading, and so do status,
// metrics, page, doctor and reset.
func TestShownOfTheCatalogue(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	c, url := s.serving(t, "--every", "1h")
	c.until(t, "Next sync at")
	got := metrics(t, url)
	_, _, page := get(t, url+"/")
	shown := []string{c.output(), page}
	for _, args := range [][]string{{"status"}, {"doctor"}, {"reset", "--all", "--yes"}} {
		if args[0] == "doctor" { // and what follows wants the state for itself
			c.signal(t, syscall.SIGTERM)
			c.wait(t)
		}
		if args[0] != "status" {
			args = append(args, s.args()[1:]...)
		} else {
			args = append(args, "--state-dir", s.dir)
		}
		other := start(t, args...)
		if code := other.wait(t); code != exitDone {
			t.Errorf("agent %s: exit %d:\n%s", args[0], code, other.output())
		}
		shown = append(shown, other.output())
	}
	for _, stream := range catalog.All() {
		lacks(t, "the console", shown[0], stream.Flag+": true", "\n  "+stream.Name+": null", stream.Heading,
			"Starting "+stream.Title+" sync", "Total "+stream.Noun, "✅ "+stream.Title+" sync completed")
		lacks(t, "the page", shown[1], "<span>"+stream.Title+"</span>")
		lacks(t, "status", shown[2], "\n"+stream.Name+" ")
		lacks(t, "doctor", shown[3], stream.Name+".page ")
		lacks(t, "reset", shown[4], stream.Title)
		for _, metric := range []string{"records_total{result=\"written\", ", "stream_rows{", "position_lag_seconds{", "throttle_seconds_total{"} {
			if _, ok := got["resoagent_"+metric+`stream="`+stream.Name+`"}`]; !ok {
				t.Errorf("there is no metric %s of %s", metric, stream.Name)
			}
		}
	}
}
