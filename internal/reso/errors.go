package reso

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error is a fault of the source.
type Error struct {
	Resource string
	Status   int    // HTTP status; 0: the connection or the body broke
	Code     string // of the OData error body, if there was one
	Message  string
	Cause    error

	header    http.Header // of the answer, if there was one
	most      int         // records of a page, where the error names so many
	html      bool        // the answer is a page of HTML: not the source's own
	served    bool        // the source has served other questions
	wait      time.Duration
	hasWait   bool
	permanent bool // although there is no status
	kind      string
}

func (e *Error) Error() string {
	if hint := e.hint(); hint != "" {
		return e.Answer() + "; " + hint
	}
	return e.Answer()
}

// Answer is what the source said, without advice.
func (e *Error) Answer() string {
	var b strings.Builder
	fmt.Fprintf(&b, "read %s", e.Resource)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": HTTP %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Code != "" {
		fmt.Fprintf(&b, ", code %s", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Cause }

// Temporary reports whether trying the same again can help. A 4xx other than
// 408 and 429 stays wrong however often it is asked; so does 501.
func (e *Error) Temporary() bool {
	switch {
	case e.permanent:
		return false
	case e.Status == 0, e.Status == http.StatusRequestTimeout, e.Status == http.StatusTooManyRequests:
		return true
	}
	return e.Status >= 500 && e.Status != http.StatusNotImplemented
}

// Kind names the error for counting: throttled, server_error, refused,
// connection, stalled or broken_answer.
func (e *Error) Kind() string {
	switch {
	case e.Throttled():
		return "throttled"
	case e.Status >= 500, e.Status == http.StatusRequestTimeout:
		return "server_error"
	case e.Status != 0:
		return "refused"
	case e.kind != "":
		return e.kind
	}
	return "broken_answer"
}

// Throttled reports whether the source asks for less.
func (e *Error) Throttled() bool { return e.Status == http.StatusTooManyRequests }

// RetryAfter is how long the source itself asks to wait.
func (e *Error) RetryAfter() (time.Duration, bool) { return e.wait, e.hasWait }

// TokenRefused reports whether the source does not know the token.
func (e *Error) TokenRefused() bool { return e.Status == http.StatusUnauthorized }

// Absent reports whether the answer says that nothing is there: no such resource, or,
// as some sources have it, nothing in a list.
func (e *Error) Absent() bool {
	switch e.Status {
	case http.StatusNotFound, http.StatusGone, http.StatusNoContent:
		return true
	}
	return false
}

// Refused reports whether the source understood the question and will not
// answer it, as some do with a count. A token that is refused is another thing.
func (e *Error) Refused() bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return false
	}
	return e.Status >= 400 && !e.Temporary()
}

// PageLimit is the most records of a page that the source says it allows; 0: it
// does not say.
func (e *Error) PageLimit() int { return e.most }

func (e *Error) hint() string {
	switch e.Status {
	case http.StatusUnauthorized:
		return "check the feed's token"
	case http.StatusForbidden:
		return "the token or this host may not read this; ask the provider"
	case http.StatusNotFound:
		if !e.served {
			return "check --source-url"
		}
	}
	return ""
}

// mostAsked is the longest pause that is believed: quotas are by the second, the
// hour, the day, and now and then the week. More is no request but a mistake.
const mostAsked = 8 * 24 * time.Hour

// retryAfter reads the headers that name a pause, the vendor's own and the
// standard's: the longer one holds. A date is compared with the answer's own, so
// that it does not matter whose clock is wrong.
func retryAfter(h http.Header, now time.Time) (wait time.Duration, ok bool) {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		now = at
	}
	for _, name := range []string{"X-Rate-Limit-Retry-After-Seconds", "Retry-After"} {
		text := strings.TrimSpace(h.Get(name))
		var asked time.Duration
		if s, err := strconv.ParseFloat(text, 64); err == nil {
			if !(s >= 0 && s <= mostAsked.Seconds()) { // so written, it refuses what is no number as well
				continue
			}
			asked = time.Duration(s * float64(time.Second))
		} else if at, err := http.ParseTime(text); err == nil {
			asked = max(0, at.Sub(now))
		} else {
			continue
		}
		if asked <= mostAsked {
			wait, ok = max(wait, asked), true
		}
	}
	return wait, ok
}
