package reso

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// statusError reads what an answer other than 200 says.
func statusError(resource string, r *http.Response, clock *stallClock, secret secrets) *Error {
	e := &Error{Resource: resource, Status: r.StatusCode, header: r.Header}
	e.wait, e.hasWait = retryAfter(r.Header, time.Now())
	if r.StatusCode >= 300 && r.StatusCode < 400 {
		e.Message = "the source redirects " + whereTo(r) + ", which is not followed because the token would go there"
		return e
	}
	clock.start()
	text, _ := io.ReadAll(io.LimitReader(r.Body, maxEnvelope)) // what came is better than nothing
	_ = clock.stop(len(text))
	e.html = strings.Contains(r.Header.Get("Content-Type"), "html") || strings.HasPrefix(strings.TrimSpace(string(text)), "<")
	if r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden {
		// Who is refused for a token is often told which one. Nothing that the agent
		// could say for itself is lost with it.
		return e
	}
	e.read(text, secret)
	return e
}

// whereTo says where a redirect leads, without a word of the source's own: the
// addresses of pages to log in to carry all kinds of things.
func whereTo(r *http.Response) string {
	from := r.Request.URL
	to, err := url.Parse(r.Header.Get("Location"))
	if err != nil || r.Header.Get("Location") == "" {
		return "to nowhere"
	}
	to = from.ResolveReference(to)
	switch {
	case origin(to) == origin(from):
		return "to another path of the same host"
	case to.Hostname() == from.Hostname() && to.Scheme == "https":
		return "to the same host by https"
	case to.Hostname() == from.Hostname():
		return "to another port or scheme of the same host"
	}
	return "to another host"
}

// read takes over what an error's body says, in one of the forms that there are,
// or the beginning of anything else.
func (e *Error) read(text []byte, secret secrets) {
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	code, message, ok := errorBody(text)
	if !ok {
		e.Message = clip(secret.hide(string(text)), 120)
		return
	}
	e.most = mostNamed(message)
	e.Code, e.Message = clip(secret.hide(code), 40), clip(secret.hide(message), 300)
}

// errorBody reads an error of OData, of version 4 or before, or one of the
// simpler kinds: {"error": {...}}, {"odata.error": {...}}, {"error": "text"},
// {"message": "text"}. Codes may be numbers, messages may have a language.
func errorBody(text []byte) (code, message string, ok bool) {
	var doc any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&doc) != nil {
		return "", "", false
	}
	if _, number := doc.(json.Number); number || decoder.More() {
		return "", "", false // a text that happens to begin like JSON
	}
	whole, _ := doc.(map[string]any)
	inner := member(whole, "error", "odata.error", "errors", "fault")
	if inner == nil {
		inner = doc
	}
	fields, isObject := inner.(map[string]any)
	if !isObject {
		fields = whole // beside {"error": "text"} there may be more
		message = said(inner)
	}
	code = scalar(member(fields, "code", "error_code", "status"))
	message = sentences(message, said(member(fields, "message", "error_description", "title")), said(member(fields, "detail", "description")),
		said(member(fields, "details")), said(member(fields, "innererror")))
	return code, message, code+message != ""
}

// member is the first of the members that is there, by names in any case.
func member(object map[string]any, names ...string) any {
	for _, name := range names {
		for n, v := range object {
			if strings.EqualFold(n, name) && v != nil {
				return v
			}
		}
	}
	return nil
}

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// said is the text in a part of an error: it may be text itself, an object with a
// message, or a list of either.
func said(v any) string {
	switch v := v.(type) {
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, said(one))
		}
		return sentences(all...)
	case map[string]any:
		return sentences(said(member(v, "message", "value", "description", "detail")), said(member(v, "details", "innererror")))
	}
	return scalar(v)
}

// sentences puts texts behind each other that do not say the same.
func sentences(texts ...string) string {
	var kept []string
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if text != "" && !slices.ContainsFunc(kept, func(k string) bool { return strings.Contains(k, text) }) {
			kept = append(kept, text)
		}
	}
	return strings.Join(kept, ": ")
}

// mostNamed is the number of records that an error names as a page's maximum, 0
// for none: "The limit of '1000' for Top query has been exceeded. The value from
// the incoming request is '5000'", "$top must be at most 1000".
func mostNamed(message string) (most int) {
	if !regexp.MustCompile(`(?i)\btop\b|page.?size|records|results|\brows\b`).MatchString(message) {
		return 0
	}
	named := regexp.MustCompile(`(?i)(?:at most|no more than|(?:more|greater|larger|higher) than|maximum|\bmax|limit|exceed\w*|less than or equal to|up to|between\s+[0-9]+\s+and|<=?)` +
		`[^0-9]{0,40}?([0-9][0-9,]*)`)
	for _, found := range named.FindAllStringSubmatch(message, -1) {
		n, err := strconv.Atoi(strings.ReplaceAll(found[1], ",", ""))
		if err == nil && n > 1 && (most == 0 || n < most) {
			most = n
		}
	}
	return most
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

// errorInAnswer is an error that stands in an answer with status 200.
func errorInAnswer(resource string, raw []byte, secret secrets) *Error {
	e := &Error{Resource: resource}
	e.read(fmt.Appendf(nil, `{"error":%s}`, raw), secret)
	e.Message = "an error with status 200: " + e.Message
	return e
}
