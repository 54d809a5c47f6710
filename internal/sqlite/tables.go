package sqlite

import (
	"context"
	"errors"
	"time"

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
	done, err := migrations.Fill(ctx, d.db, migrations.SQLite, migrations.Names{}, d.layout, d.incarnation)
	if errors.Is(err, migrations.ErrClaimLost) {
		return done, record.ErrLost
	}
	return done, wrap("fill columns", room(d.path, err))
}

// ShowProperty has the view Property show another table of listings.
func (d *Destination) ShowProperty(ctx context.Context, table string) error {
	err := migrations.Show(ctx, d.db, migrations.SQLite, migrations.Names{}, d.layout, "property", table, d.held)
	return wrap("show "+table, room(d.path, err))
}
