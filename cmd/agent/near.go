package main

import (
	"strings"

	edlib "github.com/hbollon/go-edlib"
)

// nearest gives the name that was meant by a word that is none: the only one
// that begins with it, or else the one with the nearest spelling. "": none is
// near enough.
func nearest(word string, names []string) string {
	var begin []string
	for _, name := range names {
		if len(word) >= 3 && strings.HasPrefix(name, strings.ToLower(word)) {
			begin = append(begin, name)
		}
	}
	if len(begin) == 1 {
		return begin[0]
	}
	return nearestSpelling(word, names)
}

// nearestSpelling allows one slip in three letters, and three in all. Two
// neighbours that changed places are one slip.
func nearestSpelling(word string, names []string) (near string) {
	word = strings.ToLower(word)
	least := min(len(word)/3, 3) + 1
	for _, name := range names {
		if d := edlib.OSADamerauLevenshteinDistance(word, strings.ToLower(name)); d < least {
			near, least = name, d
		}
	}
	return near
}
