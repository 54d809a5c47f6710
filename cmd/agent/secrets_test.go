package main

import (
	"bytes"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// The canaries: what must not be found in anything that the agent writes. They
// hold characters that look different in JSON, HTML and addresses.
const (
	canaryIDX = `canary-idx/"<&>+7Q`
	canaryVOW = `canary-vow/"<&>+9Z`
	canaryPG  = "canary-password"
)

// In every kind of failure nothing that the agent writes holds a token or the
// database's password: output in both formats, tables, all files of the state
// directory, and the process's arguments where they were given otherwise.
func TestNoSecretIsWritten(t *testing.T) {
	t.Parallel()
	strike := func(s simulator.Strike) func(*simulator.Faults) {
		return func(f *simulator.Faults) { s.Every = 2; f.Strike(s) }
	}
	echo := func(status int, target string) func(*simulator.Faults) {
		return strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Echo, Status: status, Target: target}})
	}
	// Eight characters of a token are too many, in each of the spellings.
	var tooMany []string
	for _, canary := range []string{canaryIDX, canaryVOW} {
		for at := 0; at+8 <= len(canary); at++ {
			for _, form := range []string{simulator.EchoJSON, simulator.EchoPercent, simulator.EchoEntities, simulator.EchoEscapes} {
				tooMany = append(tooMany, strings.ToLower(simulator.Spelled(form, canary[at:at+8])))
			}
		}
		packed := simulator.Spelled(simulator.EchoBase64, "Bearer "+canary)
		for at := 10; at+11 <= len(packed); at++ { // behind "Bearer "
			tooMany = append(tooMany, strings.ToLower(packed[at:at+11]))
		}
	}
	for name, test := range map[string]struct {
		faults  func(*simulator.Faults)
		change  func(c *exec.Cmd, dir string)
		mayPass bool // each second answer is good, and it is asked for again
	}{
		"all well":         {},
		"401":              {faults: strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 401}})},
		"reset":            {faults: strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Reset}}), mayPass: true},
		"echo 403":         {faults: echo(403, simulator.EchoJSON)},
		"echo 500":         {faults: echo(500, simulator.EchoJSON), mayPass: true},
		"echo in 200":      {faults: echo(200, simulator.EchoJSON), mayPass: true},
		"echo HTML":        {faults: echo(403, simulator.EchoHTML)},
		"echo HTML 200":    {faults: echo(200, simulator.EchoHTML), mayPass: true},
		"echo redirect":    {faults: echo(302, simulator.EchoLocation)},
		"echo percent 500": {faults: echo(500, simulator.EchoPercent), mayPass: true},
		"echo percent":     {faults: echo(403, simulator.EchoPercent)},
		"echo cut":         {faults: echo(400, simulator.EchoCut)},
		"echo upper":       {faults: echo(400, simulator.EchoUpper)},
		"echo entities":    {faults: echo(400, simulator.EchoEntities)},
		"echo escapes":     {faults: echo(200, simulator.EchoEscapes), mayPass: true},
		"echo base64":      {faults: echo(400, simulator.EchoBase64)},
		"echo base64 2":    {faults: echo(200, simulator.EchoBase64), mayPass: true},
		"echo records":     {faults: echo(200, simulator.EchoRecords), mayPass: true},
		"echo unasked":     {faults: echo(200, simulator.EchoUnasked), mayPass: true},
		"other token":      {change: func(c *exec.Cmd, _ string) { c.Env = append(c.Env, "AGENT_IDX_TOKEN="+canaryIDX+"x") }},
		"no database": {change: func(c *exec.Cmd, _ string) {
			c.Env = append(c.Env, "AGENT_DATABASE_URL=postgres://u:"+canaryPG+"@127.0.0.1:1/x", "AGENT_RETRY_FOR=0")
		}},
		"bad database URL": {change: func(c *exec.Cmd, _ string) {
			c.Env = append(c.Env, "AGENT_DATABASE_URL=postgres://u:"+canaryPG+"@127.0.0.1:bad/x")
		}},
		"bad token": {change: func(c *exec.Cmd, _ string) { c.Env = append(c.Env, "AGENT_IDX_TOKEN="+canaryIDX+" "+canaryIDX) }},
		"bad setting": {change: func(c *exec.Cmd, dir string) {
			file := filepath.Join(dir, "conf")
			_ = os.WriteFile(file, []byte("idx-token="+canaryIDX+"\n"), 0o600)
			c.Args = append(c.Args, "--config", file)
		}},
		"damaged state": {change: func(_ *exec.Cmd, dir string) {
			_ = os.Mkdir(filepath.Join(dir, "state"), 0o700)
			_ = os.WriteFile(filepath.Join(dir, "state", "state.db"), []byte("diary"), 0o600)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := harness.NewSource(t, simulator.Options{
				Seed: 5, Properties: 60, MediaPerListing: 3, IDXToken: canaryIDX, VOWToken: canaryVOW,
			})
			if test.faults != nil {
				source.Set(test.faults)
			}
			db := harness.NewPostgres(t)
			address, err := url.Parse(db.URL)
			if err != nil {
				t.Fatal(err)
			}
			address.User = url.UserPassword(address.User.Username(), canaryPG) // not asked for, so any will do
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "vow.token"), []byte(canaryVOW+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			for _, format := range []string{"text", "json", "doctor", "doctor json"} {
				args := []string{"sync", "--log-format", format}
				if strings.HasPrefix(format, "doctor") {
					args = []string{"doctor", "--json=" + strconv.FormatBool(format == "doctor json")}
				}
				c := exec.CommandContext(t.Context(), os.Args[0], append(args, "--retry-for", "300ms",
					"--media-throttle", "0", "--property-throttle", "0", "--rooms-throttle", "0", "--openhouse-throttle", "0",
					"--property-batch-size", "20", "--media-batch-size", "50")...)
				c.Env = append(os.Environ(), asCommand+"=1", "AGENT_SOURCE_URL="+source.URL, "AGENT_IDX_TOKEN="+canaryIDX,
					"AGENT_VOW_TOKEN_FILE="+filepath.Join(dir, "vow.token"), "AGENT_STATE_DIR="+filepath.Join(dir, "state"),
					"AGENT_DATABASE_URL="+address.String(), "AGENT_SCHEMA="+db.Schema)
				if test.change != nil {
					test.change(c, dir)
				}
				c.Stdout, c.Stderr = &out, &out
				err := c.Run()
				if strings.HasPrefix(format, "doctor") { // every second request may pass
					if name != "bad setting" && !strings.Contains(out.String(), "idx_token") {
						t.Errorf("%s found nothing out about the token: %v\n%s", format, err, out.String())
					}
					continue
				}
				if failed := test.faults != nil || test.change != nil; failed != (err != nil) && !test.mayPass {
					t.Errorf("%s: %v\n%s", format, err, out.String())
				}
			}
			written := map[string][]byte{"output": out.Bytes(), "tables": []byte(dump(t, db))}
			err = filepath.WalkDir(filepath.Join(dir, "state"), func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() {
					written[path], err = os.ReadFile(path)
				}
				return err
			})
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			for where, text := range written {
				text = bytes.ToLower(text)
				for _, canary := range tooMany {
					if at := bytes.Index(text, []byte(canary)); at >= 0 {
						t.Errorf("%s shows %.120q", where, text[max(0, at-60):])
					}
				}
			}
		})
	}
}

// dump is all tables as text.
func dump(tb testing.TB, db *harness.Database) string {
	tb.Helper()
	var b strings.Builder
	tables := db.Strings(tb, "SELECT table_name FROM information_schema.tables WHERE table_schema = $1", db.Schema)
	for _, table := range tables {
		for _, row := range db.Strings(tb, "SELECT encode(convert_to(t::text, 'UTF8'), 'escape') FROM "+db.Table(`"`+table[0]+`"`)+" t") {
			b.WriteString(row[0])
		}
	}
	return b.String()
}
