package simulator

import "math"

// span is a range of timestamps in microseconds, both ends included.
type span struct{ low, high int64 }

func everything() span { return span{math.MinInt64, math.MaxInt64} }

// bounds is a span outside of which the expression surely does not hold. It is
// derived from any mixture of conditions: what is known about a disjunction is
// the hull of its parts, about a conjunction their intersection, and about
// everything else nothing.
func bounds(e expression, c column) span {
	switch e := e.(type) {
	case andExpr:
		result := everything()
		for _, term := range e {
			b := bounds(term, c)
			result = span{max(result.low, b.low), min(result.high, b.high)}
		}
		return result
	case orExpr:
		result := span{math.MaxInt64, math.MinInt64}
		for _, term := range e {
			if b := bounds(term, c); b.low <= b.high {
				result = span{min(result.low, b.low), max(result.high, b.high)}
			}
		}
		return result
	case inExpr:
		if e.field.column != c {
			break
		}
		result := span{math.MaxInt64, math.MinInt64}
		for _, v := range e.values {
			result = span{min(result.low, v.at), max(result.high, v.at)}
		}
		return result
	case compareExpr:
		if e.field.column == c && e.value.kind == kindTime {
			return comparedSpan(e.operator, e.value.at)
		}
	}
	return everything()
}

func comparedSpan(operator string, at int64) span {
	result := everything()
	switch operator {
	case "eq":
		result = span{at, at}
	case "gt":
		result.low = at + 1
	case "ge":
		result.low = at
	case "lt":
		result.high = at - 1
	case "le":
		result.high = at
	}
	return result
}

// named is the set of values that a key column must have for the expression to
// hold; ok is false where the expression does not say.
func named(e expression, c column) (values []string, ok bool) {
	switch e := e.(type) {
	case andExpr:
		for _, term := range e {
			if v, known := named(term, c); known && (!ok || len(v) < len(values)) {
				values, ok = v, true
			}
		}
		return values, ok
	case orExpr:
		for _, term := range e {
			v, known := named(term, c)
			if !known {
				return nil, false
			}
			values = append(values, v...)
		}
		return values, len(e) > 0
	case inExpr:
		if e.field.column == c && e.texts != nil {
			for _, v := range e.values {
				values = append(values, v.text)
			}
			return values, true
		}
	case compareExpr:
		if e.field.column == c && e.operator == "eq" && e.value.kind == kindText {
			return []string{e.value.text}, true
		}
	}
	return nil, false
}
