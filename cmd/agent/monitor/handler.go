package monitor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler answers for an agent:
//
//	/         the page for people
//	/status   what 'agent status --json' prints
//	/metrics  Prometheus
//	/healthz  200 while the agent can tell how it stands
//	/readyz   200 while the copy is current, else 503 with the reason
func (m *Monitor) Handler(s Subject) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newStanding(s))
	both := prometheus.Gatherers{m.metrics.registry, registry}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(both, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, err := s.Status()
		tell(w, err)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		status, err := s.Status()
		tell(w, errors.Join(err, status.Ready()))
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		status, err := s.Status()
		if err != nil {
			tell(w, err)
			return
		}
		out, err := json.MarshalIndent(status, "", "  ")
		if err != nil {
			tell(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(out, '\n')) // the peer is gone if this fails, as below
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		var page bytes.Buffer
		if err := m.page(&page, s); err != nil {
			tell(w, err)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy())
		_, _ = w.Write(page.Bytes())
	})
	return guarded(mux)
}

// guarded sets what holds for every answer. Nothing may be loaded, framed or kept
// but what a path itself allows.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// local refuses requests for a host by name, but for localhost: a page from
// elsewhere could have its own name lead to this address, and read what is here.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if host != "localhost" && net.ParseIP(strings.Trim(host, "[]")) == nil {
			http.Error(w, "ask by address, or as localhost; a proxy in front must send one of these as Host", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func tell(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w, err)
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}
