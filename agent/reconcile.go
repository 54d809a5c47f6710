package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/crashpoint"
	"resoagent/internal/record"
)

// noteKeys is the state file's note that the key set is complete. Without it
// (a new file, or a rebuild that was interrupted) the keys are read from the
// destination.
const noteKeys = "keys_complete"

// keyChunk is how many keys a rebuild writes in one transaction.
const keyChunk = 20_000

// reconcile gives each stream's standing, and whether the key set must be
// rebuilt: when the stores differ by more than the one commit that a crash can
// lose, too many keys would let in children without parents, and too few would
// skip children.
func (a *Agent) reconcile(marks []record.Mark) (all map[string]*standing, rebuild bool, err error) {
	all = make(map[string]*standing)
	byName := make(map[string]record.Mark)
	for _, m := range marks {
		byName[m.Stream] = m
	}
	complete := false
	if err := a.refuseEmptied(marks); err != nil {
		return nil, false, err
	}
	err = a.file.View(func(tx *checkpoint.Tx) error {
		if err := tx.Note(noteKeys, &complete); err != nil {
			return err
		}
		for _, name := range a.config.streams().Names() {
			st, far, err := a.standing(tx, name, byName[name])
			if err != nil {
				return err
			}
			all[name] = st
			rebuild = rebuild || far
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	rebuild = rebuild || !complete
	return all, rebuild, a.settle(all, rebuild)
}

// refuseEmptied refuses a destination that knows none of the streams which the
// state file has positions of: it is another database, or one that was emptied.
// Both may be meant, and neither shall begin by itself a backfill of hours. One
// stream alone that is missing is another matter: the destination has come back
// from a backup of before that stream's first run.
func (a *Agent) refuseEmptied(marks []record.Mark) error {
	for _, m := range marks {
		if len(m.State) > 0 {
			return nil
		}
	}
	begun := false
	err := a.file.View(func(tx *checkpoint.Tx) error {
		for _, name := range a.config.streams().Names() {
			s, ok, err := tx.Stream(name)
			if err != nil {
				return err
			}
			begun = begun || ok && s.Position != nil
		}
		return nil
	})
	if err != nil || !begun {
		return err
	}
	return refuse(fmt.Errorf("%w (a new database?); check --database-url and --schema, or run 'agent reset --all' to fetch everything into it",
		ErrEmptied))
}

// settle makes the state file say what was decided, before anything is stored.
// Without it a crash between the next commit of the destination and that of the
// state file would leave the state file one behind with the account that was
// just found wrong, and the next start would believe it. The sequence is the
// one below the next, so that the destination's next commit is one ahead. The
// key set counts as incomplete from here until it is rebuilt.
func (a *Agent) settle(all map[string]*standing, rebuild bool) error {
	return a.file.Update(func(tx *checkpoint.Tx) error {
		for name, st := range all {
			if !st.settle {
				continue
			}
			s := st.state
			s.Sequence = st.next - 1
			if err := tx.PutStream(name, s); err != nil {
				return err
			}
		}
		if rebuild {
			return tx.PutNote(noteKeys, false)
		}
		return nil
	})
}

func (a *Agent) standing(tx *checkpoint.Tx, name string, m record.Mark) (st *standing, far bool, err error) {
	st = &standing{stream: a.config.stream(name), expect: m.Sequence, next: m.Sequence + 1}
	var database, file *checkpoint.Stream
	if len(m.State) > 0 {
		database = &checkpoint.Stream{}
		if err := json.Unmarshal(m.State, database); err != nil {
			return nil, false, fmt.Errorf("read the destination's state of %s: %w", name, err)
		}
		database.Sequence = m.Sequence
	}
	if s, ok, err := tx.Stream(name); err != nil {
		return nil, false, err
	} else if ok {
		file = &s
		st.next = max(st.next, s.Sequence+1)
	}
	switch decide(file, database) {
	case decideNew:
	case decideEqual:
		st.state = *file
	case decideFile:
		st.state = *file
		// Of listings also the keys of the one group are missing in the state file,
		// and a run of children alone would take them for orphans.
		behind := m.Sequence - file.Sequence
		far = behind > 1 || st.stream.Listing
		a.notice(behind > 1, "%s: the state file is %d commits behind the destination; going on from the state file's position",
			name, behind)
	case decideDatabase:
		st.state, far, st.settle = *database, true, true
		a.notice(true, "%s: the destination is %d commits behind the state file (restored from a backup?); going on from the destination's position",
			name, file.Sequence-m.Sequence)
	case decideHistory:
		st.state, far, st.settle = *database, true, true
		a.notice(true, "%s: state file and destination come from different histories (restored from a backup?); going on from the destination's position", name)
	case decideRestore:
		st.state, far, st.settle = *database, true, true
		a.notice(false, "%s: taking the position from the destination, since the state file has none", name)
	case decideRefetch:
		far, st.settle = true, true
		a.notice(true, "%s: the destination has nothing of it (restored from a backup?); full backfill", name)
	}
	return st, far, nil
}

// rebuildKeys reads all parent keys from the destination into an emptied set. A
// crash in the middle leaves the note unset, so that the next start does it again.
func (a *Agent) rebuildKeys(ctx context.Context) error {
	err := a.file.Update(func(tx *checkpoint.Tx) error {
		if err := tx.PutNote(noteKeys, false); err != nil {
			return err
		}
		return a.keys.Clear(tx.Bolt())
	})
	if err != nil {
		return err
	}
	crashpoint.At(crashpoint.KeysCleared)
	add := func(chunk []string) error {
		return a.file.Update(func(tx *checkpoint.Tx) error { return a.keys.Add(tx.Bolt(), chunk) })
	}
	chunk := make([]string, 0, keyChunk)
	err = newRetrier("destination, parent keys", a.config.RetryFor, a.observe).do(ctx, func() error {
		return a.tables.Keys(ctx, func(key string) error {
			if chunk = append(chunk, key); len(chunk) < keyChunk {
				return nil
			}
			err := add(chunk)
			chunk = chunk[:0]
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("rebuild key set: %w", err)
	}
	if err := add(chunk); err != nil {
		return fmt.Errorf("rebuild key set: %w", err)
	}
	crashpoint.At(crashpoint.KeysPartly)
	return a.file.Update(func(tx *checkpoint.Tx) error { return tx.PutNote(noteKeys, true) })
}

// firstPositions takes positions for streams that neither store knows from
// SyncLog, where that is safe: its timestamps are those of runs over some
// tables, and only say something of tables that hold those rows.
//
// Children that may begin so, in this run or a later one, are owed new listings from
// now on, like those that have begun: see writer.owe.
func (a *Agent) firstPositions(ctx context.Context, all map[string]*standing, selected []string) error {
	a.unfiled = make(map[string]bool)
	for name, st := range all {
		if st.next > 1 || !st.stream.child() || st.stream.SyncLog == "" {
			continue
		}
		some, err := a.tables.HasRows(ctx, st.stream.shape)
		if err != nil {
			return err
		}
		a.unfiled[name] = some
	}
	var fresh, columns []string
	for _, name := range selected {
		// Neither store has ever heard of it, and SyncLog may have.
		if st := all[name]; st.next == 1 && st.stream.SyncLog != "" {
			fresh, columns = append(fresh, name), append(columns, st.stream.SyncLog)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	newest, err := a.log.Newest(ctx, columns)
	if err != nil {
		return err
	}
	if a.otherLogs != nil {
		a.notice(true, "there is another SyncLog, %s, which is not used; --synclog %s has this agent's runs written there",
			strings.Join(a.otherLogs, ", "), a.otherLogs[0])
	}
	for _, name := range fresh {
		st := all[name]
		at, ok := newest[st.stream.SyncLog]
		if !ok {
			continue
		}
		some, err := a.tables.HasRows(ctx, st.stream.shape)
		if err != nil {
			return err
		}
		switch {
		case some:
			st.state.Position = syncLogPosition(at)
			a.notice(false, "%s: no position, but rows; going on from SyncLog's %s", name, st.state.Position.Timestamp)
		default:
			a.notice(false, "%s: SyncLog has %s from an older service, but this agent's table is empty; full backfill",
				name, at.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// syncLogPosition is printed in whole seconds, since some sources refuse
// fractions in a filter; rounding down reads a second again.
func syncLogPosition(at time.Time) *checkpoint.Position {
	return &checkpoint.Position{Timestamp: record.WholeSecond(at)}
}
