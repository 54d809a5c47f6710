package agent

import (
	"testing"

	"resoagent/internal/record"
)

// Too little room for what is to come would stop a run; little more is a
// warning, and what is not known is neither.
func TestRoom(t *testing.T) {
	const need = 1000
	for _, test := range []struct {
		free  uint64
		known bool
		want  record.Verdict
	}{
		{999, true, FindingFailure},
		{1000, true, FindingWarning},
		{1499, true, FindingWarning},
		{1500, true, FindingOK},
		{0, false, FindingNotChecked},
	} {
		d := &doctor{examined: record.Examined{Free: test.free, FreeKnown: test.known, Place: "there"}}
		d.tellDisk(d.report(GroupDestination), "much", need)
		if len(d.findings) != 1 || d.findings[0].State != test.want {
			t.Errorf("%d free, known %t: %+v, want %s", test.free, test.known, d.findings, test.want)
		}
	}
}
