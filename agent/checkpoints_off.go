//go:build nocheckpoints

package agent

// keepsCheckpoints: this build leaves the groups of children out of the state
// file. It is made by the benchmarks alone, to see what checkpoints cost.
const keepsCheckpoints = false
