// Package reso reads from a RESO Web API (OData v4, JSON).
//
// A page is decoded record by record while it arrives; nothing holds a whole
// page. Each call makes one attempt: what may be tried again says so by its
// Temporary and RetryAfter methods. The bearer token goes to the configured
// origin only: redirects are not followed, and a next link only where it leads
// to the same scheme, host and port. Paging goes by timestamp and key wherever
// it can, so that most links are not used at all.
package reso
