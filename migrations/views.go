package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// replaceViews makes the views of the layout that are missing or were made from
// something else, over tables that have the layout's columns. chosen says which
// table a view is to show, where not the one that it shows.
func replaceViews(ctx context.Context, tx *sql.Tx, d Dialect, l Layout, chosen map[string]string) error {
	tables := map[string]relation{}
	for _, t := range l.Tables {
		is, err := lookAt(ctx, tx, d, t.Name)
		if err != nil {
			return err
		}
		tables[t.Name] = is
	}
	p := viewPlan{d: d, layout: l, tables: tables, chosen: chosen}
	if err := p.make(ctx, tx); err != nil {
		return err
	}
	if err := run(ctx, tx, p.down); err != nil {
		return err
	}
	return run(ctx, tx, p.up)
}

// viewPlan is what is to be done about the views.
type viewPlan struct {
	d      Dialect
	layout Layout
	tables map[string]relation // as they will be
	chosen map[string]string
	fresh  bool // all views are to be made from nothing

	down []step // takes views away; before tables change
	up   []step // makes them; behind
}

// viewNow is a view as it stands and as it is to be.
type viewNow struct {
	View
	is      relation // nil: it is not there
	was     viewState
	will    viewState
	strange bool // its columns cannot stay as they are
}

// make plans. In PostgreSQL a view is replaced in place, so that whoever was granted
// it, or made a view of it, keeps that. Only where a column of it gets another type,
// or cannot stay, all views go and come, with their grants; somebody's own view of
// them is in the way then, which is an error that names it. SQLite has no grants and
// no order of making.
func (p *viewPlan) make(ctx context.Context, tx *sql.Tx) error {
	recorded, err := viewStates(ctx, tx, p.d)
	if err != nil {
		return err
	}
	var views []viewNow
	differ := false
	for _, v := range p.layout.Views {
		now := viewNow{View: v, was: recorded[strings.ToLower(v.Name)]}
		if now.is, err = lookAt(ctx, tx, p.d, v.Name); err != nil {
			return err
		}
		if err := p.want(&now); err != nil {
			return err
		}
		differ = differ || now.is == nil || now.was != now.will
		p.fresh = p.fresh || now.strange
		views = append(views, now)
	}
	if !differ && !p.fresh {
		return nil
	}
	if p.fresh || p.d == SQLite {
		return p.again(ctx, tx, views)
	}
	return p.inPlace(ctx, tx, views)
}

// inPlace replaces what differs. A view with a query of its own may show all columns
// of one before it, so those behind the first that differs are replaced too.
func (p *viewPlan) inPlace(ctx context.Context, tx *sql.Tx, views []viewNow) error {
	differ := false
	for _, v := range views {
		if v.is != nil && v.was == v.will && (!differ || v.Table != "") {
			continue
		}
		differ = true
		options, err := optionsOf(ctx, tx, v)
		if err != nil {
			return err
		}
		if err := p.create("CREATE OR REPLACE VIEW "+v.Name+options, v); err != nil {
			return err
		}
	}
	return nil
}

// again drops all views, the last first, and makes them.
func (p *viewPlan) again(ctx context.Context, tx *sql.Tx, views []viewNow) error {
	for _, v := range slices.Backward(views) {
		if v.is != nil {
			p.down = append(p.down, step{query: "DROP VIEW " + v.Name})
		}
	}
	for _, v := range views {
		var options string
		var granted []step
		if p.d == Postgres {
			var err error
			if options, err = optionsOf(ctx, tx, v); err != nil {
				return err
			}
			if granted, err = handBack(ctx, tx, v.Name); err != nil {
				return err
			}
		}
		if err := p.create("CREATE VIEW "+v.Name+options, v); err != nil {
			return err
		}
		p.up = append(p.up, granted...)
	}
	return nil
}

func (p *viewPlan) create(head string, v viewNow) error {
	kept, err := keepView(v.Name, v.will)
	p.up = append(p.up, step{query: head + " AS\n" + v.will.Query}, kept)
	return err
}

// want says what a view is to be made from.
func (p *viewPlan) want(v *viewNow) error {
	if v.Table == "" {
		query, err := files.ReadFile(string(p.d) + "/views/" + v.Name + ".sql")
		if err != nil {
			return fmt.Errorf("read view %s: %w", v.Name, err)
		}
		v.will = viewState{Query: strings.TrimSuffix(strings.TrimSpace(string(query)), ";"), Barrier: v.Barrier}
		return nil
	}
	table := v.Table
	if v.Chosen {
		for _, choice := range []string{v.was.Table, p.chosen[v.Name]} {
			if p.layout.table(choice) != nil {
				table = choice
			}
		}
	}
	t := p.layout.table(table)
	if t == nil {
		return fmt.Errorf("make view %s: the layout has no table %s", v.Name, table)
	}
	columns := p.columns(v, *t)
	v.will = viewState{Table: table, Query: "SELECT " + strings.Join(columns, ", ") + " FROM " + table, Barrier: v.Barrier}
	return nil
}

