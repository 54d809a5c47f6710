package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// postgresObstacles asks for each kind of thing that somebody may have hung on
// Property, in the order in which they can be taken away: what depends on others
// first. Names are asked for with an empty search_path, so that all of them come
// with their schema, and the statements can be run from anywhere.
func postgresObstacles(ctx context.Context, tx *sql.Tx, schema string) (found []Obstacle, err error) {
	if _, err := tx.ExecContext(ctx, `SET LOCAL search_path TO pg_catalog`); err != nil {
		return nil, fmt.Errorf("look for obstacles: %w", err)
	}
	table := schema + ".property"
	queries := []string{publishedTable, publishedAll}
	// Schemas are published since PostgreSQL 15.
	var published bool
	if err := tx.QueryRowContext(ctx, `SELECT to_regclass('pg_publication_namespace') IS NOT NULL`).Scan(&published); err != nil {
		return nil, fmt.Errorf("look for obstacles: %w", err)
	}
	if published {
		queries = append(queries, publishedSchema)
	}
	queries = append(queries, dependents(), policies, rowSecurity, triggers, foreignKeys, heirs, constraints, notNulls)
	for _, query := range queries {
		more, err := readObstacles(ctx, tx, named(query, schema), table)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	goes, err := columnsThatGo(ctx, tx, table)
	if err != nil {
		return nil, err
	}
	place := "{idx}"
	if goes[2] == "vow" {
		place = "{vow}"
	}
	more, err := readObstacles(ctx, tx, named(strings.Replace(ownIndexes, "{new}", place, 1), schema), table, goes)
	if err != nil {
		return nil, err
	}
	own, err := readObstacles(ctx, tx, named(ownColumns, schema), table, allOldColumns())
	return append(append(found, more...), own...), err
}

// named puts the names of the tables into a query.
func named(query, schema string) string {
	return strings.NewReplacer("{schema}", schema, "{idx}", schema+".idx_property", "{vow}", schema+".vow_property",
		"{table}", "to_regclass($1::text)").Replace(query)
}

// columnsThatGo are those of the feed whose copies move out of the table, or that
// has none.
func columnsThatGo(ctx context.Context, q querier, table string) ([]string, error) {
	var both bool
	if err := q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+table+` WHERE vow IS NOT NULL)`).Scan(&both); err != nil {
		return nil, fmt.Errorf("look for listings of VOW: %w", err)
	}
	if both {
		return feedColumns("idx"), nil
	}
	return feedColumns("vow"), nil
}

// One of some columns or rows is not made again: of what it showed there may be no
// such column, and without them it would show all of VOW.
const publishedTable = `SELECT format('publication %I', p.pubname) || CASE WHEN part THEN
		concat(' of ', (SELECT concat_ws(' where ', to_jsonb(t) ->> 'attnames', to_jsonb(t) ->> 'rowfilter') FROM pg_publication_tables t
			WHERE t.pubname = p.pubname AND format('%I.%I', t.schemaname, t.tablename)::regclass = {table})) ELSE '' END,
	format('ALTER PUBLICATION %I DROP TABLE %s', p.pubname, r.prrelid::regclass),
	CASE WHEN NOT part THEN format('ALTER PUBLICATION %I ADD TABLE {idx}, {vow}', p.pubname) END
	FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
	CROSS JOIN LATERAL (SELECT coalesce(to_jsonb(r) ->> 'prattrs', to_jsonb(r) ->> 'prqual') IS NOT NULL AS part) s
	WHERE r.prrelid = {table} ORDER BY p.pubname`

// A publication of all tables has nothing that could be taken from it.
const publishedAll = `SELECT format('publication %I of all tables', p.pubname), format('DROP PUBLICATION %I', p.pubname),
	format('CREATE PUBLICATION %I FOR ALL TABLES WITH (publish = %L%s)', p.pubname,
		concat_ws(', ', CASE WHEN pubinsert THEN 'insert' END, CASE WHEN pubupdate THEN 'update' END,
			CASE WHEN pubdelete THEN 'delete' END, CASE WHEN pubtruncate THEN 'truncate' END),
		CASE WHEN (to_jsonb(p) ->> 'pubviaroot')::bool THEN ', publish_via_partition_root' END)
	FROM pg_publication p WHERE p.puballtables AND {table} IS NOT NULL ORDER BY p.pubname`

