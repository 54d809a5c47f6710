// Package postgres writes to a PostgreSQL destination (13 or newer, also behind
// PgBouncer in transaction mode).
//
// One group of batches is one transaction, together with the stream's new mark:
// either all of it is there or nothing. Commit makes one attempt; what may be
// tried again says so by its Temporary method.
//
// Behind a pooler nothing outlives a transaction: no named statements, no
// session settings, no session locks. Table names are always qualified.
package postgres
