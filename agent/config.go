package agent

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"resoagent/internal/catalog"
	"resoagent/migrations"
)

// Sizes are a stream's batch sizes and its delay.
type Sizes struct {
	Page     int           // records asked for in one request
	Batch    int           // records of a batch, which is a checkpoint inside a page
	Throttle time.Duration // delay between two pages
}

// Config is everything that an agent needs to know. Start from DefaultConfig.
type Config struct {
	SourceURL string // the service root of the RESO Web API
	IDXToken  string // bearer tokens; "" for a feed that is not licensed
	VOWToken  string

	DatabaseURL string // postgres://..., sqlite:PATH, or "" for a SQLite file in StateDir
	Schema      string // of the tables in PostgreSQL
	SyncLog     string // SCHEMA.TABLE of an old service in PostgreSQL, in place of the schema's own; "" for that
	Pooler      bool   // a pooler in transaction mode is between; detected where false
	StateDir    string // holds the state file and the socket

	// Sizes are those of the streams, by the name of their settings: "property",
	// "media" and so on. A Config that is copied shares them.
	Sizes map[string]*Sizes
	// Filters are extra OData filters, by stream; one that is not named has the
	// catalogue's.
	Filters map[string]string

	Parallel       int           // windows of a long pass that are read at a time
	RetryFor       time.Duration // how long source or destination may be away
	StallTimeout   time.Duration // how long an answer may stay silent
	Lookback       time.Duration // how far behind a finished pass to read again; 0: not
	Lease          time.Duration // how long the destination stays owned after a crash
	CAFile         string        // extra root certificate, PEM
	AllowPlaintext bool          // http:// to other hosts
	UserAgent      string
	Host           string // this host's name, part of the destination's ownership

	// Observe is told of each event; nil for nobody. It is called from
	// several goroutines and must return soon.
	Observe func(Event)
	Now     func() time.Time // the wall clock; nil: time.Now

	catalogue catalog.Catalogue // nil: all of it
	anewFrom  int               // see fewNew; 0: the default
}

// DefaultConfig holds every default. The sizes and delays are those of the
// service that the agent replaces.
func DefaultConfig() Config {
	sizes, filters := make(map[string]*Sizes), make(map[string]string)
	for _, s := range catalog.All().Settings() {
		own := Sizes(s.Sizes)
		sizes[s.Settings] = &own
	}
	for _, s := range catalog.All() {
		if s.Filter != "" {
			filters[s.Name] = s.Filter
		}
	}
	return Config{
		Sizes: sizes, Filters: filters,
		Schema:       "public",
		Parallel:     2,
		RetryFor:     15 * time.Minute,
		StallTimeout: time.Minute,
		Lookback:     10 * time.Minute,
		Lease:        30 * time.Second,
		UserAgent:    "resoagent",
		Host:         "localhost",
	}
}

// mostParallel is the most windows that are read at a time: each has a
// connection to the source and one to the destination.
const mostParallel = 16

// Errors that a caller decides on.
var (
	// ErrConfig: the configuration or the selection is wrong; nothing was done.
	ErrConfig = errors.New("configuration")
	// ErrInUse: another agent uses the state directory or the destination.
	ErrInUse = errors.New("in use by another agent")
	// ErrNoKeys: children were selected, and there is no listing yet.
	ErrNoKeys = errors.New("No property keys loaded: run property sync first") //nolint:staticcheck // the user's own words
	// ErrChanged: source, filter or feed are not those that the positions are of.
	ErrChanged = errors.New("what is fetched has changed")
	// ErrEmptied: the destination is empty, and the state file says it is not.
	ErrEmptied = errors.New("the destination is empty, but the state file is not")
	// ErrUnsynced: nothing was ever synced into the database.
	ErrUnsynced = errors.New("nothing was ever synced into this database")
	// ErrNoState: there is no state directory.
	ErrNoState = errors.New("there is no such state directory")
	// ErrDisorder: the source does not keep the order that was asked for.
	ErrDisorder = errors.New("the source's timestamps go backwards inside a page")
	// ErrStuck: the source's pages do not lead on.
	ErrStuck = errors.New("the source repeats the same page")
	// ErrIncomplete: the source has no more pages although its count says more.
	ErrIncomplete = errors.New("the source counts more records than it sends")
	// ErrRejects: too many records in a row were rejected.
	ErrRejects = errors.New("too many records in a row were rejected")
	// ErrRepairs: the text of too many records in a row had to be repaired.
	ErrRepairs = errors.New("the text of too many records in a row is broken")
)

// Selection says what a run shall sync.
type Selection struct {
	Streams []string // none: all that a token is there for
	Force   bool     // fetch everything again and rewrite what differs
	// AcceptSource: the source has another address and is the same. The positions
	// of all streams stay good.
	AcceptSource bool
}

