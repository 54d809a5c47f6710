package postgres

import (
	"context"
	"database/sql"
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

// held is how they ask whether the claim is still the caller's. Who has made none, as
// 'agent migrate', exchanges a view beside whoever writes the tables.
func (d *Destination) held(row migrations.Owned, _ time.Duration) error {
	if d.incarnation != 0 && row.Incarnation != d.incarnation {
		return record.ErrLost
	}
	return nil
}

// Fill reads typed columns that are new out of the stored records, for one batch
// of rows.
func (d *Destination) Fill(ctx context.Context) (migrations.Filled, error) {
	var done migrations.Filled
	err := d.pooled("fill columns", func(db *sql.DB) (err error) {
		done, err = migrations.Fill(ctx, db, migrations.Postgres, d.names(), d.layout, d.incarnation)
		return err
	})
	if errors.Is(err, migrations.ErrClaimLost) {
		return done, record.ErrLost
	}
	return done, err
}

// ShowProperty has the view Property show another table of listings.
func (d *Destination) ShowProperty(ctx context.Context, table string) error {
	return d.pooled("show "+table, func(db *sql.DB) error {
		return migrations.Show(ctx, db, migrations.Postgres, d.names(), d.layout, "property", table, d.held)
	})
}

// pooled does fn with the connections of the pool as database/sql has them. That
// knows nothing of lines, so the watch says why one was closed meanwhile.
func (d *Destination) pooled(op string, fn func(db *sql.DB) error) error {
	before := d.watch.last.Load()
	db := stdlib.OpenDBFromPool(d.pool)
	defer db.Close()
	err := fn(db)
	if s := d.watch.last.Load(); s != before && forgotten(err) {
		err = s
	}
	return wrap(op, err)
}
