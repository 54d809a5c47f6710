package agent

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// Finding is what one check of Examine found.
type Finding = record.Finding

// The states of a finding, and its groups in their order.
const (
	FindingOK         = record.OK
	FindingWarning    = record.Warning // a run goes on all the same
	FindingFailure    = record.Failure // a run would stop
	FindingNotChecked = record.NotChecked

	GroupConfiguration = record.GroupConfiguration
	GroupState         = record.GroupState
	GroupSource        = record.GroupSource
	GroupDestination   = record.GroupDestination
)

// Examination says what Examine looks at besides the configuration.
type Examination struct {
	Streams []string // none: all that a token is there for
	// CheckState is CheckState in a process of its own; nil: in this one, which a
	// badly damaged file can end.
	CheckState func(ctx context.Context, dir string) (StateReport, error)
	// Observe is told of each finding as it comes; nil for nobody.
	Observe func(Finding)
}

// Examine checks everything that a run needs: configuration, state directory,
// source and destination. It goes on behind whatever it finds, and changes
// nothing anywhere: a file that shows that the state directory can be written
// is removed again. It is bounded in time, also where nobody answers. The error
// is the context's; the findings by then are good.
func Examine(ctx context.Context, config Config, e Examination) ([]Finding, error) {
	config.Observe = nil
	d := &doctor{config: config, examination: e}
	err := d.run(ctx)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return d.findings, err
}

// doctor is one examination.
type doctor struct {
	config      Config
	examination Examination
	findings    []Finding

	streams []*stream // that the source is asked for

	source examinedSource
	dest   examinedDestination

	// states are where the streams stand by the state file; nil where it does
	// not tell. noStates says why not, "" where there simply is no file yet.
	states   map[string]checkpoint.Stream
	noStates string
	self     record.Owner // by the state file: the owner that a sync would be
	examined record.Examined
}

func (d *doctor) report(group string) record.Report {
	return record.Report{Group: group, Yield: func(f Finding) {
		d.findings = append(d.findings, f)
		if d.examination.Observe != nil {
			d.examination.Observe(f)
		}
	}}
}

func (d *doctor) run(ctx context.Context) (err error) {
	d.configuration(d.report(GroupConfiguration))
	defer func() {
		if d.source != nil {
			err = errors.Join(err, d.source.Close())
		}
		if d.dest != nil {
			err = errors.Join(err, d.dest.Close())
		}
	}()
	if err := d.state(ctx, d.report(GroupState)); err != nil {
		return err
	}
	if err := d.examineSource(ctx, d.report(GroupSource)); err != nil {
		return err
	}
	return d.examineDestination(ctx, d.report(GroupDestination))
}

// configuration checks what the settings say by themselves.
func (d *doctor) configuration(r record.Report) {
	c := &d.config
	problems := c.problems()
	for _, p := range problems {
		r.Failure(p.setting, "correct the setting: a flag, a variable or a line of the settings file", "%s", p.text)
	}
	if len(problems) == 0 {
		r.OK("settings", "all are within their limits")
	}
	if abs, err := filepath.Abs(c.StateDir); err == nil && c.StateDir != "" {
		c.StateDir = abs
	}
	d.feeds(r)
	c.RetryFor = 0 // nothing is waited for from here on
	var sourceErr, destErr error
	d.source, d.dest, sourceErr, destErr = openExamination(c)
	switch {
	case c.SourceURL == "": // told already
	case sourceErr != nil:
		r.Failure("source-url", "correct --source-url or --ca-file", "%s", bare(sourceErr))
	case strings.HasPrefix(c.SourceURL, "http://") && c.AllowPlaintext:
		r.Warning("source-url", "use https:// if the source has it", "--allow-plaintext: the token can be read on its way to an http:// address")
	default:
		r.OK("source-url", "%s", c.SourceURL)
	}
	if destErr != nil {
		r.Failure("database-url", "correct --database-url or --schema", "%s", bare(destErr))
		return
	}
	r.OK("database-url", "%s", d.databaseKind())
}

func (d *doctor) databaseKind() string {
	if path, isFile, err := d.config.sqlitePath(); isFile && err == nil {
		return "SQLite, " + path
	}
	return "PostgreSQL, schema " + d.config.Schema
}

// bare is an error without the word that every error of the configuration
// begins with.
func bare(err error) string { return strings.TrimPrefix(err.Error(), ErrConfig.Error()+": ") }

