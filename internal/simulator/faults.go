package simulator

import (
	"net/http"
	"slices"
	"time"
)

// Faults is how the server behaves. The zero value is a healthy one. It is
// changed at run time with Simulator.Set, and holds for requests that begin
// afterwards.
type Faults struct {
	// Collation is the order of keys within one timestamp.
	Collation Collation
	// FilterByBytes compares keys by their bytes in filters, whatever their order is.
	FilterByBytes bool
	// Precision is how exact the sync timestamps are.
	Precision Precision
	// Notation is how timestamps are written.
	Notation Notation
	// PageCap is the most rows a page has, whatever $top says; 0 for no cap.
	PageCap int
	// WholeTop is the largest $top that is taken without $select; 0 for no such limit.
	WholeTop int
	// TopIgnored sends whatever there is, also with $top=0.
	TopIgnored bool
	// NextLink says where @odata.nextLink stands, if anywhere.
	NextLink Placement
	// NextLinkHost is the scheme and host of next links; empty for the one
	// that the request came to.
	NextLinkHost string
	// NextLinkRelative writes next links without scheme and host.
	NextLinkRelative bool
	// RejectFractions refuses filters whose timestamps have a fraction.
	RejectFractions bool
	// NoIn is the status that refuses the operator in; 0 supports it.
	NoIn int
	// SelectRefused is the status that refuses $select; 0 supports it.
	SelectRefused int
	// ClockOffset is how far the Date header is ahead of the time.
	ClockOffset time.Duration
	// CountRefused is the status that refuses $count=true; 0 supports it.
	CountRefused int
	// CountDelta is added to every count.
	CountDelta int
	// EmptyList is the status of an answer that would have no rows, or of a count
	// that would be 0; 0 sends them as they are.
	EmptyList int
	// EmptyCount leaves counts of 0 out of that.
	EmptyCount bool
	// CountAbsent leaves @odata.count out.
	CountAbsent bool
	// ByteOrderMark puts the mark of UTF-8 before all JSON, as servers do that
	// write it as a text file.
	ByteOrderMark bool
	// Uncompressed answers without gzip, whatever the client takes.
	Uncompressed bool
	// Latency passes before each answer.
	Latency time.Duration
	// AllowAnyUserAgent lets Go's default User-Agent in; otherwise it gets
	// 403 and a page of HTML, as from the source's edge.
	AllowAnyUserAgent bool
	// Tokens are in place of those of Options, which get 401 then: the provider has
	// issued new ones.
	Tokens map[Feed]string
	// FeedDown answers the requests of one feed with 503.
	FeedDown Feed
	// RequestsPerMinute throttles what goes beyond it; 0 does not.
	RequestsPerMinute int
	// MaxURL refuses longer request URIs with 414; 0 does not.
	MaxURL int

	// Strikes are faults that hit some requests. A request may be hit by
	// several; the first that gives the whole answer wins.
	Strikes []*Strike
	// Hook returns further faults for a request, whose number starts at 1. It
	// may call the Simulator.
	Hook func(number int, r *http.Request) []Fault
	// OnRequest is called before a request is looked at. It may call the
	// Simulator, for example to change rows between two pages.
	OnRequest func(number int, r *http.Request)
}

// Precision is how exact the sync timestamps are.
type Precision int

// The precisions.
const (
	// WholeSeconds filters by and prints whole seconds.
	WholeSeconds Precision = iota
	// Microseconds filters by and prints up to six digits.
	Microseconds
	// HiddenMicroseconds filters and orders by microseconds but prints whole
	// seconds, so that a printed timestamp cannot be told from its neighbours.
	HiddenMicroseconds
	// RoundedMilliseconds filters and orders by microseconds but prints milliseconds,
	// rounded: a printed timestamp may lie behind the one that is filtered by.
	RoundedMilliseconds
)

// Notation is how timestamps are written. OData's grammar allows all of these.
type Notation int

// The notations.
const (
	// FullTimes is 2024-01-02T03:04:00Z.
	FullTimes Notation = iota
	// JavaTimes leaves seconds out that are zero, as OffsetDateTime does.
	JavaTimes
	// SmallLetters writes t and z.
	SmallLetters
	// Offsets writes each time in a zone of its own, as -05:00 or +05:30.
	Offsets
)

// Placement is where a next link stands in a page.
type Placement int

// The placements.
const (
	NoNextLink Placement = iota
	NextLinkAfter
	NextLinkBefore
	// NextLinkHeader is a Link header and no member of the document.
	NextLinkHeader
)

// Kind names a fault.
type Kind string

