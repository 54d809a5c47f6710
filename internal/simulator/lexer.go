package simulator

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// refusal is an answer that is not rows: a status with OData's error body.
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.message }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, "1111", fmt.Sprintf(format, args...)}
}

func malformed(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, format, args...)
}

func unsupported(what string) *refusal {
	return refuse(http.StatusNotImplemented, "%s is unsupported", what)
}

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenString
	tokenNumber
	tokenTime
	tokenDate
	tokenOpen
	tokenClose
	tokenComma
)

// token is a piece of an expression; text is the source, of a string what it
// means.
type token struct {
	kind tokenKind
	text string
	at   int
}

// lex cuts a $filter into tokens.
func lex(text string) ([]token, *refusal) {
	var tokens []token
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t':
			i++
		case c == '(' || c == ')' || c == ',':
			kind := map[byte]tokenKind{'(': tokenOpen, ')': tokenClose, ',': tokenComma}[c]
			tokens = append(tokens, token{kind, string(c), i})
			i++
		case c == '\'':
			value, end, ok := lexString(text, i)
			if !ok {
				return nil, malformed("the string at position %d is not closed", i)
			}
			tokens = append(tokens, token{tokenString, value, i})
			i = end
		case letter(c) || digit(c) || c == '-' || c == '$' || c == '@':
			end := i + 1
			for end < len(text) && strings.IndexByte(" \t(),'", text[end]) < 0 {
				end++
			}
			kind, problem := classify(text[i:end], i)
			if problem != nil {
				return nil, problem
			}
			tokens = append(tokens, token{kind, text[i:end], i})
			i = end
		default:
			return nil, malformed("unexpected character %q at position %d", c, i)
		}
	}
	return append(tokens, token{tokenEnd, "", len(text)}), nil
}

func letter(c byte) bool { return c == '_' || (lower(c) >= 'a' && lower(c) <= 'z') }

// lexString reads a literal that starts at i; two quotes inside mean one.
func lexString(text string, i int) (value string, end int, ok bool) {
	var b strings.Builder
	for i++; i < len(text); i++ {
		if text[i] != '\'' {
			b.WriteByte(text[i])
			continue
		}
		if i+1 == len(text) || text[i+1] != '\'' {
			return b.String(), i + 1, true
		}
		b.WriteByte('\'')
		i++
	}
	return "", 0, false
}

func classify(text string, at int) (tokenKind, *refusal) {
	switch {
	case letter(text[0]):
		for i := range len(text) {
			switch {
			case text[i] == '/' || text[i] == ':' || text[i] == '.':
				return 0, unsupported("the path " + text)
			case !letter(text[i]) && !digit(text[i]):
				return 0, malformed("unexpected character %q at position %d", text[i], at+i)
			}
		}
		return tokenWord, nil
	case text[0] == '$' || text[0] == '@':
		return 0, unsupported(text)
	case strings.ContainsAny(text, "Tt") && strings.Count(text, "-") >= 2:
		if _, ok := parseTime(text); !ok {
			return 0, malformed("%q at position %d is not a date and time", text, at)
		}
		return tokenTime, nil
	case strings.Count(text, "-") >= 2:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return 0, malformed("%q at position %d is not a date", text, at)
		}
		return tokenDate, nil
	}
	return tokenNumber, nil
}

// parseTime reads an Edm.DateTimeOffset as microseconds since 1970. Seconds
// and fraction may be absent, the offset may not; digits past the sixth are
// cut off. Letters may be small.
func parseTime(text string) (int64, bool) {
	text = strings.ToUpper(text)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UnixMicro(), true
		}
	}
	return 0, false
}
