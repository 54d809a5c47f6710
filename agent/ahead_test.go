package agent

import (
	"testing"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/catalog"
)

// A position that an earlier version left ahead of the present hides nothing: the
// pass begins where that version can have stood.
func TestPositionOutOfTheFuture(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for position, want := range map[string]string{
		"2026-07-02T06:00:00Z": "2026-07-01T05:50:00Z", // 18 hours ahead: reached at 06:00 at the earliest
		"2026-07-01T12:00:00Z": "2026-07-01T11:50:00Z",
		"2026-06-01T00:00:00Z": "2026-05-31T23:50:00Z",
	} {
		st := standing{stream: (&Config{}).stream(catalog.VOWProperty), state: checkpoint.Stream{
			Position: &checkpoint.Position{Timestamp: position, Key: "K"}, LastFinishedAt: now.Add(-time.Hour),
		}}
		if resumed := st.begin(false, 10*time.Minute, now); resumed || st.state.Pass.Cursor.Timestamp != want {
			t.Errorf("from %s the pass begins at %+v, want %s", position, st.state.Pass.Cursor, want)
		}
	}
}