const publishedSchema = `SELECT format('publication %I of the schema', p.pubname), format('ALTER PUBLICATION %I DROP TABLES IN SCHEMA {schema}', p.pubname),
	format('ALTER PUBLICATION %I ADD TABLES IN SCHEMA {schema}', p.pubname)
	FROM pg_publication p JOIN pg_publication_namespace n ON n.pnpubid = p.oid
	JOIN pg_class c ON c.relnamespace = n.pnnspid WHERE c.oid = {table} ORDER BY p.pubname`

// dependents are views, materialized views, rules and functions that use the table
// or its row type, and what uses those in turn. The agent's own views are made
// again by the move; what uses them stays.
func dependents() string {
	ours := "'" + strings.Join(oldViews(), "', '") + "'"
	return `WITH RECURSIVE dep(class, id, depth) AS (
		SELECT 'pg_class'::regclass::oid, {table}::oid, 0
		UNION
		SELECT x.class, x.id, dep.depth + 1 FROM dep CROSS JOIN LATERAL (
			SELECT CASE WHEN r.rulename = '_RETURN' THEN 'pg_class'::regclass::oid ELSE d.classid END AS class,
				CASE WHEN r.rulename = '_RETURN' THEN r.ev_class ELSE d.objid END AS id
			FROM pg_depend d LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
			WHERE d.deptype IN ('n', 'a') AND d.classid IN ('pg_rewrite'::regclass, 'pg_proc'::regclass)
			AND (d.refclassid = dep.class AND d.refobjid = dep.id
				OR d.refclassid = 'pg_type'::regclass AND dep.class = 'pg_class'::regclass
				AND d.refobjid IN (SELECT t.oid FROM pg_type t WHERE t.typrelid = dep.id
					UNION ALL SELECT t.typarray FROM pg_type t WHERE t.typrelid = dep.id))
		) x
		WHERE dep.depth < 100 AND (x.class, x.id) <> (dep.class, dep.id)
		AND NOT (x.class = 'pg_class'::regclass AND x.id IN (SELECT c.oid FROM pg_class c
			WHERE c.relname IN (` + ours + `) AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = {table})))
	), deepest AS (SELECT class, id, max(depth) AS depth FROM dep WHERE depth > 0 GROUP BY class, id)
	SELECT what, move, again FROM (
		SELECT x.depth, format('%s %s', v.kind, x.id::regclass) AS what, format('DROP %s %s', upper(v.kind), x.id::regclass) AS move,
			concat_ws(chr(1), format('CREATE %s %s%s AS %s', upper(v.kind), x.id::regclass,
				' WITH (' || array_to_string(c.reloptions, ', ') || ')', rtrim(pg_get_viewdef(x.id), ';')),
				format('ALTER %s %s OWNER TO %s', upper(v.kind), x.id::regclass, c.relowner::regrole),
				(SELECT string_agg(pg_get_indexdef(i.indexrelid), chr(1)) FROM pg_index i WHERE i.indrelid = x.id),
				(SELECT string_agg(format('GRANT %s ON %s TO %s%s', a.privilege_type, x.id::regclass,
					CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END), chr(1))
					FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner)) AS again
		FROM deepest x JOIN pg_class c ON x.class = 'pg_class'::regclass AND c.oid = x.id
		CROSS JOIN LATERAL (SELECT CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END AS kind) v
		UNION ALL
		SELECT x.depth, format('function %s', x.id::regprocedure), format('DROP ROUTINE %s', x.id::regprocedure),
			CASE p.prokind WHEN 'a' THEN NULL ELSE concat_ws(chr(1), rtrim(pg_get_functiondef(x.id), E'\n'),
				format('ALTER ROUTINE %s OWNER TO %s', x.id::regprocedure, p.proowner::regrole),
				-- Else everybody may call it.
				CASE WHEN p.proacl IS NOT NULL THEN format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', x.id::regprocedure) END,
				(SELECT string_agg(format('GRANT %s ON ROUTINE %s TO %s%s', a.privilege_type, x.id::regprocedure,
					CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END), chr(1))
					FROM aclexplode(p.proacl) a WHERE a.grantee <> p.proowner)) END
		FROM deepest x JOIN pg_proc p ON x.class = 'pg_proc'::regclass AND p.oid = x.id
		UNION ALL
		SELECT x.depth, format('rule %I on %s', r.rulename, r.ev_class::regclass), format('DROP RULE %I ON %s', r.rulename, r.ev_class::regclass),
			rtrim(regexp_replace(pg_get_ruledef(r.oid), ' TO {schema}[.]property ', ' TO {vow} '), ';')
		FROM deepest x JOIN pg_rewrite r ON x.class = 'pg_rewrite'::regclass AND r.oid = x.id
	) all_of_them ORDER BY depth DESC, what`
}

