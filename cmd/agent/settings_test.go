package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/peterbourgon/ff/v3"
)

// Whatever a settings file holds: it is read or refused with a word, and what is
// refused never shows a value that may be a secret.
func FuzzSettingsFile(f *testing.F) {
	f.Add("idx-token canary-value\nquiet\n")
	f.Add("idx-token=canary-value")
	f.Add("# idx-token canary-value\nretry-for canary-value")
	f.Add("database-url: canary-value\n\nno-such-setting canary-value")
	f.Add("media-batch-size canary-value")
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "agent.conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		env := environment{get: func(string) string { return "" }, all: func() []string { return nil }, host: "host", now: time.Now}
		r := newRoot(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}, env)
		var s settings
		fs := r.flags("agent sync")
		s.register(fs, env)
		err := ff.Parse(fs, []string{"--config", file, "--state-dir", t.TempDir()}, options()...)
		if err == nil && s.idxFile == "" && s.vowFile == "" {
			err = s.complete()
		}
		if err == nil {
			return
		}
		said := withoutValues(err.Error())
		if said == "" {
			t.Error("refused without a word")
		}
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if name == "idx-token" || name == "vow-token" {
				if value = strings.TrimSpace(value); len(value) > 7 && strings.Contains(said, value) {
					t.Errorf("%q shows the value of %s", said, name)
				}
			}
		}
	})
}
