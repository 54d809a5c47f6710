package simulator

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func (s *Simulator) compress(w io.Writer, plain func(io.Writer) error) error {
	z, ok := s.writers.Get().(*gzip.Writer)
	if !ok {
		return fmt.Errorf("compress page: no writer")
	}
	defer s.writers.Put(z)
	z.Reset(w)
	if err := plain(z); err != nil {
		return err
	}
	return z.Close()
}

// sendSpoilt sends a body through the fault that hits it, if there is one.
func (x *exchange) sendSpoilt(body func(io.Writer) error) bool {
	f, ok := x.active.find(CutLength, CutChunked, CutClean, Drip, Stall)
	if !ok {
		return false
	}
	if f.Kind == Stall && f.Bytes == 0 {
		x.stall()
	}
	var whole bytes.Buffer
	if err := body(&whole); err != nil {
		panic(http.ErrAbortHandler)
	}
	data := whole.Bytes()
	sent := min(f.Bytes, len(data))
	if f.Bytes < 0 {
		drawn := x.simulator.world.dice.draw(uint64(x.entry.Number), forFields)
		sent = int(drawn % uint64(len(data)))
	}
	if f.Kind == CutLength {
		x.writer.Header().Set("Content-Length", strconv.Itoa(len(data)))
	}
	x.status(http.StatusOK)
	if f.Kind == Drip {
		x.drip(f, data)
		return true
	}
	x.send(x.writer, data[:sent])
	if f.Kind == CutClean {
		return true
	}
	x.flush()
	if f.Kind == Stall {
		x.stall()
	}
	if sent == len(data) && f.Kind == CutLength {
		return true // nothing is left to cut
	}
	panic(http.ErrAbortHandler)
}

// flush sends what is buffered; a writer that cannot flush keeps it.
func (x *exchange) flush() { _ = http.NewResponseController(x.writer).Flush() }

// stall holds the request until the client or the simulator closes, and then
// breaks the connection.
func (x *exchange) stall() {
	select {
	case <-x.request.Context().Done():
	case <-x.simulator.closing:
	}
	panic(http.ErrAbortHandler)
}

func (x *exchange) drip(f Fault, data []byte) {
	step, pause := or(f.Bytes, 16), f.Wait
	if pause <= 0 {
		pause = 50 * time.Millisecond
	}
	step = max(step, 1)
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for len(data) > 0 {
		n := min(step, len(data))
		if !x.send(x.writer, data[:n]) {
			return
		}
		data = data[n:]
		x.flush()
		select {
		case <-ticker.C:
		case <-x.request.Context().Done():
			return
		case <-x.simulator.closing:
			panic(http.ErrAbortHandler)
		}
	}
}

// reset breaks the connection with a TCP reset, or as hard as it can be done
// where the connection is out of reach.
func (x *exchange) reset() {
	connection, _, err := http.NewResponseController(x.writer).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}

// bomb sends a page whose only row has a key of about size bytes, one letter.
func (x *exchange) bomb(size int) {
	x.header(contentJSON).Set("Content-Encoding", "gzip")
	x.status(http.StatusOK)
	x.squeezed(Fault{Begin: `{"@odata.context":"$metadata","value":[{"ListingKey":"`, Piece: "x", Bytes: size, End: `"}]}`})
}

// flood sends a body as the fault words it.
func (x *exchange) flood(f Fault) {
	header := x.header(contentJSON)
	f.Bytes = or(f.Bytes, 1<<30)
	if f.Wait <= 0 && acceptsGzip(x.request) && !x.faults.Uncompressed {
		header.Set("Content-Encoding", "gzip")
		x.status(or(f.Status, http.StatusOK))
		x.squeezed(f)
		return
	}
	x.status(or(f.Status, http.StatusOK))
	if !x.send(x.writer, []byte(f.Begin)) {
		return
	}
	piece := strings.Repeat(f.Piece, f.Bytes/max(len(f.Piece), 1))
	if f.Wait <= 0 {
		x.send(x.writer, []byte(piece+f.End))
		return
	}
	x.drip(Fault{Bytes: len(f.Piece), Wait: f.Wait}, []byte(piece+f.End))
}

// squeezed sends a body that is put together from compressed pieces, so that it
// costs the server little.
func (x *exchange) squeezed(f Fault) {
	squeeze := func(text string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		x.send(z, []byte(text))
		_ = z.Close() // cannot fail on a bytes.Buffer
		return b.Bytes()
	}
	many := strings.Repeat(f.Piece, max(1, (1<<20)/len(f.Piece)))
	x.send(x.writer, squeeze(f.Begin))
	repeated := squeeze(many)
	for size := f.Bytes; size > 0; size -= len(many) {
		if !x.send(x.writer, repeated) {
			return
		}
	}
	x.send(x.writer, squeeze(f.End))
}
