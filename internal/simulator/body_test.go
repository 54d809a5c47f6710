package simulator

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

const firstPage = "/odata/Media?$orderby=MediaModificationTimestamp,MediaKey&$top=20"

// serve starts a real server, for faults that need a connection.
func serve(t *testing.T, s *Simulator) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})
	return server
}

func request(t *testing.T, ctx context.Context, server *httptest.Server, path string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+DefaultVOWToken)
	r.Header.Set("User-Agent", "test")
	return r
}

func TestBrokenBodies(t *testing.T) {
	s := small(t, nil)
	server := serve(t, s)
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	fetch := func(f Fault) (*http.Response, []byte, error) {
		s.Set(func(now *Faults) { *now = Faults{}; now.Strike(Strike{Fault: f, Next: 1}) })
		// On a connection used before, the transport would try again by itself.
		transport.CloseIdleConnections()
		response, err := transport.RoundTrip(request(t, t.Context(), server, firstPage))
		if err != nil {
			return nil, nil, err
		}
		defer response.Body.Close()
		data, err := io.ReadAll(response.Body)
		return response, data, err
	}
	_, whole, err := fetch(Fault{Kind: Drip, Bytes: 4000, Wait: time.Millisecond})
	if err != nil || !json.Valid(whole) {
		t.Fatalf("drip: %d bytes, %v", len(whole), err)
	}
	response, data, err := fetch(Fault{Kind: CutLength, Bytes: 500})
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(data) != 500 || response.ContentLength != int64(len(whole)) {
		t.Errorf("cut with length: %d bytes, %v", len(data), err)
	}
	response, data, err = fetch(Fault{Kind: CutChunked, Bytes: 500})
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(data) != 500 || response.ContentLength != -1 {
		t.Errorf("cut chunked: %d bytes, %v", len(data), err)
	}
	_, data, err = fetch(Fault{Kind: CutChunked, Bytes: -1})
	if err == nil || len(data) >= len(whole) {
		t.Errorf("cut randomly: %d bytes, %v", len(data), err)
	}
	_, data, err = fetch(Fault{Kind: CutClean, Bytes: 500})
	if err != nil || !bytes.Equal(data, whole[:500]) {
		t.Errorf("cut clean: %d bytes, %v", len(data), err)
	}
	if _, _, err = fetch(Fault{Kind: Reset}); err == nil {
		t.Error("reset: no error")
	}
}

func TestStall(t *testing.T) {
	s := small(t, nil)
	server := serve(t, s)
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	s.Set(func(f *Faults) { f.Strike(Strike{Fault: Fault{Kind: Stall, Bytes: 100}, Next: 2}) })

	ctx, cancel := context.WithCancel(t.Context())
	response, err := transport.RoundTrip(request(t, ctx, server, firstPage))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(bufio.NewReader(response.Body), make([]byte, 100)); err != nil {
		t.Error("the first bytes did not come:", err)
	}
	cancel()
	response.Body.Close()

	response, err = transport.RoundTrip(request(t, t.Context(), server, firstPage))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if data, err := io.ReadAll(response.Body); err == nil || len(data) != 100 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	response.Body.Close()
}

func TestGzip(t *testing.T) {
	s := small(t, nil)
	r := httptest.NewRequest(http.MethodGet, firstPage, nil)
	r.Header.Set("Authorization", "Bearer "+DefaultVOWToken)
	for accepted, compressed := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "": false, "gzip;q=0": false} {
		r.Header.Set("Accept-Encoding", accepted)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		var source io.Reader = w.Body
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != compressed {
			t.Errorf("%q: compressed %v", accepted, got)
		} else if got {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			source = z
		}
		if text := body(t, source); !json.Valid([]byte(text)) {
			t.Errorf("%q: %.100s", accepted, text)
		}
	}
	s.Set(func(f *Faults) { f.Uncompressed = true })
	s.ResetRequests()
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if n := s.Counters().Bytes; w.Header().Get("Content-Encoding") != "" || !json.Valid(w.Body.Bytes()) || n != int64(w.Body.Len()) {
		t.Errorf("uncompressed: %q, %d of %d bytes counted", w.Header().Get("Content-Encoding"), n, w.Body.Len())
	}
}
