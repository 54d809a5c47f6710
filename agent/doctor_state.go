package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"resoagent/checkpoint"
	"resoagent/internal/disk"
	"resoagent/internal/record"
)

const (
	// What the state file takes: about 64 MB for a million keys, twice while it
	// is made smaller.
	spaceFailure = 16 << 20
	spaceWarning = 256 << 20

	filePatience  = 20 * time.Second // for the check of the state file
	countPatience = 15 * time.Second // for the counts behind the estimate
)

// state checks the state directory and the file in it.
func (d *doctor) state(ctx context.Context, r record.Report) error {
	dir := d.config.StateDir
	if dir == "" {
		d.noStates = "there is no state directory"
		for _, name := range []string{"directory", "write", "space", "file"} {
			r.NotChecked(name, "--state-dir is not set")
		}
		return nil
	}
	exists, usable := d.directory(r, dir)
	switch {
	case !exists && usable:
		r.NotChecked("write", "the directory does not exist yet")
	case !usable:
		r.NotChecked("write", "the directory cannot be used")
	default:
		tryWriting(r, dir)
	}
	d.space(r, dir)
	if !exists {
		if usable {
			r.OK("file", "none yet; the first sync makes it")
			return nil
		}
		d.noStates = "the state directory cannot be used"
		r.NotChecked("file", "%s", d.noStates)
		return nil
	}
	return d.stateFile(ctx, r)
}

// directory looks at the state directory. usable: it is one, or can be made.
func (d *doctor) directory(r record.Report, dir string) (exists, usable bool) {
	const name = "directory"
	var other *disk.UntrustedError
	if err := disk.Trusted(dir); errors.As(err, &other) {
		r.Failure(name, "see to it, or name another with --state-dir", "%v", other)
		_, err := os.Stat(dir)
		return err == nil, false
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := existing(dir)
		if info, err := os.Stat(parent); err == nil && !info.IsDir() {
			r.Failure(name, "name another with --state-dir", "%s cannot be made: %s is no directory", dir, parent)
			return false, false
		}
		if err := disk.Writable(parent); err != nil {
			r.Failure(name, "make it, for this user alone (mode 700), or name another with --state-dir", "%s does not exist, and cannot be made: %v", dir, err)
			return false, false
		}
		r.OK(name, "%s does not exist yet; the first sync makes it", dir)
		return false, true
	case err != nil:
		r.Failure(name, "let this user into it, or name another with --state-dir", "%v", err)
		return false, false
	case !info.IsDir():
		r.Failure(name, "name a directory with --state-dir", "%s is not a directory", dir)
		return false, false
	case info.Mode().Perm()&0o022 != 0:
		r.Failure(name, "chmod 700 "+dir, "others can write to %s: they could put a position into it", dir)
	default:
		r.OK(name, "%s", dir)
	}
	return true, true
}

// existing is the nearest directory above that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// tryWriting makes a file in the directory, as durable as a checkpoint, and
// removes it again.
func tryWriting(r record.Report, dir string) {
	const name = "write"
	err := func() (err error) {
		f, err := os.CreateTemp(dir, "doctor-*")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
		_, err = f.Write(make([]byte, 4096))
		return errors.Join(err, f.Sync(), f.Close())
	}()
	if err != nil {
		r.Failure(name, "let this user write to it and see to its disk, or name another with --state-dir", "%v", err)
		return
	}
	r.OK(name, "a file can be written")
}

func (d *doctor) space(r record.Report, dir string) {
	const name, do = "space", "make room on that disk, or name a directory on another with --state-dir"
	free, err := disk.Free(existing(dir))
	switch text := humanize.IBytes(free); {
	case err != nil:
		r.NotChecked(name, "%v", err)
	case free < spaceFailure:
		r.Failure(name, do, "%s free", text)
	case free < spaceWarning:
		r.Warning(name, do, "%s free; the state file takes about 64 MiB for a million listings", text)
	default:
		r.OK(name, "%s free", text)
	}
}

