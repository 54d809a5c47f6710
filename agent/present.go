package agent

import (
	"time"

	"resoagent/internal/record"
)

// present is what counts as now for the records of the source: the earlier of the
// agent's clock and the source's, so that nothing is taken for past that may
// still change its place. A clock that is far from the source's is wrong, or the
// source is; either way it is the source's that its timestamps are made by.
func (a *Agent) present() time.Time {
	own := a.now()
	if a.remote == nil {
		return own
	}
	source, ok := a.remote.Clock()
	switch apart := source.Sub(own); {
	case !ok:
		return own
	case apart.Abs() > record.ClocksApart:
		if !a.clockSaid.Swap(true) {
			a.notice(true, "this host's clock shows %s and the source's %s; going by the source's, which its timestamps are made by: set the clock (NTP)",
				own.UTC().Format(time.RFC3339), source.UTC().Format(time.RFC3339))
		}
		return source
	case apart < 0:
		return source
	}
	return own
}
