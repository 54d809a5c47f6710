package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"resoagent/internal/disk"
	"resoagent/internal/record"
	"resoagent/migrations"
)

// Probe examines a destination that may not exist. It is no Destination, since
// opening one makes the file and changes its journal.
type Probe struct {
	path   string
	shapes record.Shapes
	layout migrations.Layout
}

// NewProbe is for the database file at path.
func NewProbe(path string, shapes record.Shapes, layout migrations.Layout) *Probe {
	return &Probe{path, shapes, layout}
}

// Close is there for the sake of the other kind of destination.
func (p *Probe) Close() error { return nil }

// probeAll is the time for everything.
const probeAll = 20 * time.Second

// probe is one examination.
type probe struct {
	record.Report
	path     string
	stateDir string   // which a sync makes itself
	columns  []string // of SyncLog that streams have
	shapes   record.Shapes
	layout   migrations.Layout
	db       *sql.DB
	standing migrations.Standing
	found    record.Examined
}

// Examine reports how the destination stands for an agent that would be o. An
// error is the context's own.
func (p *Probe) Examine(ctx context.Context, o record.Owner, columns []string, report record.Report) (record.Examined, error) {
	x := &probe{Report: report, path: p.path, stateDir: o.StateDir, columns: columns, shapes: p.shapes, layout: p.layout}
	short, cancel := context.WithTimeout(ctx, probeAll)
	defer cancel()
	x.space()
	exists, ok := x.file()
	if !exists {
		why := "there is no file yet"
		x.found.MarksKnown = ok
		if !ok {
			why = "there is no file that could be opened"
		}
		x.rest(why, "version", "tables", "synclog", "owner")
		return x.found, ctx.Err()
	}
	db, err := openToRead(p.path)
	if err != nil {
		return x.found, err
	}
	defer db.Close()
	x.db = db
	x.contents(short, o)
	return x.found, ctx.Err()
}

func (p *probe) rest(why string, names ...string) {
	for _, name := range names {
		p.NotChecked(name, "%s", why)
	}
}

