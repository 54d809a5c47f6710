package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/catalog"
	"resoagent/internal/disk"
	"resoagent/internal/postgres"
	"resoagent/internal/record"
	"resoagent/internal/reso"
	"resoagent/internal/sqlite"
	"resoagent/keyset"
	"resoagent/migrations"
)

// destination is what both kinds of destination offer.
type destination interface {
	Destination
	Ownership
	Tables
	Aside
	Log
	// Migrate makes the tables, or brings them to this version, for an agent that
	// would be o. record.ErrOwned: another agent's lease still runs, and something
	// would have to be changed.
	Migrate(ctx context.Context, o record.Owner) (migrations.Result, error)
	Marks(ctx context.Context) ([]record.Mark, error)
	Owned(ctx context.Context) (record.Owned, error)
	Close() error
}

// Open makes an agent: it checks the configuration and takes the state
// directory. Source and destination are not asked for anything yet.
// ErrConfig: a setting cannot work. ErrInUse: another agent has the directory.
func Open(ctx context.Context, config Config) (*Agent, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	source, err := openSource(&config)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(config.StateDir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	config.StateDir = dir
	a := &Agent{
		config: config, source: newPaced(source, &config), remote: source, opened: config.now().UTC(), large: make(chan struct{}, 1),
		closers: []func() error{source.Close},
	}
	if err := a.openState(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	dest, err := openDestination(ctx, &config)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.closers = append(a.closers, dest.Close)
	a.dest, a.owner, a.tables, a.aside, a.log, a.migrate = dest, dest, dest, dest, dest, dest.Migrate
	a.closers = append(a.closers, a.serve(ctx))
	return a, nil
}

// Migrate creates or upgrades the tables of the configuration's destination,
// without a source and without taking the state directory.
func Migrate(ctx context.Context, config Config) (migrations.Result, error) {
	if _, isFile, err := config.sqlitePath(); err != nil {
		return migrations.Result{}, err
	} else if isFile {
		if err := prepareDir(config.StateDir); err != nil {
			return migrations.Result{}, err
		}
	}
	dest, err := openDestination(ctx, &config)
	if err != nil {
		return migrations.Result{}, err
	}
	a := &Agent{config: config, migrate: dest.Migrate, closers: []func() error{dest.Close}}
	result, err := a.Migrate(ctx)
	if err == nil {
		a.showComplete(ctx, dest)
	}
	return result, errors.Join(err, a.Close())
}

// showComplete has the view Property show the fullest feed that has finished a
// backfill, by the streams' marks: an agent that does not own the view cannot. It is
// not worth failing for.
func (a *Agent) showComplete(ctx context.Context, dest destination) {
	marks, err := dest.Marks(ctx)
	if err != nil {
		return
	}
	known, err := markedStates(marks)
	if err != nil {
		return // the sync's to complain about
	}
	table := a.config.streams().PropertyTable(func(name string) bool { return !known[name].LastFinishedAt.IsZero() }, func(string) bool { return false })
	if table == "" {
		return
	}
	if err := dest.ShowProperty(ctx, table); err != nil && ctx.Err() == nil {
		a.notice(true, "the view Property does not show %s yet: %v", table, err)
	}
}

func openSource(c *Config) (*reso.Client, error) {
	source, err := reso.New(reso.Options{
		URL: c.SourceURL, Tokens: map[string]string{catalog.IDX: c.IDXToken, catalog.VOW: c.VOWToken}, CAFile: c.CAFile,
		StallTimeout: c.StallTimeout, AllowPlaintext: c.AllowPlaintext, UserAgent: c.UserAgent, Resources: resources(c.streams()),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return source, nil
}

// resources are the resources of the streams.
func resources(streams catalog.Catalogue) (names []string) {
	for i := range streams {
		names = append(names, streams[i].Resource)
	}
	return names
}

func openDestination(ctx context.Context, c *Config) (destination, error) {
	path, isFile, err := c.sqlitePath()
	if err != nil {
		return nil, err
	}
	if isFile {
		return sqlite.Open(ctx, sqlite.Options{Path: path, Shapes: c.streams().Shapes(), Layout: c.streams().Layout(), Tell: c.tell})
	}
	d, err := openPostgres(c)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func openPostgres(c *Config) (*postgres.Destination, error) {
	d, err := postgres.Open(postgres.Options{
		URL: c.DatabaseURL, Shapes: c.streams().Shapes(), Layout: c.streams().Layout(), Tell: c.tell, Schema: c.Schema, SyncLog: c.SyncLog, Pooler: c.Pooler, Connections: c.Parallel + 2, Lease: c.Lease,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return d, nil
}

// tell says what takes a while.
func (c *Config) tell(text string) {
	if c.Observe != nil {
		c.Observe(Notice{Text: text})
	}
}

// existingDestination opens a destination without making anything: nil where it
// would be a file that is not there.
func existingDestination(ctx context.Context, c *Config) (destination, error) {
	path, isFile, err := c.sqlitePath()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); isFile && errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // said in the comment
	}
	return openDestination(ctx, c)
}

// openExamination opens source and destination to be examined. Either may be nil
// with an error that says which setting cannot work; nothing is connected, and
// no file is made or touched.
func openExamination(c *Config) (source examinedSource, dest examinedDestination, sourceErr, destErr error) {
	patient := *c
	patient.StallTimeout = 0 // the examination has limits of its own
	if s, err := openSource(&patient); err != nil {
		sourceErr = err
	} else {
		source = s
	}
	path, isFile, err := c.sqlitePath()
	switch {
	case err != nil:
		destErr = err
	case isFile:
		dest = sqlite.NewProbe(path, c.streams().Shapes(), c.streams().Layout())
	default:
		if d, err := openPostgres(c); err != nil {
			destErr = err
		} else {
			dest = d
		}
	}
	return source, dest, sourceErr, destErr
}

// destinationMarks reads the marks of a destination that may not exist yet,
// without making anything.
func destinationMarks(ctx context.Context, c *Config) (marks []record.Mark, err error) {
	dest, err := existingDestination(ctx, c)
	if err != nil || dest == nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dest.Close()) }()
	return dest.Marks(ctx)
}

// openState takes the state directory and loads what it holds.
func (a *Agent) openState() error {
	if err := prepareDir(a.config.StateDir); err != nil {
		return err
	}
	file, keys, err := openStateFile(a.config.StateDir, a.now())
	if err != nil {
		return stateHint(err)
	}
	a.file, a.keys = file, keys
	a.closers = append(a.closers, func() error { return a.file.Close() })
	if err := recallAsked(file, a.source, &a.config); err != nil {
		return stateHint(err)
	}
	return nil
}

// openStateFile opens the state file and loads the parent keys that it holds.
func openStateFile(dir string, now time.Time) (*checkpoint.File, *keyset.Set, error) {
	file, err := checkpoint.Open(dir, now)
	if err != nil {
		return nil, nil, err
	}
	var keys *keyset.Set
	err = file.View(func(tx *checkpoint.Tx) (err error) {
		keys, err = keyset.Load(tx.Bolt())
		return err
	})
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, keys, nil
}

// prepareDir makes the state directory, for its owner alone, and refuses one
// that others can write to, or exchange: they could put a position into it, and
// links into other places.
func prepareDir(dir string) error {
	if err := trusted(dir); err != nil { // before anything is made where a link of somebody else's leads to
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make state directory: %w", err)
	}
	if err := trusted(dir); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at state directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: --state-dir %s is not a directory", ErrConfig, dir)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return refuse(fmt.Errorf("others can write to the state directory %s; run chmod 700 %s", dir, dir))
	}
	return nil
}

// trusted refuses a state directory that somebody else could exchange.
func trusted(dir string) error {
	err := disk.Trusted(dir)
	var other *disk.UntrustedError
	if errors.As(err, &other) {
		return fmt.Errorf("%w: --state-dir: %w", ErrConfig, err)
	}
	if err != nil {
		return fmt.Errorf("look at state directory: %w", err)
	}
	return nil
}

// stateHint says what to do about a state file that cannot be used. It is never
// the only copy of anything.
func stateHint(err error) error {
	switch {
	case rebuildable(err):
		return fmt.Errorf("%w; run 'agent repair': it sets the file aside and makes a new one from the destination", err)
	case errors.Is(err, checkpoint.ErrNewer):
		return fmt.Errorf("%w; upgrade this agent", err)
	case errors.Is(err, checkpoint.ErrLocked) && !errors.Is(err, ErrInUse):
		return fmt.Errorf("%w: %w; 'agent status' shows what it does", ErrInUse, err)
	case errors.Is(err, checkpoint.ErrNoSpace):
		return fmt.Errorf("%w; make room on the disk of the state directory and run again: nothing is lost", err)
	case errors.Is(err, checkpoint.ErrReadOnly):
		return fmt.Errorf("%w; let this user write to the state directory, or name another with --state-dir", err)
	}
	return err
}
