// Package record is what flows from the source to the destination: one record
// of a RESO resource, the batches and groups in which records are written, and
// the mark that says how far a stream has come.
//
// It knows neither HTTP nor SQL. Values are immutable once handed on, unless a
// field says otherwise; nothing here is safe for concurrent writing.
package record
