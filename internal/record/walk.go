package record

import "bytes"

// walk calls field with the name, in its quotes, and the value of each field of
// a JSON object, as they stand there. The object must be valid: a decoder has
// looked at all of it before, and asking it for one field after another takes
// three times as long. It ends, with false, where field gives false.
func walk(object []byte, field func(name, value []byte) bool) bool {
	i := space(object, 1)
	for object[i] != '}' {
		if object[i] == ',' {
			i = space(object, i+1)
		}
		end := stringEnd(object, i)
		name := object[i:end]
		i = space(object, end)
		i = space(object, i+1) // the colon
		end = valueEnd(object, i)
		if !field(name, object[i:end]) {
			return false
		}
		i = space(object, end)
	}
	return true
}

// space is the first place at or behind i that is not white space.
func space(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r' {
		i++
	}
	return i
}

// stringEnd is the place behind the string that begins at i.
func stringEnd(b []byte, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(b[i:], '"')
		escapes := 0
		for b[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

// valueEnd is the place behind the value that begins at i.
func valueEnd(b []byte, i int) int {
	switch b[i] {
	case '"':
		return stringEnd(b, i)
	case '{', '[':
		return nestedEnd(b, i)
	}
	for ; ; i++ {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\t', '\r':
			return i
		}
	}
}

// nestedEnd is the place behind the object or array that begins at i.
func nestedEnd(b []byte, i int) int {
	for depth := 0; ; {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			i = stringEnd(b, i)
			continue
		}
		i++
	}
}
