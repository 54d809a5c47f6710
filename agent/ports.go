package agent

import (
	"context"
	"time"

	"resoagent/internal/record"
	"resoagent/migrations"
)

// Source is where records come from. Each call makes one attempt. An error
// that may pass has Temporary() true, and RetryAfter() where the source asks
// for a pause.
type Source interface {
	// Page yields the records behind the query's cursor, at most Top, in the
	// order of (timestamp, key), or those behind the query's link, if it has one:
	// a link that leads to another origin than the source's own is an error that
	// does not pass. After an error the records that were yielded are good. An
	// error of yield is returned as it is.
	Page(ctx context.Context, q record.Query, yield func(record.Record) error) (record.PageEnd, error)
	// Count tells how many records lie behind the cursor, or in all; ok is
	// false if the source does not count.
	Count(ctx context.Context, q record.Query) (n int64, ok bool, err error)
}

// Destination is where records go. Everything that returns nil is durable.
type Destination interface {
	// Commit stores a group and its mark in one transaction, all or nothing, and
	// makes one attempt. Groups of one stream may be committed at the same time:
	// each waits for its turn before it moves the mark. After a Temporary error the
	// group may be there all the same, if it had its turn. record.ErrLost: the claim is
	// gone. record.ErrRewound: the destination has lost what it had confirmed.
	Commit(ctx context.Context, g *record.Group) error
	// Applied reports whether a group whose commit gave an error is there. It is
	// called by whoever has the turn.
	Applied(ctx context.Context, g *record.Group) (bool, error)
}

// Ownership is who may write to a destination.
type Ownership interface {
	// Claim makes the caller the only writer and reads the marks of the
	// streams. It calls the owner's Note before anything is durable.
	// record.ErrOwned: another agent's lease still runs.
	Claim(ctx context.Context, o record.Owner, streams []string) ([]record.Mark, error)
	// Renew prolongs the claim's lease.
	Renew(ctx context.Context, lease time.Duration) error
	// Release gives the lease back.
	Release(ctx context.Context) error
}

// Tables is what the agent reads back from a destination.
type Tables interface {
	// Keys yields every parent key.
	Keys(ctx context.Context, yield func(string) error) error
	// Tally counts what is there of a stream; exact, and slow on large tables.
	Tally(ctx context.Context, stream string, shape *record.Shape) (record.Tally, error)
	// HasRows reports whether there is any row of a stream.
	HasRows(ctx context.Context, shape *record.Shape) (bool, error)
	// Fill reads typed columns that are new out of the stored records, for one batch
	// of rows, in one transaction with the place that it has come to. It is for the
	// owner: record.ErrLost.
	Fill(ctx context.Context) (migrations.Filled, error)
	// ShowProperty has the view Property show another table of listings.
	ShowProperty(ctx context.Context, table string) error
}

// Aside is what a destination keeps beside the rows.
type Aside interface {
	// Figures tells how much that is, how large the destination is, and what it
	// holds of some streams: quick on tables of any size.
	Figures(ctx context.Context, of []record.Holding) (record.Figures, error)
	// Orphans gives, in key order, parents that children of a stream wait for: at
	// most limit of those behind after.
	Orphans(ctx context.Context, stream, after string, limit int) ([]string, error)
	// Rejects gives, in key order, rejects of a stream: at most limit of those
	// behind after.
	Rejects(ctx context.Context, stream, after string, limit int) ([]record.Reject, error)
}

// Log is the SyncLog table.
type Log interface {
	// Mirror writes a run once, however often it is called.
	Mirror(ctx context.Context, r record.Run) error
	// Newest reads the newest timestamp of each of its columns that has one.
	Newest(ctx context.Context, columns []string) (map[string]time.Time, error)
}

// examinedSource is a source that Examine looks at.
type examinedSource interface {
	Source
	// Examine reports how the source stands for each of the subjects, whatever it
	// finds. now is the agent's clock. An error is the context's own.
	Examine(ctx context.Context, subjects []record.Subject, now func() time.Time, report record.Report) error
	Close() error
}

// examinedDestination is a destination that Examine looks at. It need not exist.
type examinedDestination interface {
	// Examine reports how the destination stands for an agent that would be o,
	// with these columns of SyncLog for its streams. It changes nothing. An error is the
	// context's own.
	Examine(ctx context.Context, o record.Owner, columns []string, report record.Report) (record.Examined, error)
	Close() error
}

// temporary is what errors of Source and Destination say of themselves.
type temporary interface {
	error
	Temporary() bool
	RetryAfter() (time.Duration, bool)
}

// refused is said by a source's error that means that the question itself is
// not taken, so that another wording may help.
type refused interface{ Refused() bool }

// tokenRefused is said by a source's error that no other question would be spared.
type tokenRefused interface{ TokenRefused() bool }

// throttled is said by a source's error that asks for fewer requests.
type throttled interface{ Throttled() bool }

// kinded is said by errors that know which of a few kinds they are of.
type kinded interface {
	error
	Kind() string
}
