// Package simulator is a RESO Web API (OData v4, JSON) in one http.Handler: a
// made-up MLS with listings, photos, rooms and open houses, and with whatever
// else Options.Extra adds, which behaves the way the PropTx/AMPRE service is
// known to behave, and misbehaves on request.
//
// Rows are not stored. A row is sixteen bytes (timestamp, parent, ordinal,
// flags); everything else about it, its key included, is computed from the
// seed when it is asked for. The same Options therefore always give the same
// rows, and a million photos cost some tens of megabytes.
//
// What the simulator knows to be true can be read beside the API with
// Simulator.Each and Simulator.Count, so that a copy made over the API can be
// compared with what it should have been.
//
// The package imports nothing else of this project: it is built from what the
// source does, never from what the project's own client happens to send.
package simulator
