package migrations

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// grant is a right that somebody has on a table, or on one of its columns.
type grant struct {
	right, column, to string
	option            bool // he may hand it on
}

// grantsOf are the rights on a table, without its owner's.
func (m *mover) grantsOf(ctx context.Context, table string) (grants []grant, err error) {
	rows, err := m.tx.QueryContext(ctx, `SELECT a.privilege_type, '', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, a.is_grantable
		FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = to_regclass($1::text) AND a.grantee <> c.relowner
		UNION
		SELECT a.privilege_type, t.attname::text, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, a.is_grantable
		FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
		WHERE c.oid = to_regclass($1::text) AND t.attnum > 0 AND NOT t.attisdropped AND a.grantee <> c.relowner ORDER BY 3, 1, 2`, table)
	if err != nil {
		return nil, fmt.Errorf("read grants: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var g grant
		if err := rows.Scan(&g.right, &g.column, &g.to, &g.option); err != nil {
			return nil, fmt.Errorf("read grants: %w", err)
		}
		grants = append(grants, g)
	}
	return grants, rows.Err()
}

// hand gives a new table or view the owner and the grants of an old one. feed is
// the one that it shows: who could read one column of another feed gets nothing by
// it.
func (m *mover) hand(ctx context.Context, grants []grant, from, to, feed string) error {
	owners, err := pairs(ctx, m.tx, `SELECT pg_get_userbyid(relowner)::text, '' FROM pg_class
		WHERE oid = to_regclass($1::text) AND pg_get_userbyid(relowner) <> current_user`, from)
	if err != nil {
		return err
	}
	for _, o := range owners {
		if err := m.exec(ctx, `ALTER TABLE `+to+` OWNER TO `+quoted(o[0])); err != nil {
			return err
		}
	}
	if err := m.shut(ctx, to); err != nil {
		return err
	}
	columns, err := lookAt(ctx, m.tx, m.d, to)
	if err != nil {
		return err
	}
	for _, g := range grants {
		what := g.right
		if g.column != "" {
			column := g.column
			if i := slices.Index(feedColumns(feed), column); i >= 0 {
				column = copyColumns()[i]
			}
			if !columns.has(column) {
				continue
			}
			what += ` (` + column + `)`
		}
		query := `GRANT ` + what + ` ON ` + to + ` TO ` + g.to
		if g.option {
			query += ` WITH GRANT OPTION`
		}
		if err := m.exec(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

// shut takes away what default privileges have granted on a new table or view: they
// may be older than a REVOKE on the old table that keeps somebody from VOW.
func (m *mover) shut(ctx context.Context, table string) error {
	granted, err := m.grantsOf(ctx, table)
	if err != nil {
		return err
	}
	for _, g := range granted {
		if err := m.exec(ctx, `REVOKE ALL ON `+table+` FROM `+g.to); err != nil {
			return err
		}
	}
	return nil
}

// handOver gives what is new the rights of what there was: the other table and the
// view those of Property, the agent's own tables those of agent_position, which an
// agent that does not own them needs. Whoever may read the view Property may come
// to see VOW in it, so columns of the IDX copy give no right to it.
func (m *mover) handOver(ctx context.Context, grants []grant, stays, other Table) error {
	for _, x := range []struct{ to, feed string }{{other.Name, strings.TrimSuffix(other.Name, "_property")}, {"property", "vow"}} {
		if err := m.hand(ctx, grants, stays.Name, x.to, x.feed); err != nil {
			return err
		}
	}
	own, err := m.grantsOf(ctx, "agent_position")
	if err != nil {
		return err
	}
	for _, table := range []string{"agent_table", "agent_view"} {
		if err := m.hand(ctx, own, "agent_position", table, ""); err != nil {
			return err
		}
	}
	return nil
}
