// Package agent keeps a complete, current copy of a RESO Web API feed in a
// database. It is the sync protocol and its public face: Open an Agent with a
// Config, Sync a selection of streams, ask for the Status of a state directory
// at any time, also while another process syncs.
//
// # Guarantees
//
// Every record is delivered at least once and takes effect exactly once, and
// nothing is dropped silently: after a crash of any part at any moment, syncing
// again ends with the same rows as a run that never crashed.
//
// # Protocol
//
// Properties come first, then their keys are complete, then the children; a
// child is written only if its parent is among the keys. Each stream is walked
// by (timestamp, key). Because records come in that order, every record is a
// place to resume from.
//
// A group of batches is stored in two steps, never the other way round:
//
//  1. one transaction in the destination: rows, rejects, orphans, and the
//     stream's new mark with the next sequence number;
//  2. one transaction in the state file: the parent keys and the same state.
//
// A crash before 1 loses the group: it is fetched again. A crash between the
// two leaves the state file one behind: the group is fetched again and found
// unchanged. So the older of the two always tells the truth about both.
//
// # Concurrency
//
// An Agent does one Sync at a time. Its events come from the goroutine that
// caused them: an observer must be safe for concurrent use.
package agent
