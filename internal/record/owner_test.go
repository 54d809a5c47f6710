package record

import (
	"errors"
	"testing"
	"time"
)

// Whose state file it is, by its id and by the incarnations that it has noted,
// goes on at once; everybody else waits for the lease.
func TestWhoMayClaim(t *testing.T) {
	t.Parallel()
	row := Owned{StateID: "mine", Host: "h", StateDir: "/s", Incarnation: 7}
	for name, test := range map[string]struct {
		o     Owner
		row   Owned
		lease time.Duration
		held  int64
		err   error
	}{
		"the same":                                  {Owner{StateID: "mine", Claims: []int64{7}}, row, time.Minute, 7, nil},
		"died between note and commit":              {Owner{StateID: "mine", Claims: []int64{8, 7}}, row, time.Minute, 7, nil},
		"died behind the commit":                    {Owner{StateID: "mine", Claims: []int64{7, 6}}, row, time.Minute, 7, nil},
		"a pod that moved with its volume":          {Owner{StateID: "mine", Host: "other", StateDir: "/other", Claims: []int64{7}}, row, time.Minute, 7, nil},
		"a copy, or one that was overtaken by it":   {Owner{StateID: "mine", Host: "h", StateDir: "/s", Claims: []int64{6, 5}}, row, time.Minute, 0, ErrOwned},
		"the same names, another state file":        {Owner{StateID: "yours", Host: "h", StateDir: "/s", Claims: []int64{7}}, row, time.Minute, 0, ErrOwned},
		"a new state file at the same place":        {Owner{StateID: "new", Host: "h", StateDir: "/s", ByPlace: true}, row, time.Minute, 0, ErrOwned},
		"from before there were notes":              {Owner{StateID: "mine", Host: "h", StateDir: "/s", ByPlace: true}, row, time.Minute, 7, nil},
		"from before, on another host":              {Owner{StateID: "mine", Host: "x", StateDir: "/s", ByPlace: true}, row, time.Minute, 0, ErrOwned},
		"another, when the lease has run out":       {Owner{StateID: "yours", Claims: []int64{3}}, row, -time.Second, 0, nil},
		"a copy, when the lease was given back":     {Owner{StateID: "mine", Claims: []int64{6}}, row, 0, 0, nil},
		"a destination that was nobody's until now": {Owner{StateID: "mine", ByPlace: true}, Owned{}, 0, 0, nil},
	} {
		noted := false
		test.o.Note = func(held, next int64) error {
			noted = true
			if held != test.held || next != test.row.Incarnation+1 {
				t.Errorf("%s: noted %d and %d, want %d and %d", name, held, next, test.held, test.row.Incarnation+1)
			}
			return nil
		}
		next, err := test.o.Next(test.row, test.lease)
		if !errors.Is(err, test.err) || noted == (err != nil) || err == nil && next != test.row.Incarnation+1 {
			t.Errorf("%s: %d, %v; noted %t", name, next, err, noted)
		}
	}
	o := Owner{StateID: "mine", Claims: []int64{7}, Note: func(int64, int64) error { return errors.ErrUnsupported }}
	if _, err := o.Next(row, 0); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("what could not be noted is claimed: %v", err)
	}
}
