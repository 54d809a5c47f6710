//go:build !nocheckpoints

package agent

// keepsCheckpoints is false only in a build that the benchmarks compare with.
const keepsCheckpoints = true
