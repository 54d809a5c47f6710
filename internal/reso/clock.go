package reso

import (
	"net/http"
	"time"
)

// reading is what the source's clock showed, and when that was by ours.
type reading struct{ source, own time.Time }

// note reads the clock that an answer carries.
func (c *Client) note(h http.Header) {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		c.date.Store(&reading{source: at.UTC(), own: time.Now()})
	}
}

// Clock gives the source's time, by the Date of its last answer; ok is false as
// long as it has not told any. It is exact to a second and the way of an answer.
func (c *Client) Clock() (now time.Time, ok bool) {
	r := c.date.Load()
	if r == nil {
		return time.Time{}, false
	}
	return r.source.Add(time.Since(r.own)), true
}
