package main

import (
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// image is the file tree of the Dockerfile's last stage, and how it is run.
type image struct {
	dir     string
	env     []string
	uid     int
	run     []string
	health  []string
	volumes []string
}

// assemble does what the Dockerfile says as far as it can be done without Docker:
// the RUN lines of the first stage that make something in /image, on the files
// that .dockerignore lets through, and all of the second. roots is the file of
// root certificates that the first stage would have.
func assemble(tb testing.TB, roots []byte) *image {
	tb.Helper()
	stages := dockerfile(tb)
	// Under a name that has no space, for the shell.
	built := filepath.Join(tb.TempDir(), "built")
	source := buildContext(tb)
	for _, i := range stages[0] {
		if i.word != "RUN" || !strings.Contains(i.text, "/image") {
			continue
		}
		c := exec.CommandContext(tb.Context(), "sh", "-ec", "umask 022; "+strings.ReplaceAll(i.text, "/image", built))
		c.Dir, c.Env = source, withoutMake("VERSION=v1.2.3", "COMMIT=c0ffee", "DATE=2026-01-02T03:04:05Z")
		if out, err := c.CombinedOutput(); err != nil {
			tb.Fatalf("RUN %s: %v\n%s", i.text, err, out)
		}
	}
	m := &image{dir: filepath.Join(tb.TempDir(), "root")}
	if err := os.Mkdir(m.dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	for _, i := range stages[1][1:] {
		switch i.word {
		case "COPY":
			m.copy(tb, i, built, roots)
		case "ENV":
			m.env = append(m.env, i.args...)
		case "USER":
			if i.text != "65532:65532" {
				tb.Errorf("USER %s: want numbers, which Kubernetes can tell from root", i.text)
			}
			m.uid = 65532
		case "VOLUME":
			m.volumes = append(m.volumes, i.args...)
		case "ENTRYPOINT":
			m.run = words(tb, i.text)
		case "CMD":
			m.run = append(slices.Clone(m.run), words(tb, i.text)...)
		case "HEALTHCHECK":
			_, command, _ := strings.Cut(i.text, "CMD ")
			m.health = words(tb, command)
		case "EXPOSE":
		default:
			tb.Errorf("this test does not know %s", i.word)
		}
	}
	return m
}

func (m *image) copy(tb testing.TB, i instruction, built string, roots []byte) {
	tb.Helper()
	if i.flags["--from"] != "build" || len(i.args) != 2 {
		tb.Fatalf("COPY %s: this test reads --from=build and two names", i.text)
	}
	from, to := i.args[0], filepath.Join(m.dir, i.args[1])
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		tb.Fatal(err)
	}
	if from == "/etc/ssl/certs/ca-certificates.crt" {
		if err := os.WriteFile(to, roots, 0o644); err != nil {
			tb.Fatal(err)
		}
		return
	}
	rest, ok := strings.CutPrefix(from, "/image/")
	if !ok {
		tb.Fatalf("COPY %s: nothing made that", i.text)
	}
	from = filepath.Join(built, rest)
	if strings.HasSuffix(i.args[0], "/") {
		if err := os.MkdirAll(to, 0o755); err != nil {
			tb.Fatal(err)
		}
		from += "/."
	}
	if out, err := exec.CommandContext(tb.Context(), "cp", "-Rp", from, to).CombinedOutput(); err != nil {
		tb.Fatalf("COPY %s: %v\n%s", i.text, err, out)
	}
	if owner := i.flags["--chown"]; owner != "" && os.Getuid() == 0 {
		if out, err := exec.CommandContext(tb.Context(), "chown", "-R", owner, to).CombinedOutput(); err != nil {
			tb.Fatalf("COPY %s: %v\n%s", i.text, err, out)
		}
	}
}

// command is a process with the image's tree as its root, as the image's user,
// with nothing in the environment but what the image and the caller set. Who is
// not root gets this in a user namespace, in which he is the image's user.
func (m *image) command(tb testing.TB, args []string, env ...string) *command {
	tb.Helper()
	c := &command{Cmd: exec.CommandContext(tb.Context(), args[0], args[1:]...)}
	c.Env = slices.Concat(m.env, env)
	c.Dir, c.Stdout, c.Stderr = "/", c, c
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: m.dir}
	if os.Getuid() == 0 {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(m.uid), Gid: uint32(m.uid)}
	} else {
		c.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: m.uid, HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: m.uid, HostID: os.Getgid(), Size: 1}}
	}
	err := c.Start()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		// A system that keeps user namespaces to root: then the same program, user and
		// environment, with the paths below the tree instead of a root of its own.
		tb.Logf("no user namespaces on this system (%v): the image's files are used in place", err)
		c = &command{Cmd: exec.CommandContext(tb.Context(), filepath.Join(m.dir, args[0]), args[1:]...)}
		for _, v := range slices.Concat(m.env, env) {
			c.Env = append(c.Env, strings.Replace(v, "=/", "="+m.dir+"/", 1))
		}
		c.Env = append(c.Env, "SSL_CERT_FILE="+filepath.Join(m.dir, "etc/ssl/certs/ca-certificates.crt"), "SSL_CERT_DIR=/nowhere")
		c.Stdout, c.Stderr = c, c
		err = c.Start()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// The image of the Dockerfile: a root with next to nothing in it, in which the
