package simulator

import (
	"cmp"
	"encoding/json"
	"strconv"
)

// truth is what a condition comes to; comparing with null is neither.
type truth int8

const (
	no truth = iota
	unknown
	yes
)

// expression is a node of a filter. It has a truth for every row.
type expression interface {
	holds(*cursor) truth
}

type (
	orExpr  []expression
	andExpr []expression
	notExpr struct{ of expression }
	// fieldExpr and literal alone are conditions only if they are booleans.
	fieldExpr struct{ field *field }
	// literal is a value, in a filter or of a row.
	literal struct {
		kind   kind
		text   string // also of a date
		number float64
		at     int64 // microseconds
		truth  bool
	}
	compareExpr struct {
		field    *field
		operator string
		value    literal
	}
	// fieldsExpr compares two fields of a row.
	fieldsExpr struct {
		left     *field
		operator string
		right    *field
	}
	inExpr struct {
		field  *field
		values []literal
		texts  map[string]bool // where all values are texts
	}
)

// condition refuses an expression that is a value and not a condition.
func condition(e expression) (expression, *refusal) {
	switch e := e.(type) {
	case literal:
		if e.kind != kindBool {
			return nil, malformed("a value stands where a condition is needed")
		}
	case fieldExpr:
		if e.field.kind != kindBool {
			return nil, malformed("%s stands where a condition is needed", e.field.name)
		}
	}
	return e, nil
}

func compare(left expression, operator string, right expression) (expression, *refusal) {
	a, leftIsField := left.(fieldExpr)
	b, rightIsField := right.(fieldExpr)
	x, leftIsValue := left.(literal)
	y, rightIsValue := right.(literal)
	switch {
	case leftIsField && rightIsField:
		if a.field.kind == kindArray || b.field.kind == kindArray || family(a.field.kind) != family(b.field.kind) {
			return nil, malformed("%s and %s cannot be compared", a.field.name, b.field.name)
		}
		return fieldsExpr{a.field, operator, b.field}, nil
	case leftIsField && rightIsValue:
		return compareExpr{a.field, operator, y}, checkTypes(a.field, y)
	case leftIsValue && rightIsField:
		mirrored := map[string]string{"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
		if m, ok := mirrored[operator]; ok {
			operator = m
		}
		return compareExpr{b.field, operator, x}, checkTypes(b.field, x)
	case leftIsValue && rightIsValue && family(x.kind) == family(y.kind):
		return literal{kind: kindBool, truth: judge(x, operator, y, ByteOrder) == yes}, nil
	}
	return nil, malformed("the operator %s compares a field with a value", operator)
}

// family puts together kinds that can be compared.
func family(k kind) kind {
	switch k {
	case kindInt, kindWhole:
		return kindFloat
	case kindDigits:
		return kindText
	}
	return k
}

func checkTypes(f *field, value literal) *refusal {
	if value.kind == kindNull || f.kind == kindNull {
		return nil
	}
	if f.kind == kindArray {
		return malformed("%s is a collection and cannot be compared", f.name)
	}
	if family(f.kind) != value.kind {
		return malformed("A binary operator with incompatible types was detected: %s is %s.", f.name, edmType(f.kind))
	}
	return nil
}

// judge compares two values of one family.
func judge(a literal, operator string, b literal, collation Collation) truth {
	if a.kind == kindNull || b.kind == kindNull {
		same := a.kind == b.kind
		switch operator {
		case "eq":
			return toTruth(same)
		case "ne":
			return toTruth(!same)
		}
		return unknown
	}
	order := 0
	switch {
	case a.kind != b.kind:
		return unknown // a field whose type the server does not know
	case a.kind == kindTime:
		order = cmp.Compare(a.at, b.at)
	case a.kind == kindFloat:
		order = cmp.Compare(a.number, b.number)
	case a.kind == kindBool:
		if a.truth != b.truth {
			order = 1
		}
	case operator == "eq" || operator == "ne":
		order = cmp.Compare(a.text, b.text)
	default:
		order = compareText(collation, a.text, b.text)
	}
	return decide(order, operator)
}

func decide(order int, operator string) truth {
	switch operator {
	case "eq":
		return toTruth(order == 0)
	case "ne":
		return toTruth(order != 0)
	case "gt":
		return toTruth(order > 0)
	case "ge":
		return toTruth(order >= 0)
	case "lt":
		return toTruth(order < 0)
	default:
		return toTruth(order <= 0)
	}
}

func toTruth(b bool) truth {
	if b {
		return yes
	}
	return no
}

// parseValue turns the JSON of a field into a value. Text that does not fit
// the type of its field (a hostile row) counts as null.
func parseValue(k kind, data []byte) literal {
	if len(data) == 0 {
		return literal{kind: kindNull}
	}
	switch c := data[0]; {
	case c == '"':
		var text string
		if json.Unmarshal(data, &text) != nil {
			return literal{kind: kindNull}
		}
		if k == kindTime {
			at, ok := parseTime(text)
			if !ok {
				return literal{kind: kindNull}
			}
			return literal{kind: kindTime, at: at}
		}
		if k == kindDate {
			return literal{kind: kindDate, text: text}
		}
		return literal{kind: kindText, text: text}
	case c == 't' || c == 'f':
		return literal{kind: kindBool, truth: c == 't'}
	case c == '-' || digit(c):
		number, err := strconv.ParseFloat(string(data), 64)
		if err == nil {
			return literal{kind: kindFloat, number: number}
		}
	}
	return literal{kind: kindNull}
}
