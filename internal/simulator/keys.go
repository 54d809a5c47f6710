package simulator

import (
	"encoding/hex"
	"strconv"
)

// Keys are computed from a row's parent and ordinal by one-to-one mappings, so
// that a key leads back to its row without an index over millions of them.
// Their shapes differ on purpose (length, case, digits): clients that compare
// keys themselves should come to grief under at least one Collation.
type keys struct {
	write func(dst []byte, parent, seq int) []byte
	find  func(key string) (parent, seq int, ok bool)
}

const (
	listingKeyPrime   = 11_999_989
	listingKeyLowest  = 1_000_000
	openHouseKeyPrime = 1_000_000_007
	officeKeyLowest   = 100_000

	uuidText    = 36
	roomKeyText = 11
	base62      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// appendListingKey writes a key such as W1234567 or C12345678.
func (w *world) appendListingKey(dst []byte, listing int) []byte {
	dst = append(dst, w.place(listing).letter)
	return strconv.AppendUint(dst, listingKeyLowest+w.listingKeys.forth(uint64(listing)), 10)
}

// appendParentKey writes the key of any parent: a listing, an office, a member.
func (w *world) appendParentKey(dst []byte, parent int) []byte {
	if parent >= w.orphans {
		return strconv.AppendInt(dst, int64(officeKeyLowest+parent-w.orphans), 10)
	}
	return w.appendListingKey(dst, parent)
}

// parentOf finds the number of a parent by its key.
func (w *world) parentOf(key string) (parent int, ok bool) {
	if len(key) < 2 {
		return 0, false
	}
	if n, err := strconv.ParseUint(key, 10, 40); err == nil {
		parent = int(n) - officeKeyLowest + w.orphans
		if parent < w.orphans || parent >= w.owners {
			return 0, false
		}
	} else {
		n, err := strconv.ParseUint(key[1:], 10, 40)
		if err != nil || n < listingKeyLowest || n >= listingKeyLowest+listingKeyPrime {
			return 0, false
		}
		parent = int(w.listingKeys.back(n - listingKeyLowest))
		if parent >= w.orphans {
			return 0, false
		}
	}
	var scratch [16]byte
	return parent, string(w.appendParentKey(scratch[:0], parent)) == key
}

func place20(parent, seq int) uint64 { return uint64(parent)<<20 | uint64(seq) }

func (w *world) listingKeyed() keys {
	return keys{
		func(dst []byte, listing, _ int) []byte { return w.appendListingKey(dst, listing) },
		func(key string) (listing, seq int, ok bool) {
			listing, ok = w.parentOf(key)
			return listing, 0, ok
		},
	}
}

// uuidKeyed are keys of 36 characters that look like a UUID, one in ten in
// capitals.
func uuidKeyed(salt uint64) keys {
	return keys{
		func(dst []byte, parent, seq int) []byte {
			high := scramble(place20(parent, seq) ^ salt)
			return appendUUID(dst, high, scramble(high+1), high%10 == 0)
		},
		func(key string) (parent, seq int, ok bool) {
			at, ok := highOf(key)
			at = unscramble(at) ^ salt
			return int(at >> 20), int(at & (1<<20 - 1)), ok
		},
	}
}

func appendUUID(dst []byte, high, low uint64, capitals bool) []byte {
	var bits [16]byte
	for i := range 8 {
		bits[i], bits[8+i] = byte(high>>(56-8*i)), byte(low>>(56-8*i))
	}
	digits := "0123456789abcdef"
	if capitals {
		digits = "0123456789ABCDEF"
	}
	for i, b := range bits {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	return dst
}

// highOf reads the first half of a UUID.
func highOf(key string) (high uint64, ok bool) {
	if len(key) != uuidText {
		return 0, false
	}
	bits, err := hex.DecodeString(key[:8] + key[9:13] + key[14:18])
	if err != nil {
		return 0, false
	}
	for _, b := range bits {
		high = high<<8 | uint64(b)
	}
	return high, true
}

// appendRoomKey writes 11 characters of both cases and digits.
func (w *world) appendRoomKey(dst []byte, parent, seq int) []byte {
	n := scramble(place20(parent, seq) ^ w.roomSalt)
	var text [roomKeyText]byte
	for i := range text {
		text[i], n = base62[n%62], n/62
	}
	return append(dst, text[:]...)
}

func (w *world) roomOf(key string) (parent, seq int, ok bool) {
	if len(key) != roomKeyText {
		return 0, 0, false
	}
	var n uint64
	for i := roomKeyText - 1; i >= 0; i-- {
		var digit byte
		switch c := key[i]; {
		case c >= '0' && c <= '9':
			digit = c - '0'
		case c >= 'A' && c <= 'Z':
			digit = c - 'A' + 10
		case c >= 'a' && c <= 'z':
			digit = c - 'a' + 36
		default:
			return 0, 0, false
		}
		n = n*62 + uint64(digit)
	}
	at := unscramble(n) ^ w.roomSalt
	return int(at >> 20), int(at & (1<<20 - 1)), true
}

// appendOpenHouseKey writes digits, one to nine or ten of them.
func (w *world) appendOpenHouseKey(dst []byte, parent, seq int) []byte {
	return strconv.AppendUint(dst, 1+w.openHouseKeys.forth(uint64(parent)<<4|uint64(seq)), 10)
}

func (w *world) openHouseOf(key string) (parent, seq int, ok bool) {
	n, err := strconv.ParseUint(key, 10, 40)
	if err != nil || n < 1 || n > openHouseKeyPrime {
		return 0, 0, false
	}
	at := w.openHouseKeys.back(n - 1)
	return int(at >> 4), int(at & 15), true
}
