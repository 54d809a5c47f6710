package pgtest

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"sync"
)

// Moment is when a proxy freezes: at a client's statement that has this text in it.
type Moment string

// InCopy is the moment when the server waits for the rows of a COPY that has begun.
const InCopy Moment = "\x00copy"

// EndOfCopy is the moment when the server has rows of a COPY and waits for more, or for its end.
const EndOfCopy Moment = "\x00end"

// Commit is the moment of a COMMIT.
const Commit Moment = "\x00commit"

// freezer holds up everything that goes through a proxy, in both directions, while every connection stays open: a
// stopped pooler, a server that hangs, a path that swallows packets.
type freezer struct {
	mu     *sync.Mutex
	thawed chan struct{} // is closed while nothing is frozen
	frozen chan struct{} // is closed once something has been
	at     []Moment
}

func newFreezer() freezer {
	open := make(chan struct{})
	close(open)
	return freezer{mu: new(sync.Mutex), thawed: open, frozen: make(chan struct{})}
}

// Freeze holds up everything from now on, also what new connections say.
func (p *Proxy) Freeze() {
	p.freezer.mu.Lock()
	defer p.freezer.mu.Unlock()
	p.freezer.freeze()
}

// FreezeAt does so at the next of these moments; what makes it does not reach the server.
func (p *Proxy) FreezeAt(moments ...Moment) {
	p.freezer.mu.Lock()
	defer p.freezer.mu.Unlock()
	p.freezer.at = moments
}

// Frozen is closed once the proxy has frozen for the first time.
func (p *Proxy) Frozen() <-chan struct{} { return p.freezer.frozen }

// Thaw lets everything go on that is held up.
func (p *Proxy) Thaw() {
	p.freezer.mu.Lock()
	defer p.freezer.mu.Unlock()
	select {
	case <-p.freezer.thawed:
	default:
		close(p.freezer.thawed)
	}
}

func (f *freezer) freeze() {
	f.at = nil
	select {
	case <-f.thawed:
		f.thawed = make(chan struct{})
	default:
	}
	select {
	case <-f.frozen:
	default:
		close(f.frozen)
	}
}

// wait passes when nothing is frozen.
func (f *freezer) wait() {
	f.mu.Lock()
	thawed := f.thawed
	f.mu.Unlock()
	<-thawed
}

// meet freezes if this is one of the moments.
func (f *freezer) meet(is func(Moment) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.at {
		if is(m) {
			f.freeze()
			return
		}
	}
}

// ask carries the client's messages. The first, which starts or cancels, has no type.
func (p *Proxy) ask(server io.Writer, client io.Reader) {
	first, prepared := true, make(map[string]string)
	for {
		header := make([]byte, 5)
		if first {
			header = header[:4]
		}
		first = false
		if _, err := io.ReadFull(client, header); err != nil {
			return
		}
		body := io.LimitReader(client, int64(binary.BigEndian.Uint32(header[len(header)-4:]))-4)
		if kind := header[0]; len(header) == 5 && strings.IndexByte("QPBdc", kind) >= 0 {
			text, err := io.ReadAll(body)
			if err != nil {
				return
			}
			p.freezer.meet(moment(kind, text, prepared))
			body = bytes.NewReader(text)
		}
		p.freezer.wait()
		if _, err := server.Write(header); err != nil {
			return
		}
		if _, err := io.Copy(server, body); err != nil {
			return
		}
	}
}

// moment tells what a message of the client's is: a query (Q), a statement that is prepared (P: name, text), one that is
// used (B: portal, name), rows (d), or their end (c).
func moment(kind byte, body []byte, prepared map[string]string) func(Moment) bool {
	parts := strings.SplitN(string(body), "\x00", 3)
	var statement string
	switch {
	case kind == 'd':
		return func(m Moment) bool { return m == InCopy }
	case kind == 'c':
		return func(m Moment) bool { return m == EndOfCopy }
	case kind == 'Q':
		statement = parts[0]
	case kind == 'P' && len(parts) > 1:
		prepared[parts[0]] = parts[1]
		return func(Moment) bool { return false } // it is not carried out yet
	case kind == 'B' && len(parts) > 1:
		statement = prepared[parts[1]]
	}
	return func(m Moment) bool {
		if m == Commit {
			return strings.EqualFold(statement, "commit")
		}
		return statement != "" && strings.Contains(statement, string(m))
	}
}
