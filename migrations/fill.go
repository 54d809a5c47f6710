package migrations

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// ErrClaimLost: another agent has claimed the database since.
var ErrClaimLost = errors.New("another agent has claimed this database")

// Owned is a database's row of its owner.
type Owned struct {
	StateID     string
	Host        string
	StateDir    string
	Incarnation int64
}

// Claim decides whether tables that are there may be changed: row is their owner's,
// leased what is left of its lease. Its error is given back as it is.
type Claim func(row Owned, leased time.Duration) error

// Filled is what Fill has done.
type Filled struct {
	Table   string
	Columns []string
	Rows    int64
	More    bool
}

// Fill fills.
func Fill(context.Context, *sql.DB, Dialect, Names, Layout, int64) (Filled, error) {
	return Filled{}, nil
}

// Show chooses.
func Show(context.Context, *sql.DB, Dialect, Names, Layout, string, string, Claim) error { return nil }
