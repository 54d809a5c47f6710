package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"resoagent/agent"
	"resoagent/cmd/agent/manual"
	"resoagent/cmd/agent/monitor"
	"resoagent/internal/catalog"
	"resoagent/internal/disk"
)

// The most bytes that a file can have which holds what it should.
const (
	mostToken    = 64 << 10
	mostSettings = 1 << 20
)

// settings are what most commands have in common: one file can hold the settings
// of all of them.
type settings struct {
	config   agent.Config
	idxFile  string
	vowFile  string
	format   string
	level    string
	least    slog.Level // that level
	quiet    bool
	filename string
	memory   memoryLimit
	schedule schedule
	// withoutSource: the command does not ask the source, so its tokens are nobody's
	// business: a file that is being replaced must not make a healthy agent look ill.
	withoutSource bool
}

// schedule is what 'agent run' alone needs. It belongs to the settings, so that
// the file of a daemon serves 'agent status' and the others too.
type schedule struct {
	every  time.Duration
	jitter float64
	listen string
}

func (s *settings) register(set *flag.FlagSet, env environment) {
	c := &s.config
	*c = agent.DefaultConfig()
	c.Host, c.Now, c.UserAgent = env.host, env.now, userAgent()

	fs := &grouped{FlagSet: set, shared: true}
	fs.group(sourceGroup)
	fs.StringVar(&c.SourceURL, "source-url", "", "`url` of the RESO Web API, such as https://query.ampre.ca/odata")
	fs.StringVar(&s.idxFile, "idx-token-file", "", "`file` that holds the IDX feed's token")
	fs.StringVar(&s.vowFile, "vow-token-file", "", "`file` that holds the VOW feed's token; children use it, else IDX's")
	fs.StringVar(&c.IDXToken, "idx-token", "", "the IDX feed's `token` itself; in arguments every user of the host can read it")
	fs.StringVar(&c.VOWToken, "vow-token", "", "the VOW feed's `token` itself")
	for _, stream := range catalog.All() {
		if stream.Filter != "" {
			fs.Var(&filterSetting{c.Filters, stream.Name}, stream.Flag+"-filter", "extra OData `filter` for "+stream.Flag)
		}
	}
	fs.StringVar(&c.CAFile, "ca-file", "", "`file` with an extra root certificate (PEM)")
	fs.BoolVar(&c.AllowPlaintext, "allow-plaintext", false, "allow http:// to another host; the token is sent unencrypted")

	fs.group(databaseGroup)
	fs.StringVar(&c.DatabaseURL, "database-url", "", "`url`: postgres://... or sqlite:PATH; none: SQLite in the state directory")
	fs.StringVar(&c.Schema, "schema", c.Schema, "`name` of the PostgreSQL schema of the tables")
	fs.StringVar(&c.SyncLog, "synclog", "", "`SCHEMA.TABLE` of an old service's SyncLog in PostgreSQL, used in place of the schema's own")
	fs.BoolVar(&c.Pooler, "pooler", false, "a pooler in transaction mode is before PostgreSQL (detected otherwise)")

	fs.group(filesGroup)
	fs.Var((*settingsFile)(&s.filename), "config", "`file` with settings, one 'name value' a line")
	fs.StringVar(&c.StateDir, "state-dir", defaultStateDir(env), "`directory` of checkpoints and socket")

	fs.group(scheduleGroup)
	fs.DurationVar(&s.schedule.every, "every", 15*time.Minute, "time from the start of one sync to that of the next")
	fs.Float64Var(&s.schedule.jitter, "jitter", 0.1, "`share` of that, 0 to 1, by which a start is later, at random")
	fs.StringVar(&s.schedule.listen, "listen", "", "`address` for HTTP, such as "+monitor.DefaultAddress+": page, metrics, health; none: no HTTP")

	fs.group(outputGroup)
	fs.StringVar(&s.format, "log-format", "text", "`text|json`: text for people, or one JSON object a line")
	fs.StringVar(&s.level, "log-level", "info", "`debug|info|warn|error`: the least level that is shown")
	fs.BoolVar(&s.quiet, "quiet", false, "only phases, problems and the summary")

	s.registerPace(fs)

	fs.group(faultsGroup)
	fs.DurationVar(&c.RetryFor, "retry-for", c.RetryFor, "how long source or database may be away; 0: not at all")
	fs.DurationVar(&c.StallTimeout, "stall-timeout", c.StallTimeout, "how long an answer of the source may stay silent")
	fs.DurationVar(&c.Lookback, "lookback", c.Lookback, "how far behind the last pass to look for late rows; 0: not at all")
	fs.DurationVar(&c.Lease, "lease", c.Lease, "how long the database stays owned by an agent that died")
}

