package simulator

import "cmp"

// Collation is how the server orders keys and other text: in $orderby, and in
// what gt and lt mean. Which one a real server uses is its own business.
type Collation int

// The collations. Each is a total order of all texts.
const (
	// ByteOrder compares the bytes of the text.
	ByteOrder Collation = iota
	// IgnoreCase compares letters without regard to their case.
	IgnoreCase
	// NumericAware compares runs of digits by their value: W999 before W1000.
	NumericAware
)

func compareText[A, B ~string | ~[]byte](c Collation, a A, b B) int {
	switch c {
	case IgnoreCase:
		return compareFolded(a, b)
	case NumericAware:
		return compareNumeric(a, b)
	default:
		return compareBytes(a, b)
	}
}

func compareBytes[A, B ~string | ~[]byte](a A, b B) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

func compareFolded[A, B ~string | ~[]byte](a A, b B) int {
	for i := range min(len(a), len(b)) {
		if x, y := lower(a[i]), lower(b[i]); x != y {
			return cmp.Compare(x, y)
		}
	}
	if len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return compareBytes(a, b)
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

func compareNumeric[A, B ~string | ~[]byte](a A, b B) int {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		if !digit(a[i]) || !digit(b[j]) {
			if a[i] != b[j] {
				return cmp.Compare(a[i], b[j])
			}
			i, j = i+1, j+1
			continue
		}
		fromA, toA := digits(a, i)
		fromB, toB := digits(b, j)
		if order := cmp.Compare(toA-fromA, toB-fromB); order != 0 {
			return order
		}
		for ; fromA < toA; fromA, fromB = fromA+1, fromB+1 {
			if a[fromA] != b[fromB] {
				return cmp.Compare(a[fromA], b[fromB])
			}
		}
		i, j = toA, toB
	}
	if order := cmp.Compare(len(a)-i, len(b)-j); order != 0 {
		return order
	}
	return compareBytes(a, b)
}

func digit(b byte) bool { return b >= '0' && b <= '9' }

// digits is the run of digits at i without its leading zeros.
func digits[A ~string | ~[]byte](a A, i int) (from, to int) {
	for i < len(a) && a[i] == '0' {
		i++
	}
	for from = i; i < len(a) && digit(a[i]); i++ {
	}
	return from, i
}