// openToRead opens the file so that nothing of it or beside it is changed. While
// there is no write-ahead log nobody is writing, and the file alone is read.
func openToRead(path string) (*sql.DB, error) {
	query := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(2000)"}}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		query.Set("immutable", "1")
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("open destination: %w", err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// file looks whether the file can be written, or made. ok: it can.
func (p *probe) file() (exists, ok bool) {
	const name = "file"
	dir := filepath.Dir(p.path)
	info, err := os.Lstat(p.path)
	if err == nil && info.Mode()&os.ModeSymlink != 0 {
		if err := disk.Trusted(p.path); err != nil {
			p.Failure(name, "name the file itself with --database-url sqlite:PATH", "%v", err)
			return false, false
		}
		info, err = os.Stat(p.path)
	}
	switch {
	case err == nil && !info.Mode().IsRegular():
		p.Failure(name, "name a file with --database-url sqlite:PATH", "%s is no file", p.path)
		return false, false
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		p.Failure(name, "let this user read the directories on the way", "%v", err)
		return false, false
	case err != nil:
		return false, p.creatable(name, dir)
	}
	for _, path := range []string{p.path, dir} { // the log is made beside the file
		if err := disk.Writable(path); err != nil {
			p.Failure(name, "let this user write to the file and its directory, or name another with --database-url", "%v", err)
			return true, false
		}
	}
	p.OK(name, "%s can be written", p.path)
	return true, true
}

// creatable looks whether the file can be made. The state directory, where it
// lies by default, may itself have to be made first.
func (p *probe) creatable(name, dir string) bool {
	if _, err := os.Stat(dir); err != nil {
		if absolute, e := filepath.Abs(dir); e == nil && absolute == p.stateDir && errors.Is(err, fs.ErrNotExist) {
			p.OK(name, "%s does not exist yet; the first sync creates it", p.path)
			return true
		}
		p.Failure(name, "make the directory, or name another with --database-url", "%v", err)
		return false
	}
	if err := disk.Writable(dir); err != nil {
		p.Failure(name, "let this user write to the directory, or name another with --database-url", "%v", err)
		return false
	}
	p.OK(name, "%s does not exist yet; the first sync creates it", p.path)
	return true
}

// space measures the disk of the nearest directory that exists.
func (p *probe) space() {
	dir := filepath.Dir(p.path)
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	free, err := disk.Free(dir)
	if err != nil {
		p.found.Place = "the free space is not known"
		return
	}
	p.found.Free, p.found.FreeKnown, p.found.Place = free, true, dir
}

// contents looks into the file.
func (p *probe) contents(ctx context.Context, o record.Owner) {
	var version string
	err := p.db.QueryRowContext(ctx, `SELECT sqlite_version() FROM (SELECT count(*) FROM sqlite_master)`).Scan(&version)
	if err != nil {
		p.Failure("version", "check that the file is a SQLite database of this agent, or name another with --database-url", "%v", err)
		p.rest("the file cannot be read", "tables", "synclog", "owner")
		return
	}
	p.OK("version", "SQLite %s", version)
	if p.standing, err = migrations.Look(ctx, p.db, migrations.SQLite, migrations.Names{}, p.layout); err != nil {
		p.Failure("tables", "check that no other program holds the file", "%v", err)
		p.rest("the tables cannot be read", "synclog", "owner")
		return
	}
	p.tables()
	p.syncLog(ctx)
	p.ownership(ctx, o)
	if len(p.standing.Foreign) == 0 && !p.standing.Newer() {
		p.found.Marks, err = (&Destination{db: p.db}).Marks(ctx)
		p.found.MarksKnown = err == nil
	}
}

func (p *probe) tables() {
	s := p.standing
	switch {
	case len(s.Foreign) > 0:
		p.Failure("tables", "choose another database file", "there are tables or views of its names that the agent did not make: %s", strings.Join(s.Foreign, ", "))
	case s.Newer():
		p.Failure("tables", "upgrade this agent", "made by a newer agent: version %d, this one knows %d", s.Version, s.Latest)
	case s.Version == 0:
		p.OK("tables", "none yet; the first sync creates them")
	case len(s.Missing) > 0:
		p.Failure("tables", "restore the file from a backup, or choose another", "version %d, but these are missing: %s", s.Version, strings.Join(s.Missing, ", "))
	case len(s.Obstacles) > 0:
		what, do := s.InTheWay()
		p.Failure("tables", do, "%s", what)
	case s.Version < s.Latest:
		p.OK("tables", "version %d of %d; the next sync upgrades them", s.Version, s.Latest)
	case s.Pending:
		p.OK("tables", "version %d of %d; the next sync adds to them", s.Version, s.Latest)
	default:
		p.OK("tables", "version %d of %d", s.Version, s.Latest)
	}
}

func (p *probe) syncLog(ctx context.Context) {
	const name = "synclog"
	if p.standing.SyncLog == "" {
		p.OK(name, "none yet; the next sync creates it")
		return
	}
	var missing []string
	for _, c := range append(record.SyncLogColumns(), p.columns...) {
		var n int
		err := p.db.QueryRowContext(ctx, `SELECT count(*) FROM pragma_table_info(?) WHERE name = ? COLLATE NOCASE`, p.standing.SyncLog, c).Scan(&n)
		if err != nil {
			p.Failure(name, "check that no other program holds the file", "%v", err)
			return
		}
		if n == 0 {
			missing = append(missing, c)
		}
	}
	if missing != nil {
		p.Failure(name, "add the columns, or choose another database file", "SyncLog lacks the columns %s", strings.Join(missing, ", "))
		return
	}
	p.OK(name, "SyncLog is used as it is")
}

func (p *probe) ownership(ctx context.Context, o record.Owner) {
	const name = "owner"
	if !slices.Contains(p.standing.Tables, "agent_owner") {
		p.OK(name, "nobody yet")
		return
	}
	row, left, err := owned(ctx, p.db)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		p.OK(name, "nobody yet")
	case err != nil:
		p.Failure(name, "check that no other program holds the file", "%v", err)
	case o.Same(row):
		p.OK(name, "the agent of this state directory")
	case left > 0:
		p.Failure(name, "wait for its end, or for its lease if it has died; or give this agent a file of its own",
			"an agent on host %s with state directory %s is at work; its lease runs for %.0f s", row.Host, row.StateDir, left.Seconds())
	default:
		p.OK(name, "host %s, state directory %s, without a lease: the next sync takes it over", row.Host, row.StateDir)
	}
}