// Faults that give the whole answer.
const (
	// Throttled is 429 (or Fault.Status); Hint and Wait say what the header advises.
	Throttled Kind = "throttled"
	// Status is any other status with OData's error body: Fault.Status.
	Status Kind = "status"
	// StatusHTML is a status with a page of HTML (default 403).
	StatusHTML Kind = "status html"
	// Redirect is 302 (or Fault.Status) to the same path at Fault.Target, a
	// scheme and host.
	Redirect Kind = "redirect"
	// ErrorBody, HTMLBody, EmptyBody and NoValue are 200 without rows: with an
	// OData error, HTML, nothing, or a document without "value".
	ErrorBody Kind = "error body"
	HTMLBody  Kind = "html body"
	EmptyBody Kind = "empty body"
	NoValue   Kind = "no value"
	// Reset ends the connection with a TCP reset before any answer.
	Reset Kind = "reset"
	// Echo is a status (default 403) whose OData error repeats the request's
	// Authorization header, as servers do that are left in a debugging mode.
	// Target says in which form: EchoJSON, EchoHTML, or EchoLocation for a
	// redirect that carries it, or one of the others for the same in another
	// spelling, in JSON. With Status 200 the document is no page either.
	Echo Kind = "echo"
	// GzipBomb is a small compressed body that grows to Fault.Bytes
	// (default 1 GiB).
	GzipBomb Kind = "gzip bomb"
	// Flood is a body that is Fault.Begin, Fault.Piece for Fault.Bytes (default
	// 1 GiB), and Fault.End, compressed where the client takes it. With Wait it is
	// never compressed, and sends a piece each Wait. The status is 200 or
	// Fault.Status.
	Flood Kind = "flood"
)

// The forms of Echo.
const (
	EchoJSON     = "json"
	EchoHTML     = "html"
	EchoLocation = "location"
	EchoPercent  = "percent"  // every character as an escape with small letters
	EchoCut      = "cut"      // without the first and the last characters
	EchoUpper    = "upper"    // in capital letters
	EchoEntities = "entities" // characters of HTML by number
	EchoEscapes  = "escapes"  // escapes of JSON, inside of JSON
	EchoBase64   = "base64"   // the whole header
	// EchoRecords is a page whose records hold it: one in a field, one in what
	// should be a timestamp, one in its key, and one that is no JSON.
	EchoRecords = "records"
	// EchoUnasked sends it behind an empty page, when nothing more was asked for.
	EchoUnasked = "unasked"
)

// Faults of the body of a page. Bytes are counted as sent, compressed or not;
// a negative number draws one from the seed and the request's number.
const (
	// SecondDocument sends the page twice in one body.
	SecondDocument Kind = "second document"
	// CutLength breaks off after Fault.Bytes of a body with Content-Length.
	CutLength Kind = "cut with length"
	// CutChunked breaks off after Fault.Bytes of a chunked body.
	CutChunked Kind = "cut chunked"
	// CutClean ends the body after Fault.Bytes as if it were whole.
	CutClean Kind = "cut clean"
	// Drip sends Fault.Bytes (default 16) at a time, Fault.Wait (default
	// 50 ms) apart.
	Drip Kind = "drip"
	// Stall sends Fault.Bytes, then nothing until the client or the simulator
	// closes. With 0 not even the header is sent.
	Stall Kind = "stall"
)

// Faults of the rows of a page.
const (
	// SamePage answers with the first page that the strike hit, for ever.
	SamePage Kind = "same page"
	// Disorder turns the rows of a page around.
	Disorder Kind = "disorder"
	// Duplicate sends each third row twice; the page keeps its length.
	Duplicate Kind = "duplicate"
	// EmptyPage is a page without rows, whatever there is.
	EmptyPage Kind = "empty page"
	// EmptyPageLink is a page without rows whose next link leads to the rows that
	// it should have had. It stands behind the rows if NextLink says nowhere.
	EmptyPageLink Kind = "empty page with a link"
	// LinkLoop is a page without rows whose next link leads to another, and that
	// one's back.
	LinkLoop Kind = "link loop"
)

// Hint is how a throttled answer says how long to wait.
type Hint int

// The hints.
const (
	// HintProvider is X-Rate-Limit-Retry-After-Seconds, as the source has it.
	HintProvider Hint = iota
	// HintSeconds and HintDate are the two forms of Retry-After.
	HintSeconds
	HintDate
	// HintNone says nothing.
	HintNone
)

// Fault is one thing that goes wrong. Which fields count depends on Kind.
type Fault struct {
	Kind   Kind
	Status int
	Hint   Hint
	Wait   time.Duration
	Bytes  int
	Target string

	Begin, Piece, End string

	strike *Strike
}

// Strike says which requests a fault hits: of those that Match (all if nil)
// and that name Resource (any if empty), the next Next, every Every-th and all
// after the first After. With Next, Every and After zero it hits all.
type Strike struct {
	Fault
	Match    func(*http.Request) bool
	Resource string
	Next     int
	Every    int
	After    int

	seen, hits int
	held       *page // what SamePage repeats
}

// Hits is how many requests the strike has hit. It is read inside
// Simulator.Set.
func (s *Strike) Hits() int { return s.hits }

// Strike adds a strike and returns it.
func (f *Faults) Strike(s Strike) *Strike {
	added := &s
	f.Strikes = append(f.Strikes, added)
	return added
}

// hitsRequest counts the request and says whether it is hit.
func (s *Strike) hitsRequest(r *http.Request, resource string) bool {
	if (s.Resource != "" && s.Resource != resource) || (s.Match != nil && !s.Match(r)) {
		return false
	}
	s.seen++
	hit := s.Next == 0 && s.Every == 0 && s.After == 0
	hit = hit || (s.Next > 0 && s.seen <= s.Next) ||
		(s.Every > 0 && s.seen%s.Every == 0) || (s.After > 0 && s.seen > s.After)
	if hit {
		s.hits++
	}
	return hit
}

// active is the faults that hit one request.
type active []Fault

func (a active) find(kinds ...Kind) (Fault, bool) {
	for _, f := range a {
		if slices.Contains(kinds, f.Kind) {
			return f, true
		}
	}
	return Fault{}, false
}
