// Package crashpoint kills the process at a named step of the protocol, so that
// a test can show what the next start makes of it.
//
// A build without the tag crashpoints has none of it: At is an empty function.
// With the tag, the environment variable RESOAGENT_CRASH_AT names a point, or a
// point and how often it must be passed first ("after-commit:3" is the third
// time), and At ends the process there with SIGKILL: nothing is flushed, closed
// or given back.
package crashpoint

// Variable is the environment variable that chooses the point.
const Variable = "RESOAGENT_CRASH_AT"

// The points, in the order of a run.
const (
	StateFilled   = "state-filled"   // the first state file is filled, under its temporary name
	StateLinked   = "state-linked"   // it has its name; the directory is not synced yet
	Migrated      = "migrated"       // the tables are there
	ClaimNoted    = "claim-noted"    // the incarnation to come is in the state file, and not in the destination yet
	Claimed       = "claimed"        // the destination is ours
	Filled        = "filled"         // a batch of rows has the values of columns that are new
	Settled       = "settled"        // what was decided between the stores is in the state file
	KeysCleared   = "keys-cleared"   // the key set is emptied for a rebuild
	KeysPartly    = "keys-partly"    // some of it is rebuilt
	KeysGrown     = "keys-grown"     // keys are added, and not committed yet
	BeforeCommit  = "before-commit"  // a group is fetched
	CommitOpen    = "commit-open"    // it is written, and the transaction is not committed yet
	AfterCommit   = "after-commit"   // it is committed, and the state file does not say so yet
	StateOpen     = "state-open"     // the state file's transaction is filled, and not committed yet
	AfterState    = "after-state"    // both stores say the same
	ErrandDone    = "errand-done"    // orphans have come home
	PassDone      = "pass-done"      // a pass is complete
	Journaled     = "journaled"      // the run is in the journal
	Mirrored      = "mirrored"       // it is in SyncLog, and the journal does not say so yet
	BeforeRelease = "before-release" // the run is done, the lease is still held
	BeforeClose   = "before-close"   // the lease is given back, the files are open
)

// The points of the upgrade that gives each feed of listings a table of its own. All
// of it is one transaction.
const (
	MoveBegun   = "move-begun"   // the owner is asked, obstacles are looked for, nothing is changed yet
	MoveFilled  = "move-filled"  // the new table has its rows
	MoveRenamed = "move-renamed" // the old one has its new name
	MoveOpen    = "move-open"    // everything is there, and not committed yet
)

// MovePoints are those of the upgrade.
func MovePoints() []string { return []string{MoveBegun, MoveFilled, MoveRenamed, MoveOpen} }

// Points are all points of a run.
func Points() []string {
	return []string{
		StateFilled, StateLinked, Migrated, ClaimNoted, Claimed, Filled, Settled, KeysCleared, KeysPartly, KeysGrown, BeforeCommit,
		CommitOpen, AfterCommit, StateOpen, AfterState, ErrandDone, PassDone, Journaled, Mirrored, BeforeRelease, BeforeClose,
	}
}
