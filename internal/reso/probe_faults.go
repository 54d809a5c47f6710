package reso

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"syscall"
)

// silence is a source that says nothing for as long as a question is given.
type silence struct {
	host      string
	connected bool
}

func (e *silence) Error() string {
	if e.connected {
		return fmt.Sprintf("%s takes the connection, but does not answer within %s", e.host, probeRequest)
	}
	return fmt.Sprintf("no connection to %s within %s", e.host, probeRequest)
}

// proxyError is a proxy that does not connect to the source.
type proxyError struct {
	proxy  string
	status int
}

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy %s answers HTTP %d %s", e.proxy, e.status, http.StatusText(e.status))
}

// proxyAnswer tells a proxy's refusal from one of the source.
func proxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{proxy: proxy.Host, status: answer.StatusCode}
}

// connection says what to do about a connection that was not made, in the
// manner of its cause.
func connection(err error) (do string) {
	var (
		silent      *silence
		proxy       *proxyError
		dns         *net.DNSError
		op          *net.OpError
		authority   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		expired     x509.CertificateInvalidError
		certificate *tls.CertificateVerificationError
		plain       tls.RecordHeaderError
		alert       tls.AlertError
	)
	switch {
	case errors.As(err, &proxy), errors.As(err, &op) && op.Op == "proxyconnect":
		return "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment, and the proxy's own rules"
	case errors.As(err, &silent) && silent.connected:
		return "something listens there, but no source: check host and port in --source-url, or ask the provider"
	case errors.As(err, &silent):
		return "check the host in --source-url; a firewall or a proxy (HTTPS_PROXY) may be between"
	case errors.As(err, &dns):
		return "the host's name is not found: check it in --source-url, and this host's DNS"
	case errors.As(err, &authority):
		return "name the authority's certificate with --ca-file, if you trust it"
	case errors.As(err, &hostname):
		return "the certificate is another host's: check the host in --source-url"
	case errors.As(err, &expired):
		return "check this host's clock first; else the certificate is the provider's to renew"
	case errors.As(err, &certificate), errors.As(err, &alert):
		return "TLS fails: check --source-url and --ca-file"
	case errors.As(err, &plain), errors.Is(err, http.ErrSchemeMismatch):
		return "the port does not speak TLS: check scheme and port in --source-url"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check host and port in --source-url"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "there is no way to that host: check this host's network"
	}
	return "check --source-url and this host's network; a sync would try again for --retry-for"
}

// answered reports whether the error is of an answer and not of the connection.
func answered(err error) (*Error, bool) {
	var e *Error
	return e, errors.As(err, &e) && e.Status != 0
}

// tellReached reports, once, whether the source can be reached at all.
func (p *probe) tellReached(ctx context.Context, err error) {
	const name = "reachable"
	if p.told {
		return
	}
	p.told = true
	host := p.client.root.Host
	e, ok := answered(err)
	switch {
	case ctx.Err() != nil && !p.reached:
		p.stopped = "the time is over"
		p.report.NotChecked(name, "%s", p.stopped)
	case ok && e.Status == http.StatusForbidden && e.html:
		p.stopped = "the provider's edge refuses this host"
		p.report.Failure(name, "ask the provider to let this host's address in; the token was not looked at",
			"%s answers HTTP 403 with a page of HTML: the provider's edge refuses this host", host)
	case p.reached:
		p.report.OK(name, "%s answers", host)
	default:
		p.stopped = "the source was not reached"
		p.report.Failure(name, connection(err), "%s", short(err))
	}
}

// tellToken reports whether a feed's token is taken, and gives the reason why
// nothing more is to be asked with it.
func (p *probe) tellToken(name, feed string, err error) (why string) {
	e, ok := answered(err)
	switch {
	case err == nil:
		p.report.OK(name, "the %s token is accepted", feed)
		return ""
	case ok && e.Status == http.StatusUnauthorized:
		p.report.Failure(name, "get a new token from the provider, or check that it is this feed's", "the %s token is refused: %s", feed, short(err))
		return "the " + feed + " token is refused"
	case ok && e.Status == http.StatusForbidden:
		p.report.Failure(name, "ask the provider what this token may read", "the %s token may not read %s: %s", feed, e.Resource, short(err))
		return "the " + feed + " token is refused"
	}
	p.report.NotChecked(name, "its first page failed for another reason")
	return ""
}

// explain gives an error of a check and what to do about it.
func (v *visit) explain(err error) (found, do string) {
	e, ok := answered(err)
	switch {
	case errors.As(err, new(net.Error)), errors.As(err, new(*silence)):
		return short(err), connection(err)
	case !ok:
		return short(err), "check --source-url: what answers there is no RESO Web API, or it breaks off"
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return short(err), fmt.Sprintf("ask the provider for the right to read %s, or leave the stream out", e.Resource)
	case e.Absent():
		return short(err), fmt.Sprintf("check the path of --source-url; or this source has no %s: leave the stream out", e.Resource)
	case e.Status >= 300 && e.Status < 400:
		return short(err), "ask the provider for the address that is the right one now, and give it to --source-url"
	case e.Temporary():
		return short(err), "run this again later; a sync would try again for --retry-for"
	}
	return short(err), "ask the provider what it does not take of this question (OData v4)"
}

// short is an error for one line, without the hint that Error adds for logs.
func short(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return clip(err.Error(), 200)
	}
	text := e.Message
	if e.Code != "" && e.Code != fmt.Sprint(e.Status) {
		text = "code " + e.Code + ": " + text
	}
	if e.Status != 0 {
		text = fmt.Sprintf("HTTP %d %s: %s", e.Status, http.StatusText(e.Status), text)
	}
	return clip(text, 200)
}
