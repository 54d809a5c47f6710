package main

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// top is the source tree.
const top = "../.."

// mostBytes is what a stripped program may have; scripts/dist has the same limit
// for all systems.
const mostBytes = 25_000_000

// withoutMake is the environment for a make that another one has not started.
func withoutMake(more ...string) (env []string) {
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if name != "MAKEFLAGS" && name != "MAKELEVEL" && name != "MFLAGS" && name != asCommand {
			env = append(env, v)
		}
	}
	return append(env, more...)
}

// What make build makes is small, needs no library and knows what it is.
func TestRelease(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "agent")
	build := exec.CommandContext(t.Context(), "make", "build", "OUT="+path, "VERSION=v9.8.7", "COMMIT=0123456789abcdef", "DATE=2026-01-02T03:04:05Z")
	build.Dir, build.Env = top, withoutMake()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() >= mostBytes {
		t.Errorf("the program has %d bytes, want less than %d", info.Size(), mostBytes)
	}
	out, err := exec.CommandContext(t.Context(), path, "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("resoagent v9.8.7 (commit 0123456789abcdef, 2026-01-02T03:04:05Z) %s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if string(out) != want {
		t.Errorf("version: %q, want %q", out, want)
	}
	if runtime.GOOS == "linux" {
		checkStatic(t, path)
	}
	script, err := os.ReadFile(filepath.Join(top, "scripts", "dist"))
	if err != nil || !strings.Contains(string(script), fmt.Sprintf("\nmost=%d\n", mostBytes)) {
		t.Errorf("scripts/dist has another limit: %v", err)
	}
}

// checkStatic checks that a program has neither an interpreter, nor libraries to
// be loaded, nor symbols.
func checkStatic(tb testing.TB, path string) {
	tb.Helper()
	file, err := elf.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // read only
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			tb.Errorf("the program is not static: it has %s", p.Type)
		}
	}
	if file.Section(".symtab") != nil || file.Section(".debug_info") != nil {
		tb.Error("the program is not stripped")
	}
}
