package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"resoagent/internal/record"
)

// refusal says why a record is refused, and names column, key and value. The
// server names the column of few errors, and never that of a value that is too
// long or too large: it is found by trying the record with fewer values, under
// savepoints that are taken back.
func (w *writer) refusal(ctx context.Context, e record.Entry, run operation, why error) (string, error) {
	text := wrap("store record", why).Error()
	var pg *pgconn.PgError
	if errors.As(why, &pg) && pg.ColumnName != "" {
		return w.g.NameRefusal(e.Record, pg.ColumnName, text), nil
	}
	i, ok, err := e.RefusedColumn(func(r *record.Record) (bool, error) {
		savepoint, err := w.tx.Begin(ctx)
		if err != nil {
			return false, err
		}
		trial := run(ctx, savepoint, []record.Entry{{Record: r, Outcome: &record.Outcome{}}})
		if err := savepoint.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
			return false, err
		}
		if trial != nil && !rowFault(trial) {
			return false, trial
		}
		return trial != nil && sqlstate(trial) == sqlstate(why), nil
	})
	column := ""
	if ok {
		column = w.g.Shape.Columns[i].Name
	}
	return w.g.NameRefusal(e.Record, column, text), err
}
