package simulator

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// exchange is one request on its way to its answer.
type exchange struct {
	simulator *Simulator
	writer    http.ResponseWriter
	request   *http.Request
	entry     *Request
	faults    Faults // as they were when the request came
	active    active
	feed      Feed
	remaining int
}

// ServeHTTP answers a request under any prefix: the last part of the path
// names the resource.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resource, rest := s.splitPath(r.URL.Path)
	x := s.begin(w, r, resource)
	if !x.wait() {
		return
	}
	if x.faults.ClockOffset != 0 {
		w.Header().Set("Date", time.Now().Add(x.faults.ClockOffset).UTC().Format(http.TimeFormat))
	}
	if x.answeredByFault() {
		return
	}
	if problem := x.answer(resource, rest); problem != nil {
		x.refuse(problem)
	}
}

// begin records the request and finds out which faults hit it.
func (s *Simulator) begin(w http.ResponseWriter, r *http.Request, resource string) *exchange {
	x := &exchange{simulator: s, writer: w, request: r, feed: s.feedOf(r)}
	now := s.world.options.Now()
	s.requestMu.Lock()
	x.entry = s.log.add(r, resource, now)
	number := x.entry.Number
	x.entry.Feed = x.feed
	if minute := now.Truncate(time.Minute); !minute.Equal(s.minute) {
		s.minute, s.used = minute, 0
	}
	s.used++
	used := s.used
	s.requestMu.Unlock()

	s.faultMu.Lock()
	for _, strike := range s.faults.Strikes {
		if strike.hitsRequest(r, resource) {
			fault := strike.Fault
			fault.strike = strike
			x.active = append(x.active, fault)
		}
	}
	x.faults = s.faults
	s.faultMu.Unlock()

	if x.faults.OnRequest != nil {
		x.faults.OnRequest(number, r)
	}
	if x.faults.Hook != nil {
		x.active = append(x.active, x.faults.Hook(number, r)...)
	}
	const usualPerMinute = 60_000
	limit := usualPerMinute
	if x.faults.RequestsPerMinute > 0 {
		limit = x.faults.RequestsPerMinute
		if used > limit {
			left := s.minuteEnd(now)
			x.active = append(x.active, Fault{Kind: Throttled, Wait: left})
		}
	}
	x.remaining = max(limit-used, 0)
	x.log(func(e *Request) {
		for _, f := range x.active {
			e.Faults = append(e.Faults, f.Kind)
		}
	})
	return x
}

func (s *Simulator) minuteEnd(now time.Time) time.Duration {
	return now.Truncate(time.Minute).Add(time.Minute).Sub(now)
}

func (x *exchange) log(change func(*Request)) {
	x.simulator.requestMu.Lock()
	defer x.simulator.requestMu.Unlock()
	change(x.entry)
}

// status sends the header of the answer.
func (x *exchange) status(code int) {
	x.simulator.requestMu.Lock()
	x.entry.Status = code
	x.simulator.log.counters.ByStatus[code]++
	x.simulator.requestMu.Unlock()
	x.writer.WriteHeader(code)
}

func (s *Simulator) feedOf(r *http.Request) Feed {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	s.faultMu.Lock()
	issued := s.faults.Tokens
	s.faultMu.Unlock()
	for feed, valid := range map[Feed]string{IDX: s.world.options.IDXToken, VOW: s.world.options.VOWToken} {
		if another := issued[feed]; another != "" {
			valid = another
		}
		if token == valid {
			return feed
		}
	}
	return ""
}

// wait lets the latency pass; false if the client has gone meanwhile.
func (x *exchange) wait() bool {
	if x.faults.Latency <= 0 {
		return true
	}
	timer := time.NewTimer(x.faults.Latency)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.request.Context().Done():
		return false
	case <-x.simulator.closing:
		return true
	}
}

// answer does what a healthy server would do, and gives rows to those faults
// that spoil them.
func (x *exchange) answer(resource, rest string) *refusal {
	f, r := &x.faults, x.request
	if !f.AllowAnyUserAgent && strings.HasPrefix(r.UserAgent(), "Go-http-client/") {
		x.html(http.StatusForbidden)
		return nil
	}
	switch {
	case f.MaxURL > 0 && len(r.RequestURI) > f.MaxURL:
		return refuse(http.StatusRequestURITooLong, "The request URI is too long.")
	case x.feed == "":
		return &refusal{http.StatusUnauthorized, "401", "Access token is missing or invalid."}
	case x.feed == f.FeedDown:
		return &refusal{http.StatusServiceUnavailable, "503", "Service Unavailable"}
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return refuse(http.StatusMethodNotAllowed, "The method %s is not allowed.", r.Method)
	}
	options, problem := decodeQuery(r.URL.RawQuery)
	if problem != nil {
		return problem
	}
	x.log(func(e *Request) { e.Query = options })
	switch {
	case resource != "" && strings.Trim(rest, "/") == "":
		return x.rows(x.simulator.resources[resource], options)
	case resource != "":
		return unsupported("the path " + resource + rest)
	case rest == "$metadata":
		x.metadata()
		return nil
	case rest == "":
		x.serviceDocument()
		return nil
	}
	return &refusal{http.StatusNotFound, "404", "Resource not found for the segment '" + rest + "'."}
}

