//go:build crashpoints

package crashpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
)

// passed counts how often the chosen point was passed. This build is for tests
// alone, and a process has one point.
var (
	mu     sync.Mutex
	passed int
)

// At kills the process if the environment says so.
func At(point string) {
	chosen, times, _ := strings.Cut(os.Getenv(Variable), ":")
	if chosen != point {
		return
	}
	n, err := strconv.Atoi(times)
	if err != nil {
		n = 1
	}
	mu.Lock()
	defer mu.Unlock()
	if passed++; passed < n {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err) // dead is what counts
	}
	select {}
}
