package simulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const (
	contentJSON = "application/json;odata.metadata=minimal"
	edgePage    = "<!DOCTYPE html>\n<html><head><title>Request blocked</title></head><body><h1>Request blocked</h1>" +
		"<p>The edge has refused this request.</p></body></html>\n"
)

func (x *exchange) header(contentType string) http.Header {
	h := x.writer.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Rate-Limit-Remaining", strconv.Itoa(x.remaining))
	return h
}

const byteOrderMark = "\xEF\xBB\xBF"

// document sends a whole small body.
func (x *exchange) document(status int, body []byte) {
	if x.faults.ByteOrderMark {
		body = append([]byte(byteOrderMark), body...)
	}
	x.header(contentJSON).Set("Content-Length", strconv.Itoa(len(body)))
	x.status(status)
	x.send(x.writer, body)
}

func (x *exchange) html(status int) {
	x.header("text/html; charset=utf-8")
	x.status(status)
	x.send(x.writer, []byte(edgePage))
}

// send writes what can be written; a client that has left is no error here.
func (x *exchange) send(w io.Writer, body []byte) bool {
	_, err := w.Write(body)
	return err == nil
}

func (x *exchange) refuse(r *refusal) {
	if r.status == http.StatusNoContent {
		x.status(r.status)
		return
	}
	x.document(r.status, errorBody(r))
}

func errorBody(r *refusal) []byte {
	type details struct {
		Code    string   `json:"code"`
		Message string   `json:"message"`
		Details []string `json:"details"`
	}
	body, err := json.Marshal(map[string]details{"error": {r.code, r.message, []string{}}})
	if err != nil {
		return []byte(`{"error":{"code":"1111","message":"","details":[]}}`)
	}
	return body
}

// sendPage writes the rows one after another, through the faults of bodies.
func (x *exchange) sendPage(q *query, p page) {
	header := x.header(contentJSON)
	compressed := acceptsGzip(x.request) && !x.faults.Uncompressed
	if compressed {
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Vary", "Accept-Encoding")
	if link := x.nextLink(q, p); link != "" && x.linkPlacement() == NextLinkHeader {
		header.Set("Link", "<"+link+`>; rel="next"`)
	}
	body := func(w io.Writer) error { return x.writePage(w, q, p) }
	if _, ok := x.active.find(SecondDocument); ok {
		once := body
		body = func(w io.Writer) error {
			if err := once(w); err != nil {
				return err
			}
			return once(w)
		}
	}
	if compressed {
		plain := body
		body = func(w io.Writer) error { return x.simulator.compress(w, plain) }
	}
	if x.sendSpoilt(body) {
		return
	}
	x.status(http.StatusOK)
	out := counted{Writer: x.writer}
	// An error here means that the client has left.
	_ = body(&out)
	x.simulator.requestMu.Lock()
	defer x.simulator.requestMu.Unlock()
	x.simulator.log.counters.Bytes += out.bytes
}

// counted counts what goes through it.
type counted struct {
	io.Writer
	bytes int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.bytes += int64(n)
	return n, err
}

func acceptsGzip(r *http.Request) bool {
	for _, value := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(value, ",") {
			name, quality, _ := strings.Cut(strings.TrimSpace(coding), ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") && strings.ReplaceAll(quality, " ", "") != "q=0" {
				return true
			}
		}
	}
	return false
}

// writePage writes the document of a page.
func (x *exchange) writePage(w io.Writer, q *query, p page) error {
	const flushAt = 32 << 10
	buffer := make([]byte, 0, flushAt+(16<<10))
	if x.faults.ByteOrderMark {
		buffer = append(buffer, byteOrderMark...)
	}
	buffer = append(buffer, `{"@odata.context":"`...)
	buffer = append(buffer, "$metadata#"+q.def.name...)
	buffer = append(buffer, '"')
	if p.total >= 0 {
		buffer = strconv.AppendInt(append(buffer, `,"@odata.count":`...), int64(p.total), 10)
	}
	link := x.nextLink(q, p)
	if link != "" && x.linkPlacement() == NextLinkBefore {
		buffer = appendLink(buffer, link)
	}
	buffer = append(buffer, `,"value":[`...)
	for i := range p.rows {
		if i > 0 {
			buffer = append(buffer, ',')
		}
		row := p.rows[i]
		buffer = row.appendJSON(buffer, q.feed, q.selected)
		if len(buffer) >= flushAt {
			if _, err := w.Write(buffer); err != nil {
				return err
			}
			buffer = buffer[:0]
		}
	}
	buffer = append(buffer, ']')
	if link != "" && x.linkPlacement() == NextLinkAfter {
		buffer = appendLink(buffer, link)
	}
	_, err := w.Write(append(buffer, '}'))
	return err
}

func appendLink(dst []byte, link string) []byte {
	return appendString(append(dst, `,"@odata.nextLink":`...), link)
}

func (x *exchange) serviceDocument() {
	var b bytes.Buffer
	b.WriteString(`{"@odata.context":"$metadata","value":[`)
	for i, name := range x.simulator.names {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"name":"` + name + `","kind":"EntitySet","url":"` + name + `"}`)
	}
	b.WriteString(`]}`)
	x.document(http.StatusOK, b.Bytes())
}