// problem is a setting that cannot work.
type problem struct {
	setting string // as the flag is called
	text    string
}

// problems finds the settings that cannot work, all of them, sorted by text.
func (c *Config) problems() (out []problem) {
	add := func(setting, format string, args ...any) {
		out = append(out, problem{setting, "--" + setting + fmt.Sprintf(format, args...)})
	}
	if c.SourceURL == "" {
		add("source-url", " is not set (such as https://query.ampre.ca/odata)")
	}
	if c.StateDir == "" {
		add("state-dir", " is not set")
	}
	for name, s := range c.Sizes {
		if s.Page < 1 || s.Page > 10_000 {
			add(name+"-batch-size", " is %d, must be 1 to 10000", s.Page)
		}
		if s.Batch < 1 || s.Batch > 10_000 {
			add(name+"-db-batch-size", " is %d, must be 1 to 10000", s.Batch)
		}
		if s.Throttle < 0 {
			add(name+"-throttle", " is negative")
		}
	}
	if c.Parallel < 1 || c.Parallel > mostParallel {
		add("parallel", " is %d, must be 1 to %d", c.Parallel, mostParallel)
	}
	if c.RetryFor < 0 || c.StallTimeout < 0 || c.Lookback < 0 {
		out = append(out, problem{"retry-for", "--retry-for, --stall-timeout and --lookback must not be negative"})
	}
	for name, token := range map[string]string{"idx": c.IDXToken, "vow": c.VOWToken} {
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			out = append(out, problem{name + "-token", fmt.Sprintf("the %s token holds a space or a character that no token has", name)})
		}
	}
	if c.SyncLog != "" {
		if _, _, err := migrations.ParseSyncLog(c.SyncLog); err != nil {
			add("synclog", ": %v", err)
		}
		if _, isFile, err := c.sqlitePath(); err == nil && isFile {
			add("synclog", " is for PostgreSQL: a SQLite file has one SyncLog")
		}
	}
	if c.Lease < time.Second {
		add("lease", " must be a second or more")
	}
	slices.SortFunc(out, func(a, b problem) int { return strings.Compare(a.text, b.text) })
	return out
}

// check refuses settings that cannot work.
func (c *Config) check() error {
	problems := c.problems()
	if problems == nil {
		return nil
	}
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.text
	}
	return fmt.Errorf("%w: %s", ErrConfig, strings.Join(texts, "; "))
}

// sqlitePath gives the path of a SQLite destination, or ok false where the
// destination is PostgreSQL.
func (c *Config) sqlitePath() (path string, ok bool, err error) {
	switch {
	case c.DatabaseURL == "":
		return filepath.Join(c.StateDir, "listings.sqlite"), true, nil
	case strings.HasPrefix(c.DatabaseURL, "sqlite:"):
		path := strings.TrimPrefix(c.DatabaseURL, "sqlite:")
		if path == "" {
			return "", false, fmt.Errorf("%w: --database-url sqlite: needs a path behind it", ErrConfig)
		}
		return path, true, nil
	case strings.HasPrefix(c.DatabaseURL, "postgres://"), strings.HasPrefix(c.DatabaseURL, "postgresql://"):
		return "", false, nil
	}
	return "", false, fmt.Errorf("%w: --database-url must begin with 'postgres://' or 'sqlite:'", ErrConfig)
}

// selected gives the streams of a run in their order. left are those that were
// left out of a run of all because their feed has no token.
func (c *Config) selected(sel Selection) (run []*stream, left []string, err error) {
	if err := c.checkStreams(sel.Streams); err != nil {
		return nil, nil, err
	}
	for _, name := range c.streams().Names() {
		s := c.stream(name)
		switch {
		case len(sel.Streams) > 0 && !slices.Contains(sel.Streams, name):
			continue
		case c.token(s.feed) != "":
			run = append(run, s)
		case len(sel.Streams) > 0:
			return nil, nil, fmt.Errorf("%w: %s was selected, but there is no token for the %s feed; set --%s-token or --%s-token-file",
				ErrConfig, name, strings.ToUpper(s.feed), s.feed, s.feed)
		default:
			left = append(left, name)
		}
	}
	if len(run) == 0 {
		return nil, nil, fmt.Errorf("%w: there is no token; set --idx-token or --vow-token (or --idx-token-file, --vow-token-file)", ErrConfig)
	}
	return run, left, nil
}

// checkStreams refuses names that no stream has.
func (c *Config) checkStreams(names []string) error {
	all := c.streams().Names()
	for _, name := range names {
		if !slices.Contains(all, name) {
			return fmt.Errorf("%w: there is no stream %q; the streams are %s", ErrConfig, name, strings.Join(all, ", "))
		}
	}
	return nil
}

// now is the wall clock.
func (c *Config) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}