const policies = `SELECT format('policy %I on %s', p.polname, p.polrelid::regclass), format('DROP POLICY %I ON %s', p.polname, p.polrelid::regclass),
	(SELECT string_agg(format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.polname, t.name,
		CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
		CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
		(SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE r::regrole::text END, ', ') FROM unnest(p.polroles) r),
		' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'), chr(1))
		FROM unnest(CASE p.polrelid WHEN {table} THEN ARRAY['{vow}', '{idx}'] ELSE ARRAY[p.polrelid::regclass::text] END) t(name))
	FROM pg_policy p WHERE p.polrelid = {table} OR EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass
		AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = {table})
	ORDER BY p.polrelid, p.polname`

// Without row security whoever may read the table at all reads every row of it, and
// a view reads with the rights of its owner, whom it does not stop. So the rights of
// those whom it is for go with it, and come back behind it; before PostgreSQL 15, where
// no view can read with its reader's rights, not those on the view.
const rowSecurity = `WITH granted AS (
		SELECT a.privilege_type AS what, '' AS name, a.grantee, a.is_grantable FROM pg_class c, aclexplode(c.relacl) a
		WHERE c.oid = {table} AND a.grantee <> c.relowner
		UNION ALL
		SELECT a.privilege_type, t.attname, a.grantee, a.is_grantable FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
		WHERE c.oid = {table} AND t.attnum > 0 AND NOT t.attisdropped AND a.grantee <> c.relowner
	), readers AS (
		SELECT what, name, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS reader,
			CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END AS option
		FROM granted LEFT JOIN pg_roles r ON r.oid = grantee WHERE NOT coalesce(r.rolsuper OR r.rolbypassrls, false)
	), server AS (SELECT current_setting('server_version_num')::int >= 150000 AS invokes)
	SELECT 'row security', concat_ws(chr(1), (SELECT string_agg(DISTINCT format('REVOKE ALL ON %s FROM %s CASCADE', c.oid::regclass, reader), chr(1)) FROM readers),
			format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', c.oid::regclass)),
		concat_ws(chr(1), 'ALTER TABLE {vow} ENABLE ROW LEVEL SECURITY', 'ALTER TABLE {idx} ENABLE ROW LEVEL SECURITY',
			CASE WHEN invokes THEN 'ALTER VIEW {schema}.property SET (security_invoker = true)' END,
			(SELECT string_agg(CASE name WHEN ''
				THEN format('GRANT %s ON {vow}, {idx}%s TO %s%s', what, CASE WHEN invokes THEN ', {schema}.property' END, reader, option)
				ELSE format('GRANT %s (%I) ON %s TO %s%s', what, regexp_replace(name, '^(idx|vow)(_timestamp|_hash)?$', 'record\2'),
					CASE WHEN name ~ '^(idx|vow)(_timestamp|_hash)?$' THEN CASE left(name, 3) WHEN 'idx' THEN '{idx}' ELSE '{vow}' END
					ELSE '{vow}, {idx}' END, reader, option) END, chr(1)) FROM readers))
	FROM pg_class c, server WHERE c.oid = {table} AND c.relrowsecurity`

// Citus has a trigger of its own on each of its tables.
const triggers = `SELECT format('trigger %I', t.tgname), format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass),
	regexp_replace(pg_get_triggerdef(t.oid), ' ON {schema}[.]property ', ' ON {vow} ') || chr(1)
	|| regexp_replace(pg_get_triggerdef(t.oid), ' ON {schema}[.]property ', ' ON {idx} ')
	FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
	WHERE t.tgrelid = {table} AND NOT t.tgisinternal AND p.proname <> 'citus_truncate_trigger' ORDER BY t.tgname`

