package main

import (
	"fmt"
	"runtime/debug"

	"github.com/dustin/go-humanize"
)

// defaultMemoryLimit leaves a process of 64 MiB room for what Go does not count.
const defaultMemoryLimit = "48MiB"

// leastMemory is what a sync needs: the groups on their way, the pages and the
// key set of a small feed.
const leastMemory = 24 << 20

// growth is how much garbage there may be beside what is in use, in percent:
// twice Go's default, since the limit bounds it anyway. Measured: a tenth less
// CPU for a backfill.
const growth = 200

// memoryLimit is a --memory-limit.
type memoryLimit string

// check gives the limit in bytes.
func (m memoryLimit) check() (int64, error) {
	n, err := humanize.ParseBytes(string(m))
	if err != nil || n < leastMemory || n > 1<<50 {
		return 0, fmt.Errorf("%w: --memory-limit is %q, must be a size of 24MiB or more, such as %s", errUsage, string(m), defaultMemoryLimit)
	}
	return int64(n), nil
}

// apply sets the limits of this process, but for those that the environment has
// set already: GOMEMLIMIT and GOGC are Go's own.
func (m memoryLimit) apply(env environment) error {
	limit, err := m.check()
	if err != nil {
		return err
	}
	if env.get("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
	if env.get("GOGC") == "" {
		debug.SetGCPercent(growth)
	}
	return nil
}
