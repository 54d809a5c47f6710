package simulator

import (
	"slices"
	"strconv"
)

// parser reads a $filter by recursive descent:
//
//	or    = and { "or" and }
//	and   = unary { "and" unary }
//	unary = "not" unary | comparison
//	comparison = operand [ operator operand | "in" "(" literals ")" ]
//	operand    = "(" or ")" | field | literal
type parser struct {
	tokens []token
	at     int
	depth  int
	def    *resource
	feed   Feed
}

// deepest is how far a filter may be nested.
const deepest = 100

func operators() []string { return []string{"eq", "ne", "gt", "ge", "lt", "le"} }

// parseFilter reads an expression over the fields that the feed has.
func parseFilter(text string, def *resource, feed Feed) (expression, *refusal) {
	tokens, problem := lex(text)
	if problem != nil {
		return nil, problem
	}
	p := &parser{tokens: tokens, def: def, feed: feed}
	e, problem := p.or()
	if problem != nil {
		return nil, problem
	}
	if next := p.peek(); next.kind != tokenEnd {
		return nil, p.unexpected(next)
	}
	return condition(e)
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) take(kind tokenKind, word string) bool {
	next := p.peek()
	if next.kind != kind || (word != "" && next.text != word) {
		return false
	}
	p.at++
	return true
}

func (p *parser) unexpected(t token) *refusal {
	if t.kind == tokenEnd {
		return malformed("the expression ends too early")
	}
	return malformed("unexpected %q at position %d", t.text, t.at)
}

func (p *parser) or() (expression, *refusal) {
	return p.chain("or", p.and, func(terms []expression) expression { return orExpr(terms) })
}

func (p *parser) and() (expression, *refusal) {
	return p.chain("and", p.unary, func(terms []expression) expression { return andExpr(terms) })
}

func (p *parser) chain(word string, part func() (expression, *refusal), join func([]expression) expression) (expression, *refusal) {
	first, problem := part()
	if problem != nil || p.peek().kind != tokenWord || p.peek().text != word {
		return first, problem
	}
	terms := []expression{first}
	for p.take(tokenWord, word) {
		term, problem := part()
		if problem != nil {
			return nil, problem
		}
		terms = append(terms, term)
	}
	for i, term := range terms {
		if terms[i], problem = condition(term); problem != nil {
			return nil, problem
		}
	}
	return join(terms), nil
}

func (p *parser) unary() (expression, *refusal) {
	if p.depth++; p.depth > deepest {
		return nil, malformed("the expression is nested more than %d deep", deepest)
	}
	defer func() { p.depth-- }()
	if p.take(tokenWord, "not") {
		e, problem := p.unary()
		if problem != nil {
			return nil, problem
		}
		e, problem = condition(e)
		return notExpr{e}, problem
	}
	return p.comparison()
}

func (p *parser) comparison() (expression, *refusal) {
	left, problem := p.operand()
	if problem != nil {
		return nil, problem
	}
	next := p.peek()
	switch {
	case next.kind != tokenWord || next.text == "and" || next.text == "or":
		return left, nil
	case next.text == "in":
		p.at++
		return p.list(left)
	case slices.Contains(operators(), next.text):
		p.at++
		right, problem := p.operand()
		if problem != nil {
			return nil, problem
		}
		return compare(left, next.text, right)
	case slices.Contains([]string{"add", "sub", "mul", "div", "divby", "mod", "has"}, next.text):
		return nil, unsupported("the operator " + next.text)
	}
	return nil, p.unexpected(next)
}

func (p *parser) operand() (expression, *refusal) {
	next := p.peek()
	p.at++
	switch next.kind {
	case tokenOpen:
		e, problem := p.or()
		if problem != nil {
			return nil, problem
		}
		if !p.take(tokenClose, "") {
			return nil, p.unexpected(p.peek())
		}
		return e, nil
	case tokenWord:
		return p.word(next)
	case tokenEnd, tokenClose, tokenComma:
		p.at--
		return nil, p.unexpected(next)
	}
	return parseLiteral(next)
}

func (p *parser) word(t token) (expression, *refusal) {
	switch t.text {
	case "true", "false":
		return literal{kind: kindBool, truth: t.text == "true"}, nil
	case "null":
		return literal{kind: kindNull}, nil
	}
	if p.peek().kind == tokenOpen && !slices.Contains([]string{"and", "or", "not", "in"}, t.text) {
		return nil, unsupported("the function " + t.text)
	}
	f := p.def.lookup(p.feed, t.text)
	if f == nil {
		if slices.Contains(append(operators(), "and", "or", "not", "in"), t.text) {
			return nil, p.unexpected(t)
		}
		return nil, unknownField(t.text, p.def.name)
	}
	return fieldExpr{f}, nil
}

func unknownField(name, resource string) *refusal {
	return malformed("The property '%s', used in a query expression, is not defined in type '%s'.", name, resource)
}

func parseLiteral(t token) (expression, *refusal) {
	switch t.kind {
	case tokenString:
		return literal{kind: kindText, text: t.text}, nil
	case tokenTime:
		at, _ := parseTime(t.text)
		return literal{kind: kindTime, at: at, text: t.text}, nil
	case tokenDate:
		return literal{kind: kindDate, text: t.text}, nil
	}
	number, err := strconv.ParseFloat(t.text, 64)
	if err != nil {
		return nil, malformed("%q at position %d is not a number", t.text, t.at)
	}
	return literal{kind: kindFloat, number: number}, nil
}

func (p *parser) list(left expression) (expression, *refusal) {
	f, ok := left.(fieldExpr)
	if !ok || !p.take(tokenOpen, "") {
		return nil, malformed("the operator in needs a field and a list in parentheses")
	}
	result := inExpr{field: f.field}
	for {
		next := p.peek()
		operand, problem := p.operand()
		if problem != nil {
			return nil, problem
		}
		value, ok := operand.(literal)
		if !ok {
			return nil, p.unexpected(next)
		}
		if problem := checkTypes(f.field, value); problem != nil {
			return nil, problem
		}
		result.values = append(result.values, value)
		if p.take(tokenClose, "") {
			return result.indexed(), nil
		}
		if !p.take(tokenComma, "") {
			return nil, p.unexpected(p.peek())
		}
	}
}
