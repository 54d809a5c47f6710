package simulator

import (
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answeredByFault gives the whole answer where a fault wants to.
func (x *exchange) answeredByFault() bool {
	for _, f := range x.active {
		switch f.Kind {
		case Throttled:
			x.throttle(f)
		case Status:
			code := or(f.Status, http.StatusServiceUnavailable)
			x.refuse(&refusal{code, strconv.Itoa(code), http.StatusText(code)})
		case StatusHTML:
			x.html(or(f.Status, http.StatusForbidden))
		case Redirect:
			x.writer.Header().Set("Location", f.Target+x.request.URL.RequestURI())
			x.status(or(f.Status, http.StatusFound))
		case ErrorBody:
			x.document(http.StatusOK, errorBody(&refusal{0, "1111", "An error has occurred."}))
		case HTMLBody:
			x.html(http.StatusOK)
		case EmptyBody:
			x.document(http.StatusOK, nil)
		case NoValue:
			x.document(http.StatusOK, []byte(`{"@odata.context":"$metadata"}`))
		case Reset:
			x.reset()
		case Echo:
			x.echo(f)
		case GzipBomb:
			x.bomb(or(f.Bytes, 1<<30))
		case Flood:
			x.flood(f)
		default:
			continue
		}
		return true
	}
	return false
}

func or(value, usual int) int {
	if value == 0 {
		return usual
	}
	return value
}

func (x *exchange) throttle(f Fault) {
	seconds := strconv.Itoa(int((f.Wait + time.Second - 1) / time.Second))
	h := x.writer.Header()
	switch f.Hint {
	case HintProvider:
		h.Set("X-Rate-Limit-Retry-After-Seconds", seconds)
	case HintSeconds:
		h.Set("Retry-After", seconds)
	case HintDate:
		h.Set("Retry-After", x.simulator.world.options.Now().Add(f.Wait).UTC().Format(http.TimeFormat))
	}
	x.remaining = 0
	code := or(f.Status, http.StatusTooManyRequests)
	x.refuse(&refusal{code, strconv.Itoa(code), "Rate limit exceeded."})
}

// echo answers with what the request's Authorization header holds.
func (x *exchange) echo(f Fault) {
	said := Spelled(f.Target, x.request.Header.Get("Authorization"))
	status := or(f.Status, http.StatusForbidden)
	switch f.Target {
	case EchoHTML:
		x.header("text/html; charset=utf-8")
		x.status(status)
		x.send(x.writer, []byte("<html><body>"+html.EscapeString(said)+" is refused</body></html>"))
	case EchoLocation:
		x.writer.Header().Set("Location", "https://login.example/?denied="+url.QueryEscape(said))
		x.status(or(f.Status, http.StatusFound))
	case EchoUnasked:
		x.unasked(said)
	case EchoRecords:
		x.document(http.StatusOK, x.echoRecords(said))
	default:
		x.document(status, errorBody(&refusal{0, said, "The header Authorization: " + said + " is refused."}))
	}
}

// unasked sends an empty page and, once its reader is done with it, a text.
func (x *exchange) unasked(text string) {
	connection, _, err := http.NewResponseController(x.writer).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer connection.Close() //nolint:errcheck // nothing is left to be said
	const page = `{"value":[]}`
	_, _ = fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(page), page)
	select {
	case <-time.After(50 * time.Millisecond): // until the client has put the connection aside
	case <-x.simulator.closing:
	}
	_, _ = io.WriteString(connection, text)
	// Whoever still listens hangs up.
	_ = connection.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = io.Copy(io.Discard, connection)
}

// Spelled is a text in one of the forms of Echo.
func Spelled(form, text string) string {
	each := func(format string) string {
		var b strings.Builder
		for i := range len(text) {
			fmt.Fprintf(&b, format, text[i])
		}
		return b.String()
	}
	switch form {
	case EchoPercent:
		return each("%%%02x")
	case EchoCut:
		return text[min(len(text), len("Bearer ")+2):max(len(text)-2, 0)]
	case EchoUpper:
		return strings.ToUpper(text)
	case EchoEntities:
		return each("&#x%x;")
	case EchoEscapes:
		return each(`\u%04x`)
	case EchoBase64:
		return base64.StdEncoding.EncodeToString([]byte(text))
	}
	return text
}

// echoRecords is a page of records with a text in them, none of which is good.
func (x *exchange) echoRecords(said string) []byte {
	def := x.simulator.resources[x.entry.Resource]
	if def == nil {
		return []byte(`{"value":[]}`)
	}
	quoted := string(appendString(nil, said))
	record := func(key, stamp, more string) string {
		parent := ""
		if def.parent != "" {
			parent = `,"` + def.parent + `":"P1"`
		}
		return `{"` + def.key + `":` + key + `,"` + def.stamps[0] + `":` + stamp + parent + `,"Remarks":` + quoted + more + `}`
	}
	const at = `"2024-01-01T00:00:00Z"`
	return []byte(`{"value":[` + strings.Join([]string{
		record(`"BADSTAMP"`, quoted, ""), record(quoted, at, ""), record(`"NOJSON"`, at, ","), quoted,
	}, ",") + `]}`)
}

// spoil applies the faults that change which rows a page has.
func (x *exchange) spoil(p page) page {
	if f, ok := x.active.find(SamePage); ok && f.strike != nil {
		x.simulator.faultMu.Lock()
		if f.strike.held == nil {
			held := p
			f.strike.held = &held
		}
		p.rows, p.more = f.strike.held.rows, f.strike.held.more
		x.simulator.faultMu.Unlock()
	}
	if _, ok := x.active.find(EmptyPage); ok {
		p.rows, p.more = nil, false
	}
	if _, ok := x.active.find(EmptyPageLink); ok {
		p.rows, p.more = nil, true
		p.token = "empty-" + strconv.Itoa(x.entry.Number)
	}
	if _, ok := x.active.find(LinkLoop); ok {
		p.rows, p.more, p.token = nil, true, "there"
		if strings.Contains(x.request.URL.RawQuery, "$skiptoken=there") {
			p.token = "back"
		}
	}
	if _, ok := x.active.find(Duplicate); ok {
		var rows []record
		for i, r := range p.rows {
			rows = append(rows, r)
			if i%3 == 0 {
				rows = append(rows, r)
			}
		}
		p.more = p.more || len(p.rows) > 1
		p.rows = rows[:len(p.rows)]
	}
	if _, ok := x.active.find(Disorder); ok {
		p.rows = slices.Clone(p.rows)
		slices.Reverse(p.rows)
	}
	return p
}
