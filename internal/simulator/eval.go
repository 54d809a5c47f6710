package simulator

// cursor stands on a row while a filter is applied to it. It is used by one
// goroutine, and kept over many rows for its buffers.
type cursor struct {
	table     *table
	precision Precision
	collation Collation
	feed      Feed
	record    record
	buffer    []byte
}

func (c *cursor) move(id int32) { c.record = c.table.record(id, c.precision) }

func (c *cursor) matches(e expression) bool { return e == nil || e.holds(c) == yes }

// value reads a field of the row.
func (c *cursor) value(f *field) literal {
	if f.column == columnStamp || f.column == columnStamp2 {
		if c.record.row.at == noStamp {
			return literal{kind: kindNull}
		}
		return literal{kind: kindTime, at: c.record.stamp(f.column)}
	}
	c.buffer = c.record.appendField(c.buffer[:0], f)
	return parseValue(f.kind, c.buffer)
}

// text reads a key column without copying it; it is good until the next call.
func (c *cursor) text(col column) []byte {
	if col == columnKey {
		c.buffer = c.record.appendKey(c.buffer[:0])
	} else {
		c.buffer = c.record.appendParent(c.buffer[:0])
	}
	return c.buffer
}

func (e orExpr) holds(c *cursor) truth {
	result := no
	for _, term := range e {
		if result = max(result, term.holds(c)); result == yes {
			break
		}
	}
	return result
}

func (e andExpr) holds(c *cursor) truth {
	result := yes
	for _, term := range e {
		if result = min(result, term.holds(c)); result == no {
			break
		}
	}
	return result
}

func (e notExpr) holds(c *cursor) truth { return yes - e.of.holds(c) }

func (e literal) holds(*cursor) truth { return toTruth(e.truth) }

func (e fieldExpr) holds(c *cursor) truth {
	value := c.value(e.field)
	if value.kind != kindBool {
		return unknown
	}
	return toTruth(value.truth)
}

func (e compareExpr) holds(c *cursor) truth {
	switch e.field.column {
	case columnStamp, columnStamp2:
		if c.record.row.at != noStamp && e.value.kind == kindTime {
			at := c.record.stamp(e.field.column)
			switch {
			case at < e.value.at:
				return decide(-1, e.operator)
			case at > e.value.at:
				return decide(1, e.operator)
			}
			return decide(0, e.operator)
		}
	case columnKey, columnParent:
		if e.value.kind == kindText {
			text := c.text(e.field.column)
			if e.operator == "eq" || e.operator == "ne" {
				return decide(compareBytes(text, e.value.text), e.operator)
			}
			return decide(compareText(c.collation, text, e.value.text), e.operator)
		}
	}
	return judge(c.value(e.field), e.operator, e.value, c.collation)
}

func (e fieldsExpr) holds(c *cursor) truth {
	left := c.value(e.left)
	return judge(left, e.operator, c.value(e.right), c.collation)
}

// indexed prepares a list of texts for being looked up.
func (e inExpr) indexed() inExpr {
	texts := make(map[string]bool, len(e.values))
	for _, v := range e.values {
		if v.kind != kindText {
			return e
		}
		texts[v.text] = true
	}
	e.texts = texts
	return e
}

func (e inExpr) holds(c *cursor) truth {
	if e.texts != nil && (e.field.column == columnKey || e.field.column == columnParent) {
		return toTruth(e.texts[string(c.text(e.field.column))])
	}
	value := c.value(e.field)
	for _, v := range e.values {
		if judge(value, "eq", v, c.collation) == yes {
			return yes
		}
	}
	return no
}
