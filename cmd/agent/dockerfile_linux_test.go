package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// instruction is a line of the Dockerfile: COPY, its flags by name, the rest.
type instruction struct {
	word  string
	flags map[string]string
	args  []string
	text  string // what stands behind the word
}

// dockerfile gives the stages of the Dockerfile.
func dockerfile(tb testing.TB) (stages [][]instruction) {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(top, "Dockerfile"))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "" || strings.HasPrefix(word, "#") || strings.HasSuffix(rest, `\`) {
			if strings.HasSuffix(rest, `\`) && word != "#" {
				tb.Fatalf("this test does not read lines that go on: %s", line)
			}
			continue
		}
		i := instruction{word: word, flags: make(map[string]string), text: rest}
		for _, field := range strings.Fields(rest) {
			if name, value, ok := strings.Cut(field, "="); ok && strings.HasPrefix(name, "--") && i.args == nil {
				i.flags[name] = value
				continue
			}
			i.args = append(i.args, field)
		}
		if word == "FROM" {
			stages = append(stages, nil)
		}
		if len(stages) > 0 {
			stages[len(stages)-1] = append(stages[len(stages)-1], i)
		}
	}
	if len(stages) != 2 || stages[1][0].text != "scratch" {
		tb.Fatalf("this test reads two stages, the second from scratch; there are %d", len(stages))
	}
	return stages
}

// words reads the JSON array of an ENTRYPOINT, CMD or HEALTHCHECK.
func words(tb testing.TB, text string) (list []string) {
	tb.Helper()
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		tb.Fatalf("%s: %v; without a shell it has to be a JSON array", text, err)
	}
	return list
}

// buildContext is a copy of what .dockerignore lets through.
func buildContext(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(top, ".dockerignore"))
	if err != nil {
		tb.Fatal(err)
	}
	var in, out []string
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for scanner.Scan() {
		switch line := scanner.Text(); {
		case line == "", line == "*", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "!") && !strings.Contains(line, "/"):
			in = append(in, line[1:])
		case strings.HasPrefix(line, "**/"):
			out = append(out, line[3:])
		default:
			tb.Fatalf("this test does not read the pattern %q", line)
		}
	}
	dir := tb.TempDir()
	for _, name := range in {
		err := filepath.WalkDir(filepath.Join(top, name), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			for _, pattern := range out {
				if ignored, _ := filepath.Match(pattern, d.Name()); ignored && d.IsDir() {
					return filepath.SkipDir
				} else if ignored {
					return nil
				}
			}
			to, err := filepath.Rel(top, path)
			if err != nil {
				return err
			}
			to = filepath.Join(dir, to)
			if d.IsDir() {
				return os.MkdirAll(to, 0o755)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(to, text, 0o644)
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}