// agent syncs over TLS as a user without rights, and tells by itself how it is.
func TestImage(t *testing.T) {
	t.Parallel()
	sim, err := simulator.New(harness.Small())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(sim)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // one client shall not trust it
	server.StartTLS()
	t.Cleanup(func() { sim.Close(); server.Close() })
	m := assemble(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))

	state := filepath.Join(m.dir, "var/lib/resoagent")
	info, err := os.Stat(state)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("the state directory: %v, %v; want it for its owner alone", info.Mode(), err)
	}
	if !slices.Contains(m.volumes, "/var/lib/resoagent") || !slices.Contains(m.env, "AGENT_STATE_DIR=/var/lib/resoagent") {
		t.Errorf("volumes %v, environment %v: the state is not on a volume", m.volumes, m.env)
	}
	checkStatic(t, filepath.Join(m.dir, "agent"))

	settings := []string{
		"AGENT_SOURCE_URL=" + server.URL + "/odata", "AGENT_IDX_TOKEN=" + simulator.DefaultIDXToken, "AGENT_VOW_TOKEN=" + simulator.DefaultVOWToken,
		"AGENT_PROPERTY_THROTTLE=0", "AGENT_MEDIA_THROTTLE=0", "AGENT_ROOMS_THROTTLE=0", "AGENT_OPENHOUSE_THROTTLE=0",
	}
	c := m.command(t, m.run, settings...)
	c.until(t, "Next sync at")
	if out := c.output(); !strings.Contains(out, "SYNC COMPLETED") || strings.Contains(out, "⚠") {
		t.Errorf("the image warns:\n%s", out)
	}
	health := m.command(t, m.health)
	if code := health.wait(t); code != exitDone {
		t.Errorf("health of a running agent: exit %d: %s", code, health.output())
	}
	version := m.command(t, []string{"/agent", "version"})
	if version.wait(t); !strings.Contains(version.output(), "resoagent v1.2.3 (commit c0ffee, 2026-01-02T03:04:05Z)") {
		t.Errorf("version: %s", version.output())
	}
	c.signal(t, syscall.SIGTERM)
	if code := c.wait(t); code != exitDone {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
	health = m.command(t, m.health)
	if code := health.wait(t); code != exitFailed {
		t.Errorf("health without an agent: exit %d: %s", code, health.output())
	}
	harness.Compare(t, &harness.Source{Simulator: sim}, harness.OpenSQLite(t, filepath.Join(state, "listings.sqlite")), harness.AllFeeds())

	// Another root certificate, and nothing is trusted.
	if err := os.Remove(filepath.Join(m.dir, "etc/ssl/certs/ca-certificates.crt")); err != nil {
		t.Fatal(err)
	}
	c = m.command(t, []string{"/agent", "sync"}, append(settings, "AGENT_RETRY_FOR=0")...)
	if code := c.wait(t); code != exitFailed || !strings.Contains(c.output(), "certificate") {
		t.Errorf("without root certificates: exit %d:\n%s", code, c.output())
	}
}

// The image is built by the Go that go.mod names.
func TestImageGo(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(top, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(mod), "\ngo ")
	version, _, _ := strings.Cut(rest, "\n")
	if parts := strings.Split(version, "."); !strings.Contains(string(text), "\nARG GO="+strings.Join(parts[:2], ".")+"\n") {
		t.Errorf("go.mod has Go %s, the Dockerfile another", version)
	}
}
