package main

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"resoagent/agent"
)

// settings are what sync, status and migrate have in common: one file can hold
// the settings of all three.
type settings struct {
	config   agent.Config
	idxFile  string
	vowFile  string
	format   string
	level    slog.Level
	quiet    bool
	filename string
	memory   memoryLimit
}

func (s *settings) register(fs *flag.FlagSet, env environment) {
	c := &s.config
	*c = agent.DefaultConfig()
	c.Host, c.Now, c.UserAgent = env.host, env.now, userAgent()

	fs.StringVar(&s.filename, "config", "", "`file` with settings, one 'name value' a line")
	fs.StringVar(&c.SourceURL, "source-url", "", "service root of the RESO Web API, such as https://query.ampre.ca/odata")
	fs.StringVar(&c.IDXToken, "idx-token", "", "bearer `token` of the IDX feed")
	fs.StringVar(&s.idxFile, "idx-token-file", "", "`file` that holds the IDX token")
	fs.StringVar(&c.VOWToken, "vow-token", "", "bearer `token` of the VOW feed; children use it, else IDX's")
	fs.StringVar(&s.vowFile, "vow-token-file", "", "`file` that holds the VOW token")
	fs.StringVar(&c.DatabaseURL, "database-url", "", "`url`: postgres://... or sqlite:PATH; none: a SQLite file in the state directory")
	fs.StringVar(&c.Schema, "schema", c.Schema, "`name` of the PostgreSQL schema of the tables")
	fs.BoolVar(&c.Pooler, "pooler", false, "a pooler in transaction mode is before PostgreSQL (detected otherwise)")
	fs.StringVar(&c.StateDir, "state-dir", defaultStateDir(env), "`directory` of the state: checkpoints and socket")

	for _, x := range []struct {
		name  string
		sizes *agent.Sizes
	}{{"property", &c.Property}, {"media", &c.Media}, {"rooms", &c.Rooms}, {"openhouse", &c.OpenHouse}} {
		fs.IntVar(&x.sizes.Page, x.name+"-batch-size", x.sizes.Page, "`n` records are asked for in one request")
		fs.IntVar(&x.sizes.Batch, x.name+"-db-batch-size", x.sizes.Batch, "`n` records are one batch: a checkpoint inside a page")
		fs.DurationVar(&x.sizes.Throttle, x.name+"-throttle", x.sizes.Throttle, "delay between two requests")
	}
	fs.IntVar(&c.Parallel, "parallel", c.Parallel, "`n` windows of a long pass are read at a time")
	fs.StringVar(&c.MediaFilter, "media-filter", c.MediaFilter, "extra OData `filter` for media")
	fs.BoolVar(&c.TrustSyncLog, "trust-synclog", false, "start at an old service's SyncLog timestamps, minus 24 hours")
	fs.DurationVar(&c.RetryFor, "retry-for", c.RetryFor, "how long source or destination may be away; 0: not at all")
	fs.DurationVar(&c.StallTimeout, "stall-timeout", c.StallTimeout, "how long an answer of the source may stay silent")
	fs.DurationVar(&c.Lookback, "lookback", c.Lookback, "how far behind the last pass to look for rows that came late; 0: not at all")
	fs.DurationVar(&c.Lease, "lease", c.Lease, "how long the destination stays owned by an agent that died")
	fs.StringVar(&c.CAFile, "ca-file", "", "`file` with an extra root certificate (PEM)")
	fs.BoolVar(&c.AllowPlaintext, "allow-plaintext", false, "allow http:// to another host; the token is sent unencrypted")
	fs.StringVar((*string)(&s.memory), "memory-limit", defaultMemoryLimit, "`size` that the heap is kept under; GOMEMLIMIT comes before it")
	fs.StringVar(&s.format, "log-format", "text", "`format`: text for people, json for one object a line")
	fs.TextVar(&s.level, "log-level", slog.LevelInfo, "least `level` to show: debug, info, warn or error")
	fs.BoolVar(&s.quiet, "quiet", false, "only phases, problems and the summary")
}

// complete reads the token files and checks what the flags cannot.
func (s *settings) complete() error {
	if s.format != "text" && s.format != "json" {
		return fmt.Errorf("%w: --log-format is %q, must be text or json", errUsage, s.format)
	}
	if _, err := s.memory.check(); err != nil {
		return err
	}
	if s.config.StateDir == "" {
		return fmt.Errorf("%w: there is no home directory to keep the state in; set --state-dir", errUsage)
	}
	return s.readTokens(&s.config.IDXToken, &s.config.VOWToken)
}

// readTokens puts the tokens into idx and vow: those of the files where there
// are any, else what stands there already.
func (s *settings) readTokens(idx, vow *string) error {
	for _, x := range []struct {
		flag, file string
		token      *string
	}{{"idx", s.idxFile, idx}, {"vow", s.vowFile, vow}} {
		*x.token = strings.TrimSpace(*x.token)
		if x.file == "" {
			continue
		}
		if *x.token != "" {
			return fmt.Errorf("%w: --%s-token and --%s-token-file are both set; use one", errUsage, x.flag, x.flag)
		}
		text, err := os.ReadFile(x.file)
		if err != nil {
			return fmt.Errorf("%w: read --%s-token-file: %w", errUsage, x.flag, err)
		}
		*x.token = string(bytes.TrimSpace(text))
		if *x.token == "" {
			return fmt.Errorf("%w: --%s-token-file %s is empty", errUsage, x.flag, x.file)
		}
	}
	return nil
}

// defaultStateDir is resoagent in the user's state directory, as XDG has it.
func defaultStateDir(env environment) string {
	if dir := env.get("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "resoagent")
	}
	if home := env.get("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "resoagent")
	}
	return ""
}
