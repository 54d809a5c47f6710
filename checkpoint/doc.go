// Package checkpoint is the agent's state file: where each stream stands, how
// far the pass under way has come, and the journal of finished runs, in one
// bbolt database.
//
// The file can always be rebuilt from the destination, which holds the same
// marks; losing it costs a scan of the destination's keys, never a record.
// Values are JSON behind a checksum, because bbolt has none on its data pages:
// a value that does not match is reported as damage and never used.
//
// A second process cannot open the file while one has it open, not even to
// read: Open gives ErrLocked, and the way to ask is the running agent's socket.
//
// All methods may be called concurrently.
package checkpoint
