package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"resoagent/internal/record"
	"resoagent/migrations"
)

// claim is how migrations ask whether o may change the tables.
func claim(o record.Owner) migrations.Claim {
	return func(row migrations.Owned, leased time.Duration) error { return o.May(record.Owned(row), leased) }
}

// held is how they ask whether the claim is still the caller's.
func (d *Destination) held(row migrations.Owned, _ time.Duration) error {
	if row.Incarnation != d.incarnation {
		return record.ErrLost
	}
	return nil
}

// Fill reads typed columns that are new out of the stored records, for one batch
// of rows.
func (d *Destination) Fill(ctx context.Context) (migrations.Filled, error) {
	db := stdlib.OpenDBFromPool(d.pool)
	defer db.Close()
	done, err := migrations.Fill(ctx, db, migrations.Postgres, d.names(), d.layout, d.incarnation)
	if errors.Is(err, migrations.ErrClaimLost) {
		return done, record.ErrLost
	}
	return done, wrap("fill columns", err)
}

// ShowProperty has the view Property show another table of listings.
func (d *Destination) ShowProperty(ctx context.Context, table string) error {
	db := stdlib.OpenDBFromPool(d.pool)
	defer db.Close()
	return wrap("show "+table, migrations.Show(ctx, db, migrations.Postgres, d.names(), d.layout, "property", table, d.held))
}
