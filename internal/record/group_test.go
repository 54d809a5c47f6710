package record

import (
	"errors"
	"testing"
)

// A group goes in once, on the mark that it builds on, by the agent that has the
// claim.
func TestApplied(t *testing.T) {
	t.Parallel()
	g := &Group{Stream: "media", Expect: 7, Sequence: 9} // after a divergence the next is above both stores
	for name, test := range map[string]struct {
		sequence         uint64
		incarnation, own int64
		applied          bool
		err              error
	}{
		"the mark it builds on":       {7, 3, 3, false, nil},
		"there already":               {9, 3, 3, true, nil},
		"somebody moved it on":        {8, 3, 3, false, ErrSequence},
		"set back":                    {6, 3, 3, false, ErrSequence},
		"far ahead":                   {10, 3, 3, false, ErrSequence},
		"claimed by another":          {7, 4, 3, false, ErrLost},
		"stored by another's claim":   {9, 4, 3, false, ErrLost},
		"claimed by an older, undone": {7, 2, 3, false, ErrLost},
	} {
		applied, err := g.Applied(test.sequence, test.incarnation, test.own)
		if applied != test.applied || !errors.Is(err, test.err) {
			t.Errorf("%s: applied %t, %v; want %t, %v", name, applied, err, test.applied, test.err)
		}
		want := test.err
		if test.applied {
			want = ErrSequence // it goes in once
		}
		if err := g.Follows(test.sequence, test.incarnation, test.own); !errors.Is(err, want) {
			t.Errorf("%s: follows: %v, want %v", name, err, want)
		}
	}
}
