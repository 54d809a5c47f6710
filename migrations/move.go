package migrations

import (
	"context"
	"database/sql"
	"fmt"
)

// move is version 6.
func move(ctx context.Context, tx *sql.Tx, d Dialect, _ Names, _ Layout, claim Claim) error {
	if err := ask(ctx, tx, d, claim); err != nil {
		return err
	}
	body, err := files.ReadFile(string(d) + "/006_table_for_each_feed.sql")
	if err != nil {
		return fmt.Errorf("read migration: %w", err)
	}
	return execute(ctx, tx, string(body))
}
