package reso

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// From the exchange on the new token is sent, and neither of the two is shown,
// also where the source repeats it: an answer to the old one may be on its way.
func TestOldTokensStayHidden(t *testing.T) {
	var sent []string
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusBadRequest) // of whom refuses a token nothing is shown
		_, _ = fmt.Fprintf(w, `{"error":{"code":"1","message":"neither secret-token nor second-token nor third/token"}}`)
	})
	for _, token := range []string{"second-token", "third/token"} {
		_, _ = keys(t, c)
		c.SetTokens(map[string]string{"vow": token})
	}
	_, err := keys(t, c)
	for _, secret := range []string{"secret-token", "second-token", "third/token"} {
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s is shown: %v", secret, err)
		}
	}
	if got := strings.Join(sent, ", "); got != "Bearer secret-token, Bearer second-token, Bearer third/token" {
		t.Errorf("sent %s", got)
	}
}

// Each error says of which kind it is, for counting.
func TestKinds(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		"throttled":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"server_error":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"refused":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
		"broken_answer": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"connection": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		},
		"stalled": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	for want, answer := range answers {
		c := client(t, answer)
		if want == "stalled" {
			c.stall = 50e6 // nanoseconds
		}
		_, err := keys(t, c)
		kind, ok := err.(interface{ Kind() string })
		if !ok || kind.Kind() != want {
			t.Errorf("%s: %v", want, err)
		}
	}
}