// filterSetting is the extra filter of a stream.
type filterSetting struct {
	filters map[string]string
	stream  string
}

func (f *filterSetting) String() string { return f.filters[f.stream] }

func (f *filterSetting) Set(text string) error {
	f.filters[f.stream] = text
	return nil
}

// registerPace adds the settings of how much is asked for at a time, and how
// often.
func (s *settings) registerPace(fs *grouped) {
	c := &s.config
	fs.group(paceGroup)
	for _, stream := range catalog.All().Settings() {
		name, sizes := stream.Settings, c.Sizes[stream.Settings]
		fs.family, fs.member = "KIND", name
		fs.IntVar(&sizes.Page, name+"-batch-size", sizes.Page, "`n`: records asked for in one request")
		fs.IntVar(&sizes.Batch, name+"-db-batch-size", sizes.Batch, "`n`: records of a batch, which is a checkpoint inside a page")
		fs.DurationVar(&sizes.Throttle, name+"-throttle", sizes.Throttle, "delay between two requests")
	}
	fs.family, fs.member = "", ""
	fs.IntVar(&c.Parallel, "parallel", c.Parallel, "`n`: windows of a long pass that are read at a time")
	fs.StringVar((*string)(&s.memory), "memory-limit", defaultMemoryLimit, "`size`: what the heap is kept under; GOMEMLIMIT comes before it")
}

// complete reads the token files and checks what the flags cannot.
func (s *settings) complete() error {
	if wrong := s.wrong(); len(wrong) > 0 {
		return wrong[0].err
	}
	return nil
}

// wrongSetting is a setting that cannot be used.
type wrongSetting struct {
	setting string
	err     error
}

// wrong does the work of complete to the end, and gives everything that cannot
// be used.
func (s *settings) wrong() (out []wrongSetting) {
	add := func(setting string, err error) {
		if err != nil {
			out = append(out, wrongSetting{setting, err})
		}
	}
	if s.format != "text" && s.format != "json" {
		add("log-format", fmt.Errorf("%w: --log-format is %q, must be text or json", errUsage, s.format))
	}
	if err := s.least.UnmarshalText([]byte(s.level)); err != nil {
		add("log-level", fmt.Errorf("%w: --log-level must be debug, info, warn or error", errUsage))
	}
	_, err := s.memory.check()
	add("memory-limit", err)
	if s.config.StateDir == "" {
		add("state-dir", fmt.Errorf("%w: there is no home directory to keep the state in; set --state-dir", errUsage))
	}
	if s.withoutSource {
		return out
	}
	add("idx-token-file", readToken("idx", s.idxFile, &s.config.IDXToken))
	add("vow-token-file", readToken("vow", s.vowFile, &s.config.VOWToken))
	return out
}

// readToken takes a feed's token from its file, if one is named.
func readToken(feed, file string, token *string) error {
	*token = strings.TrimSpace(*token)
	if file == "" {
		return nil
	}
	if *token != "" {
		return fmt.Errorf("%w: --%s-token and --%s-token-file are both set; use one", errUsage, feed, feed)
	}
	text, err := disk.ReadFile(file, mostToken)
	var irregular *disk.IrregularError
	if errors.As(err, &irregular) {
		// A pipe, such as <(...), would be empty when it is read again before the next run.
		return fmt.Errorf("%w: --%s-token-file: %w; name a file, or put the token itself into the environment (%s)",
			errUsage, feed, err, manual.Variable(variablePrefix, feed+"-token"))
	}
	if err != nil {
		return fmt.Errorf("%w: read --%s-token-file: %w; name a file that can be read", errUsage, feed, err)
	}
	*token = string(bytes.TrimSpace(text))
	if *token == "" {
		return fmt.Errorf("%w: --%s-token-file %s is empty; put the token into it", errUsage, feed, file)
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
