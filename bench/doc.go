// Package bench measures the agent against what PostgreSQL can take, and against
// the service that it replaces, on the same data, the same machine and in the
// same run: only ratios within one run mean anything.
//
// It is a test, so that it has the throwaway server and the simulator of the
// tests. 'go test ./...' runs it in small, as proof that it works; 'make bench'
// in full, and writes docs/BENCHMARKS.md and its plot. Nothing in it fails for
// being slow.
package bench
