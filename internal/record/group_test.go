package record

import (
	"errors"
	"testing"
	"time"
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
		"set back":                    {6, 3, 3, false, ErrRewound},
		"far ahead":                   {10, 3, 3, false, ErrSequence},
		"claimed by another":          {7, 4, 3, false, ErrLost},
		"stored by another's claim":   {9, 4, 3, false, ErrLost},
		"claimed by an older, undone": {7, 2, 3, false, ErrRewound},
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

// Which of two versions stays depends on what their timestamps are worth.
func TestReplaces(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Date(2026, 1, 1, 0, 0, s, 0, time.UTC) }
	normal, none := Group{Present: at(30)}, time.Time{}
	for name, test := range map[string]struct {
		g           Group
		came, there time.Time
		want        bool
	}{
		"newer":                        {normal, at(2), at(1), true},
		"of the same second":           {normal, at(2), at(2), true},
		"older":                        {normal, at(1), at(2), false},
		"a fraction below what is cut": {normal, at(1).Add(999), at(1), true},
		"none came":                    {normal, none, at(2), true},
		"none is there":                {normal, at(1), none, true},
		"both have none":               {normal, none, none, true},
		"what is there is ahead":       {normal, at(1), at(31), true},
		"both are ahead":               {normal, at(40), at(50), true},
		"what is there is the present": {normal, at(1), at(30), false},
		"no present":                   {Group{}, at(1), at(31), false},
		"forced":                       {Group{Forced: true, Present: at(30)}, at(1), at(2), true},
		"an answer by key":             {Group{ByKey: true, Present: at(30)}, at(1), at(2), true},
	} {
		if got := test.g.Replaces(&Record{Time: test.came}, test.there); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}

// Versions of one key in one group end as if each had been written as it came.
func TestVersionsInOneGroup(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Date(2026, 1, 1, 0, 0, s, 0, time.UTC) }
	present, ahead := at(30), at(3000)
	for name, test := range map[string]struct {
		g        Group
		versions []time.Time
		deleted  int // which of them is a delete, from 1
		want     int // which of them stays, from 1
		removed  bool
	}{
		"in order":                        {Group{}, []time.Time{at(1), at(2), at(3)}, 0, 3, false},
		"out of order":                    {Group{}, []time.Time{at(3), at(1), at(2)}, 0, 1, false},
		"a wrong stamp, corrected":        {Group{}, []time.Time{ahead, at(1)}, 0, 2, false},
		"a wrong stamp last":              {Group{}, []time.Time{at(1), ahead}, 0, 2, false},
		"a wrong stamp, then a delete":    {Group{}, []time.Time{ahead, at(1)}, 2, 2, true},
		"a delete that is older":          {Group{}, []time.Time{at(2), at(1)}, 2, 1, false},
		"answers by key, the last":        {Group{ByKey: true}, []time.Time{at(3), at(1)}, 0, 2, false},
		"forced, the last":                {Group{Forced: true}, []time.Time{at(3), at(1)}, 0, 2, false},
		"none, then one":                  {Group{}, []time.Time{{}, at(1)}, 0, 2, false},
		"one, then none":                  {Group{}, []time.Time{at(1), {}}, 0, 2, false},
		"the same content is not counted": {Group{}, []time.Time{at(1), at(1)}, 0, 2, false},
	} {
		g := test.g
		g.Present = present
		for i, stamp := range test.versions {
			hash := int64(i + 1)
			if name == "the same content is not counted" {
				hash = 2
			}
			g.Batches = append(g.Batches, Batch{Records: []Record{{Key: "k", Time: stamp, Hash: hash, Deleted: i+1 == test.deleted}}})
		}
		store, remove := g.Sorted()
		if all := append(store, remove...); len(all) != 1 || all[0].Hash != int64(test.want) || (len(remove) == 1) != test.removed {
			t.Errorf("%s: store %+v, remove %+v, want version %d", name, store, remove, test.want)
		}
		want := Outcome{Older: int64(len(test.versions) - 1)}
		if name == "the same content is not counted" {
			want = Outcome{Unchanged: 1}
		}
		if got := g.Outcome(); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// The last version of a key decides whether it is a reject; one that gave way to
// a newer row does not.
func TestSettled(t *testing.T) {
	t.Parallel()
	good, bad, older := Record{Key: "k"}, Record{Key: "k", Reason: "bad"}, Record{Key: "k", Older: true}
	for name, test := range map[string]struct {
		versions  []Record
		bad, good int
		known     int64
	}{
		"good":                          {[]Record{good}, 0, 1, 0},
		"bad":                           {[]Record{bad}, 1, 0, 0},
		"bad, then good":                {[]Record{bad, good}, 0, 1, 0},
		"good, then bad":                {[]Record{good, bad}, 1, 0, 0},
		"bad, then one that gave way":   {[]Record{bad, older}, 1, 0, 0},
		"one that gave way":             {[]Record{older}, 0, 0, 0},
		"bad twice":                     {[]Record{bad, bad}, 1, 0, 1},
		"refused, then one to give way": {[]Record{{Key: "k", Refused: "no"}, older}, 1, 0, 0},
	} {
		g := Group{Batches: []Batch{{Records: test.versions}}}
		bad, good := g.Settled()
		if len(bad) != test.bad || len(good) != test.good || g.Outcome().Known != test.known {
			t.Errorf("%s: bad %v, good %v, %+v", name, bad, good, g.Outcome())
		}
	}
}

// What is repaired is listed like a reject, as long as it is what is stored.
func TestSettledRepairs(t *testing.T) {
	t.Parallel()
	good, bad, fixed := Record{Key: "k"}, Record{Key: "k", Reason: "bad"}, Record{Key: "k", Repaired: "City: ..."}
	older, deleted, refused := fixed, fixed, fixed
	older.Older, deleted.Deleted, refused.Refused = true, true, "no"
	for name, test := range map[string]struct {
		versions []Record
		listed   string // "", "reject" or "repair"
		clean    int
		want     Outcome
	}{
		"repaired":                          {[]Record{fixed}, "repair", 0, Outcome{Repaired: 1}},
		"twice":                             {[]Record{fixed, fixed}, "repair", 0, Outcome{Repaired: 2, RepairedKnown: 1}},
		"repaired, then good":               {[]Record{fixed, good}, "", 1, Outcome{Repaired: 1}},
		"good, then repaired":               {[]Record{good, fixed}, "repair", 0, Outcome{Repaired: 1}},
		"bad, then repaired":                {[]Record{bad, fixed}, "repair", 0, Outcome{Repaired: 1}},
		"repaired, then bad":                {[]Record{fixed, bad}, "reject", 0, Outcome{Repaired: 1}},
		"repaired, but gave way":            {[]Record{older}, "", 0, Outcome{}},
		"repaired, but deleted":             {[]Record{deleted}, "", 1, Outcome{}},
		"repaired, but refused":             {[]Record{refused}, "reject", 0, Outcome{}},
		"repaired, then a repaired delete":  {[]Record{fixed, deleted}, "", 1, Outcome{Repaired: 1}},
		"good, then repaired that gave way": {[]Record{good, older}, "", 1, Outcome{}},
	} {
		g := Group{Batches: []Batch{{Records: test.versions}}}
		listed, clean := g.Settled()
		what := ""
		if len(listed) > 0 {
			if what = "repair"; listed[0].Reason+listed[0].Refused != "" {
				what = "reject"
			}
		}
		if what != test.listed || len(listed) > 1 || len(clean) != test.clean || g.Outcome() != test.want {
			t.Errorf("%s: listed %q, clean %q, %+v", name, what, clean, g.Outcome())
		}
	}
}
