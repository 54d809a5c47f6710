package reso

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Error is a fault of the source.
type Error struct {
	Resource string
	Status   int    // HTTP status; 0: the connection or the body broke
	Code     string // of the OData error body, if there was one
	Message  string
	Cause    error

	header    http.Header // of the answer, if there was one
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

// statusError reads what an answer other than 200 says.
func statusError(resource string, r *http.Response, clock *stallClock, secret secrets) *Error {
	e := &Error{Resource: resource, Status: r.StatusCode, header: r.Header}
	e.wait, e.hasWait = retryAfter(r.Header, time.Now())
	if r.StatusCode >= 300 && r.StatusCode < 400 {
		e.Message = fmt.Sprintf("the source redirects to %.200q, which is not followed because the token would go there", secret.hide(r.Header.Get("Location")))
		return e
	}
	clock.start()
	text, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10)) // what came is better than nothing
	_ = clock.stop(len(text))
	e.html = strings.Contains(r.Header.Get("Content-Type"), "html") || strings.HasPrefix(strings.TrimSpace(string(text)), "<")
	e.Code, e.Message = errorBody(text, secret)
	return e
}

// errorBody reads an OData error, or shows the beginning of anything else.
func errorBody(text []byte, secret secrets) (code, message string) {
	var doc struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	if err := json.Unmarshal(text, &doc); err == nil && doc.Error.Code+doc.Error.Message != "" {
		return clip(secret.hide(doc.Error.Code), 40), clip(secret.hide(doc.Error.Message), 300)
	}
	return "", clip(secret.hide(string(text)), 120)
}

// clip makes a foreign text fit one line of a log.
func clip(s string, n int) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}

// broken is an answer with status 200 that is not what was asked for.
func broken(resource string, cause error, secret secrets) error {
	var e *Error
	if errors.As(cause, &e) {
		return cause
	}
	kind := ""
	if errors.Is(cause, errStalled) {
		kind = "stalled"
	}
	return &Error{
		Resource: resource, Message: clip(secret.hide(cause.Error()), 300), Cause: cause, kind: kind,
		// What is too large will be too large again.
		permanent: errors.Is(cause, errTooLarge),
	}
}