// stateFile checks the file, or asks the agent that has it.
func (d *doctor) stateFile(ctx context.Context, r record.Report) error {
	const name = "file"
	dir := d.config.StateDir
	check := d.examination.CheckState
	if check == nil {
		check = func(_ context.Context, dir string) (StateReport, error) { return CheckState(dir), nil }
	}
	short, cancel := context.WithTimeout(ctx, filePatience)
	defer cancel()
	report, err := check(short, dir)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	path := filepath.Join(dir, checkpoint.FileName)
	switch {
	case err != nil:
		r.NotChecked(name, "%v", err)
	case report.State == StateNone:
		r.OK(name, "none yet; the next sync makes it")
		return nil
	case report.State == StateLocked:
		d.running(ctx, r)
		return nil
	case report.State == StateDamaged, report.State == StateForeign:
		r.Failure(name, "run 'agent repair': it sets the file aside and makes a new one from the destination", "%s", report.Reason)
	case report.State == StateNewer:
		r.Failure(name, "upgrade this agent", "%s", report.Reason)
	case report.State != StateGood:
		r.Failure(name, "let this user read and write the files in "+dir, "%s", report.Reason)
	default:
		if err := disk.Writable(path); err != nil {
			r.Failure(name, "let this user write to it", "%v", err)
		} else {
			r.OK(name, "%s is good", path)
		}
		if d.states, err = filedStates(&d.config); err == nil {
			d.self, err = filedOwner(&d.config)
		}
		if err == nil {
			return nil
		}
	}
	d.noStates = "the state file cannot be read"
	return nil
}

// running asks the agent that holds the state file.
func (d *doctor) running(ctx context.Context, r record.Report) {
	const name = "file"
	d.noStates = "an agent is at work"
	// What it has noted cannot be read, but it is there, and says by its lock that
	// a claim from this place is its own.
	d.self = record.Owner{ByPlace: true}
	s, err := ReadStatus(ctx, d.config.StateDir, d.config.now())
	switch {
	case err != nil:
		r.Warning(name, "if no agent runs there, end the process that holds the file", "%v", err)
	case s.Run != nil:
		r.OK(name, "an agent is at work on it: run %s, since %s", s.Run.ID, s.Run.StartedAt.UTC().Format(time.RFC3339))
	case s.Agent != nil:
		r.OK(name, "an agent has it and waits for its next run: process %d", s.Agent.PID)
	default:
		r.OK(name, "an agent held it a moment ago")
	}
}

// disk compares what is still to come with the room there is.
func (d *doctor) disk(ctx context.Context, r record.Report, known map[string]checkpoint.Stream) error {
	const name = "disk"
	short, cancel := context.WithTimeout(ctx, countPatience)
	defer cancel()
	a := &Agent{config: d.config, source: newPaced(d.source, &d.config)}
	var need, records int64
	counted, uncounted := 0, 0
	for _, s := range d.streams {
		item := PlanItem{}
		var err error
		if d.verdict(s.name+".count") == FindingOK && short.Err() == nil {
			item, err = a.plan(short, &standing{stream: s, state: known[s.name]}, false)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || item.Bytes == nil {
			uncounted++
			continue
		}
		counted++
		need, records = need+*item.Bytes, records+*item.Records
	}
	if counted == 0 {
		r.NotChecked(name, "the source did not tell how much is to come")
		return nil
	}
	what := fmt.Sprintf("about %s for %s records to come", humanize.IBytes(uint64(max(need, 0))), humanize.Comma(records))
	if uncounted > 0 {
		what += fmt.Sprintf(" (%d of %d streams were not counted)", uncounted, len(d.streams))
	}
	d.tellDisk(r, what, uint64(max(need, 0)))
	return nil
}

func (d *doctor) tellDisk(r record.Report, what string, need uint64) {
	const name, do = "disk", "make room there, or put the database on a larger disk"
	x := d.examined
	free := fmt.Sprintf("%s free at %s", humanize.IBytes(x.Free), x.Place)
	switch {
	case !x.FreeKnown:
		r.NotChecked(name, "%s; %s", what, x.Place)
	case x.Free < need:
		r.Failure(name, do, "%s, %s", what, free)
	case x.Free < need+need/2:
		r.Warning(name, do, "%s, %s: that is close", what, free)
	default:
		r.OK(name, "%s, %s", what, free)
	}
}