// rows answers a query on a resource.
func (x *exchange) rows(def *resource, options map[string]string) *refusal {
	q, problem := parseQuery(options, def, x.feed)
	if problem != nil {
		return problem
	}
	if problem := x.checkDialect(q); problem != nil {
		return problem
	}
	p := x.find(q)
	if status := x.faults.EmptyList; status != 0 && len(p.rows) == 0 && (!q.count || (p.total == 0 && !x.faults.EmptyCount)) {
		return &refusal{status, strconv.Itoa(status), "There is nothing."}
	}
	x.log(func(e *Request) { e.Rows = len(p.rows) })
	x.simulator.requestMu.Lock()
	x.simulator.log.counters.Rows += len(p.rows)
	x.simulator.requestMu.Unlock()
	x.sendPage(q, p)
	return nil
}

// checkDialect refuses what the server is told not to understand.
func (x *exchange) checkDialect(q *query) *refusal {
	f := &x.faults
	if q.count && f.CountRefused != 0 {
		return refuse(f.CountRefused, "$count is unsupported")
	}
	if f.WholeTop > 0 && q.selected == nil && q.top > f.WholeTop {
		return malformed("The limit of '%d' for Top query has been exceeded. The value from the incoming request is '%d'.", f.WholeTop, q.top)
	}
	if q.selected != nil && f.SelectRefused != 0 {
		return refuse(f.SelectRefused, "$select is unsupported")
	}
	if f.NoIn != 0 && uses(q.filter, func(e expression) bool { _, ok := e.(inExpr); return ok }) {
		return refuse(f.NoIn, "the operator in is unsupported")
	}
	fraction := func(e expression) bool {
		c, ok := e.(compareExpr)
		return ok && c.value.kind == kindTime && strings.Contains(c.value.text, ".")
	}
	if f.RejectFractions && uses(q.filter, fraction) {
		return malformed("The timestamp in the filter is not valid.")
	}
	return nil
}

// uses says whether any part of an expression is of a kind.
func uses(e expression, is func(expression) bool) bool {
	switch e := e.(type) {
	case nil:
		return false
	case andExpr:
		for _, term := range e {
			if uses(term, is) {
				return true
			}
		}
	case orExpr:
		for _, term := range e {
			if uses(term, is) {
				return true
			}
		}
	case notExpr:
		return uses(e.of, is)
	}
	return is(e)
}

// find selects the rows, as spoilt as the faults want them.
func (x *exchange) find(q *query) page {
	s := x.simulator
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.tables[q.def.name]
	p := s.search(t, q, &x.faults, uint64(x.entry.Number)).run()
	if q.count && !x.faults.CountAbsent {
		p.total = max(s.count(t, q, &x.faults)+x.faults.CountDelta, 0)
	}
	return x.spoil(p)
}

// linkPlacement is where the next link of a page stands.
func (x *exchange) linkPlacement() Placement {
	if _, ok := x.active.find(EmptyPageLink, LinkLoop); ok && x.faults.NextLink == NoNextLink {
		return NextLinkAfter
	}
	return x.faults.NextLink
}

func (x *exchange) nextLink(q *query, p page) string {
	if x.linkPlacement() == NoNextLink || !p.more {
		return ""
	}
	host := x.faults.NextLinkHost
	switch {
	case x.faults.NextLinkRelative:
		host = ""
	case host == "" && x.request.TLS != nil:
		host = "https://" + x.request.Host
	case host == "":
		host = "http://" + x.request.Host
	}
	var parts []string
	for part := range strings.SplitSeq(x.request.URL.RawQuery, "&") {
		name, _, _ := strings.Cut(strings.ReplaceAll(part, "%24", "$"), "=")
		if part != "" && name != "$skip" && name != "$skiptoken" {
			parts = append(parts, part)
		}
	}
	parts = append(parts, "$skip="+strconv.Itoa(q.skip+len(p.rows)))
	if p.token != "" {
		parts = append(parts, "$skiptoken="+p.token)
	}
	return host + x.request.URL.EscapedPath() + "?" + strings.Join(parts, "&")
}
