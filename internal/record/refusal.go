package record

import (
	"encoding/json"
	"slices"
	"strconv"
)

// RefusedColumn finds the typed column whose value a destination does not take,
// by halves: refused tells whether it refuses the record with the values of some
// columns alone, the others NULL. ok is false where no value by itself is at
// fault: the key, the JSON, two values together.
func (r *Record) RefusedColumn(refused func(*Record) (bool, error)) (column int, ok bool, err error) {
	var there []int
	for i, v := range r.Values {
		if v.Valid {
			there = append(there, i)
		}
	}
	only := func(columns []int) (bool, error) {
		part := *r
		part.Values = make([]Value, len(r.Values))
		for _, i := range columns {
			part.Values[i] = r.Values[i]
		}
		return refused(&part)
	}
	if bare, err := only(nil); err != nil || bare {
		return 0, false, err
	}
	for len(there) > 0 {
		if len(there) == 1 {
			ok, err := only(there)
			return there[0], ok, err
		}
		left, right := there[:len(there)/2], there[len(there)/2:]
		ok, err := only(left)
		if err != nil {
			return 0, false, err
		}
		if there = right; ok {
			there = left
		}
	}
	return 0, false, nil
}

// NameRefusal says which value of which record was refused; column is the name
// of a typed column, "" where it is not known.
func (g *Group) NameRefusal(r *Record, column, why string) string {
	hide := g.Hide
	if hide == nil {
		hide = func(text string) string { return text }
	}
	columns := g.Shape.Columns
	i := slices.IndexFunc(columns, func(c Column) bool { return c.Name == column })
	value := ""
	if i >= 0 && r.Values[i].Valid {
		value = strconv.Quote(clipped(hide(r.Values[i].Text))) // hidden before it is cut
	}
	return hide(why) + ": " + named(column, r.Key, value)
}

// NameUnfit says which value of a record did not fit its typed column, the first
// of them, as it stands in the JSON; "" where all did.
func (s *Shape) NameUnfit(r *Record, hide func(string) string) string {
	if len(r.Unfit) == 0 {
		return ""
	}
	field := r.Unfit[0]
	i := slices.IndexFunc(s.Columns, func(c Column) bool { return c.Field == field })
	var members map[string]json.RawMessage
	if err := json.Unmarshal(r.JSON, &members); err != nil || i < 0 {
		return named(field, r.Key, "")
	}
	return named(s.Columns[i].Name, r.Key, clipped(hide(string(members[field]))))
}

func named(column, key, value string) string {
	text := "key " + key
	if column != "" {
		text = "column " + column + ", " + text
	}
	if value != "" {
		text += ", value " + value
	}
	return text
}

// clipped cuts a value that is long.
func clipped(value string) string {
	const most = 80
	if runes := []rune(value); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return value
}