const foreignKeys = `SELECT format('foreign key %I of %s', conname, conrelid::regclass), format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
	format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
		regexp_replace(pg_get_constraintdef(oid), 'REFERENCES {schema}[.]property\M', 'REFERENCES {vow}'))
	FROM pg_constraint WHERE contype = 'f' AND confrelid = {table} AND conrelid <> {table} AND conparentid = 0 ORDER BY 1`

// Tables that inherit would show their rows as listings. The partitions of a table
// are the table, and go with it.
const heirs = `SELECT format('%s, which inherits', i.inhrelid::regclass), format('ALTER TABLE %s NO INHERIT %s', i.inhrelid::regclass, i.inhparent::regclass), NULL
	FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent WHERE i.inhparent = {table} AND p.relkind <> 'p'
	UNION ALL
	SELECT format('%s, from which it inherits', i.inhparent::regclass), CASE p.relkind
		WHEN 'p' THEN format('ALTER TABLE %s DETACH PARTITION %s', i.inhparent::regclass, i.inhrelid::regclass)
		ELSE format('ALTER TABLE %s NO INHERIT %s', i.inhrelid::regclass, i.inhparent::regclass) END, NULL
	FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent WHERE i.inhrelid = {table} ORDER BY 1`

const constraints = `SELECT format('constraint %I', conname), format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
	format('ALTER TABLE {vow} ADD CONSTRAINT %I %s', conname, regexp_replace(pg_get_constraintdef(oid), 'REFERENCES {schema}[.]property\M', 'REFERENCES {vow}'))
	FROM pg_constraint WHERE conrelid = {table} AND contype IN ('c', 'f', 'u', 'x') ORDER BY contype = 'u', conname`

const notNulls = `SELECT format('NOT NULL of %I', attname), format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', attrelid::regclass, attname), NULL
	FROM pg_attribute WHERE attrelid = {table} AND attnum > 0 AND NOT attisdropped AND attnotnull AND attname <> 'listing_key' ORDER BY attnum`

// $2 are the columns that go. Those that are in expressions and conditions are
// found as well.
const ownIndexes = `SELECT format('index %s', i.indexrelid::regclass), format('DROP INDEX %s', i.indexrelid::regclass),
	regexp_replace(regexp_replace(regexp_replace(regexp_replace(pg_get_indexdef(i.indexrelid), ' ON {schema}[.]property ', ' ON {new} '),
		'\m(idx|vow)_timestamp\M', 'record_timestamp', 'g'), '\m(idx|vow)_hash\M', 'record_hash', 'g'), '\m(idx|vow)\M', 'record', 'g')
	FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = {table} AND c.relname !~ '^agent_(idx|vow)_(search|map|changed)$'
	AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)
	AND EXISTS (SELECT 1 FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
		WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass
		AND d.refobjid = i.indrelid AND a.attname = ANY ($2::text[]))
	ORDER BY 1`

// A column's values are kept in a table of their own; $2 are the agent's columns.
const ownColumns = `SELECT format('column %I', a.attname), CASE WHEN to_jsonb(a) ->> 'attgenerated' <> ''
		THEN format('ALTER TABLE %s DROP COLUMN %I', a.attrelid::regclass, a.attname)
		ELSE format('CREATE TABLE {schema}.%I AS SELECT listing_key, %I FROM %s WHERE %I IS NOT NULL', left('property_own_' || a.attname, 63),
			a.attname, a.attrelid::regclass, a.attname) || chr(1) || format('ALTER TABLE %s DROP COLUMN %I', a.attrelid::regclass, a.attname) END,
	CASE WHEN to_jsonb(a) ->> 'attgenerated' = 's' THEN format('ALTER TABLE {vow} ADD COLUMN %I %s GENERATED ALWAYS AS (%s) STORED', a.attname,
		format_type(a.atttypid, a.atttypmod), pg_get_expr(f.adbin, f.adrelid)) END
	FROM pg_attribute a LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
	WHERE a.attrelid = {table} AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL ($2::text[])
	ORDER BY to_jsonb(a) ->> 'attgenerated' = '', a.attnum`
