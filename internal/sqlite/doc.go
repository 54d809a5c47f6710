// Package sqlite writes to an embedded SQLite destination: one file, nothing to
// install. It keeps the same rows as a PostgreSQL destination, by the same
// protocol: one group is one transaction with the stream's new mark.
package sqlite