// feeds checks which streams there are tokens for.
func (d *doctor) feeds(r record.Report) {
	c := &d.config
	streams, left, err := c.selected(Selection{Streams: d.examination.Streams})
	d.streams = streams
	switch {
	case c.IDXToken == "" && c.VOWToken == "":
		r.Failure("feeds", "set --idx-token-file or --vow-token-file, or the token in the environment", "there is no token for either feed")
	case err != nil:
		r.Failure("feeds", "set the token, or leave the stream out", "%s", bare(err))
	case c.VOWToken == "":
		r.OK("feeds", "IDX alone: %s are read with its token, which sees fewer fields; left out: %s", c.children(), strings.Join(left, ", "))
	case c.IDXToken == "":
		r.OK("feeds", "VOW alone, %s with it; left out: %s", c.children(), strings.Join(left, ", "))
	default:
		r.OK("feeds", "IDX and VOW; %s are read with the VOW token", c.children())
	}
}

// examineSource has the source looked at for each selected stream.
func (d *doctor) examineSource(ctx context.Context, r record.Report) error {
	switch {
	case d.source == nil:
		r.NotChecked("reachable", "--source-url cannot be used")
		return nil
	case len(d.streams) == 0:
		r.NotChecked("reachable", "there is no token to ask with")
		return nil
	}
	var subjects []record.Subject
	for _, s := range d.streams {
		// Sizes that are none were told of already; the rest can be checked all the same.
		top := min(max(s.sizes.Page, 1), 10_000)
		subjects = append(subjects, record.Subject{
			Stream: s.name, Query: record.Query{Shape: s.shape, Feed: s.feed, Filter: s.filter, Top: top},
			SizeFlag: s.sizeFlag(), FilterFlag: s.filterFlag(), Pause: s.sizes.Throttle,
			Named: len(d.examination.Streams) > 0,
		})
	}
	return d.source.Examine(ctx, subjects, d.config.now, r)
}

// examineDestination has the destination looked at, and compares what it says
// with state file and source.
func (d *doctor) examineDestination(ctx context.Context, r record.Report) (err error) {
	if d.dest == nil {
		r.NotChecked("connection", "--database-url cannot be used")
		return nil
	}
	d.self.Host, d.self.StateDir, d.self.Lease = d.config.Host, d.config.StateDir, d.config.Lease
	if d.examined, err = d.dest.Examine(ctx, d.self, d.config.streams().SyncLog(), r); err != nil {
		return err
	}
	known, ok := d.positions(r)
	if !ok {
		r.NotChecked("disk", "where the streams stand is not known")
		return nil
	}
	return d.disk(ctx, r, known)
}

// verdict is how a check ended, "" if it was not made.
func (d *doctor) verdict(name string) record.Verdict {
	for _, f := range d.findings {
		if f.Group == GroupSource && f.Name == name {
			return f.State
		}
	}
	return ""
}

// positions compares where the streams stand with what is fetched now. ok:
// known is where a run would go on.
func (d *doctor) positions(r record.Report) (known map[string]checkpoint.Stream, ok bool) {
	const name = "positions"
	if d.noStates != "" {
		r.NotChecked(name, "%s", d.noStates)
		return nil, false
	}
	marked, err := markedStates(d.examined.Marks)
	if err != nil {
		r.Failure(name, "restore the table agent_position from a backup", "%v", err)
		return nil, false
	}
	known = d.states
	if known == nil {
		if !d.examined.MarksKnown {
			r.NotChecked(name, "neither state file nor destination tells them")
			return nil, false
		}
		known = marked
	}
	begun := 0
	var other changed
	all := d.config.streams()
	for _, s := range d.streams {
		state := known[s.name]
		if state.Position != nil {
			begun++
		}
		other.add(s.name, s.differs(&state, d.config.SourceURL))
	}
	switch {
	case d.states != nil && d.emptied(marked):
		r.Failure(name, "check --database-url and --schema, or run 'agent reset --all' to fetch everything into it", "%v", ErrEmptied)
	case other.what(all) != "":
		r.Failure(name, other.do(all)+"; or undo the change", "%s", other.what(all))
		return nil, false
	case begun == 0:
		r.OK(name, "nothing is fetched yet; the first sync is a full backfill")
	default:
		r.OK(name, "%d of %d streams go on where they stood", begun, len(d.streams))
	}
	return known, true
}

// emptied reports whether the state file knows positions and the destination
// nothing of any stream.
func (d *doctor) emptied(marked map[string]checkpoint.Stream) bool {
	if !d.examined.MarksKnown || len(marked) > 0 {
		return false
	}
	for _, s := range d.states {
		if s.Position != nil {
			return true
		}
	}
	return false
}
