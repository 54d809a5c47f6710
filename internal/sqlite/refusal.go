package sqlite

import (
	"context"
	"errors"

	"resoagent/internal/record"
)

// refusal says why a record is refused, and names column, key and value: the
// column is found by trying the record with fewer values, under a savepoint that
// is taken back.
func (w *writer) refusal(ctx context.Context, e record.Entry, why error) (string, error) {
	text := wrap("store record", why).Error()
	i, ok, err := e.RefusedColumn(func(r *record.Record) (bool, error) {
		if _, err := w.tx.ExecContext(ctx, `SAVEPOINT trial`); err != nil {
			return false, err
		}
		trial := w.store(ctx, record.Entry{Record: r, Outcome: &record.Outcome{}})
		if _, err := w.tx.ExecContext(ctx, `ROLLBACK TO trial; RELEASE trial`); err != nil {
			return false, errors.Join(trial, err)
		}
		if trial != nil && !rowFault(trial) {
			return false, trial
		}
		return trial != nil && code(trial) == code(why), nil
	})
	column := ""
	if ok {
		column = w.g.Shape.Columns[i].Name
	}
	return w.g.NameRefusal(e.Record, column, text), err
}