// columns are a plain view's. Those that it has keep their order, and new ones come
// behind, since PostgreSQL replaces no view otherwise and people number columns; one
// that has left the layout stays as long as the table has it.
func (p *viewPlan) columns(v *viewNow, t Table) (out []string) {
	type shown struct{ name, as, typ string }
	is := p.tables[t.Name]
	var want []shown
	add := func(expression string) {
		source, _, _ := strings.Cut(expression, " ")
		name := expression[strings.LastIndex(expression, " ")+1:]
		want = append(want, shown{name, expression, is.typeOf(source)})
	}
	for _, k := range t.Key {
		add(k)
	}
	for _, c := range t.Columns {
		add(c.Name)
	}
	for _, expression := range v.Tail {
		add(expression)
	}
	for _, c := range v.is {
		i := slices.IndexFunc(want, func(s shown) bool { return strings.EqualFold(s.name, c.Name) })
		if i < 0 && is.has(c.Name) {
			want, i = append(want, shown{c.Name, c.Name, is.typeOf(c.Name)}), len(want)
		}
		if i < 0 || p.d == Postgres && want[i].typ != c.Type {
			v.strange = true
			continue
		}
		out = append(out, want[i].as)
		want = slices.Delete(want, i, i+1)
	}
	for _, s := range want {
		out = append(out, s.as)
	}
	return out
}

// table is the layout's table of a name; nil if it has none.
func (l Layout) table(name string) *Table {
	for i := range l.Tables {
		if strings.EqualFold(l.Tables[i].Name, name) {
			return &l.Tables[i]
		}
	}
	return nil
}

// view is the layout's view of a name; nil if it has none.
func (l Layout) view(name string) *View {
	for i := range l.Views {
		if strings.EqualFold(l.Views[i].Name, name) {
			return &l.Views[i]
		}
	}
	return nil
}

// optionsOf is the WITH of a view: its own, and those that are there, since replacing
// would else take away what somebody has set, such as security_invoker.
func optionsOf(ctx context.Context, tx *sql.Tx, v viewNow) (string, error) {
	found, err := pairs(ctx, tx, `SELECT o, '' FROM pg_class c, unnest(c.reloptions) o WHERE c.oid = to_regclass($1::text)`, v.Name)
	var options []string
	if v.Barrier {
		options = append(options, "security_barrier=true")
	}
	for _, o := range found {
		if !v.Barrier || !strings.HasPrefix(o[0], "security_barrier") {
			options = append(options, o[0])
		}
	}
	if err != nil || len(options) == 0 {
		return "", err
	}
	return " WITH (" + strings.Join(options, ", ") + ")", nil
}

// handBack are the steps that give a view that is dropped and made again the owner and
// the grants that it had, and take away what default privileges grant on it: they may
// be older than a REVOKE.
func handBack(ctx context.Context, tx *sql.Tx, view string) (steps []step, err error) {
	found, err := pairs(ctx, tx, `SELECT DISTINCT 'REVOKE ALL ON ' || $1::text || ' FROM '
			|| CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, ''
		FROM pg_class c, pg_default_acl d, aclexplode(d.defaclacl) a WHERE c.oid = to_regclass($1::text) AND d.defaclobjtype = 'r'
			AND pg_get_userbyid(d.defaclrole) = current_user AND d.defaclnamespace IN (0, c.relnamespace) AND a.grantee NOT IN (c.relowner, d.defaclrole)
		UNION ALL
		SELECT 'ALTER VIEW ' || $1::text || ' OWNER TO ' || quote_ident(pg_get_userbyid(relowner)), '' FROM pg_class
		WHERE oid = to_regclass($1::text) AND pg_get_userbyid(relowner) <> current_user
		ORDER BY 1 DESC`, view)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		steps = append(steps, step{query: f[0]})
	}
	granted, err := grants(ctx, tx, view, view)
	return append(steps, granted...), err
}

// grants are the steps that give what was granted on a relation, or on columns of
// it, on another one, but for what its owner has anyway.
func grants(ctx context.Context, tx *sql.Tx, from, to string) (steps []step, err error) {
	found, err := pairs(ctx, tx, `SELECT a.privilege_type || columns || ' ON ' || $2::text || ' TO '
			|| CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
			CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
		FROM (SELECT relowner, relacl AS acl, '' AS columns FROM pg_class WHERE oid = to_regclass($1::text)
			UNION ALL SELECT c.relowner, t.attacl, ' (' || quote_ident(t.attname) || ')' FROM pg_attribute t
			JOIN pg_class c ON c.oid = t.attrelid WHERE t.attrelid = to_regclass($1::text) AND t.attnum > 0 AND NOT t.attisdropped) r,
			aclexplode(r.acl) a WHERE a.grantee <> r.relowner ORDER BY 1`, from, to)
	for _, g := range found {
		steps = append(steps, step{query: "GRANT " + g[0] + g[1]})
	}
	return steps, err
}
