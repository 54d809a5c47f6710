package migrations

import (
	"regexp"
	"strings"
)

// statements cuts a file into its statements, since some databases take one at a
// time. Semicolons in strings, quoted names, comments and bodies between dollars
// end nothing.
func statements(text string) (out []string) {
	start, substance := 0, false // whether there is more than comments since start
	for i := 0; i < len(text); {
		n := token(text, i)
		switch c := text[i]; {
		case c == ';':
			if substance {
				out = append(out, strings.TrimSpace(text[start:i]))
			}
			start, substance = i+1, false
		case !strings.ContainsRune(" \t\r\n", rune(c)) && !isComment(text[i:]):
			substance = true
		}
		i += n
	}
	if substance {
		out = append(out, strings.TrimSpace(text[start:]))
	}
	return out
}

func isComment(text string) bool {
	return strings.HasPrefix(text, "--") || strings.HasPrefix(text, "/*")
}

// token is the length of what begins at i and is looked at as a whole. What is
// not ended goes to the end of the text.
func token(text string, i int) int {
	rest := text[i:]
	switch {
	case strings.HasPrefix(rest, "--"):
		return through(rest, "\n", 2)
	case strings.HasPrefix(rest, "/*"):
		return comment(rest)
	case rest[0] == '\'':
		// Two quotes for one are two strings on end, which is as good here.
		return through(rest, "'", 1)
	case rest[0] == '"':
		return through(rest, `"`, 1)
	case rest[0] == '$':
		if tag := dollarTag(rest); tag != "" {
			return through(rest, tag, len(tag))
		}
	case isName(rest[0]):
		n := 1
		for n < len(rest) && (isName(rest[n]) || rest[n] == '$') {
			n++
		}
		if n == 1 && (rest[0] == 'E' || rest[0] == 'e') && strings.HasPrefix(rest[1:], "'") {
			return 1 + escaped(rest[1:])
		}
		return n
	}
	return 1
}

// through is the length up to and with the next end, looked for from a place on.
func through(text, end string, from int) int {
	if n := strings.Index(text[from:], end); n >= 0 {
		return from + n + len(end)
	}
	return len(text)
}

// comment is the length of a comment, which may hold others, as in PostgreSQL.
func comment(text string) int {
	for i, depth := 0, 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(text[i:], "*/"):
			i++
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// escaped is the length of a string in which a backslash is no character of its own.
func escaped(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '\'':
			return i + 1
		}
	}
	return len(text)
}

func dollarTag(text string) string {
	return regexp.MustCompile(`^\$([A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$`).FindString(text)
}

func isName(c byte) bool {
	return c == '_' || c >= 0x80 || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
