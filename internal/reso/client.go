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
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"resoagent/internal/disk"
)

// Options are the settings of a source.
type Options struct {
	URL            string            // service root
	Tokens         map[string]string // bearer token of each feed
	CAFile         string            // extra root certificate, PEM; "" for none
	StallTimeout   time.Duration     // longest silence of the source in an answer
	AllowPlaintext bool              // http:// also to hosts that are not this one
	UserAgent      string
	Resources      []string // which a service root does not end in
}

// Client is a source. It may be used concurrently.
type Client struct {
	root    *url.URL
	bearer  atomic.Pointer[credentials]
	http    *http.Client
	stall   time.Duration
	agent   string
	limit   int64       // of an answer's decoded bytes
	served  atomic.Bool // the source has sent a page or a count
	traffic traffic
	date    atomic.Pointer[reading]
}

// New checks the settings and makes a client; nothing is connected yet.
func New(o Options) (*Client, error) {
	root, err := parseRoot(o.URL, o.AllowPlaintext, o.Resources)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSHandshakeTimeout = 30 * time.Second
	transport.MaxResponseHeaderBytes = 1 << 20
	transport.MaxIdleConnsPerHost = 16
	transport.OnProxyConnectResponse = proxyAnswer
	if o.CAFile != "" {
		pool, err := roots(o.CAFile)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	c := &Client{
		root: root, stall: o.StallTimeout, agent: o.UserAgent, limit: maxPageBytes,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	transport.DialContext = c.traffic.counting(transport.DialContext)
	c.SetTokens(o.Tokens)
	return c, nil
}

// Close closes idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

func parseRoot(text string, plaintext bool, resources []string) (*url.URL, error) {
	root, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || root.Host == "" || (root.Scheme != "http" && root.Scheme != "https") {
		return nil, fmt.Errorf("open source: --source-url must be an address such as https://query.ampre.ca/odata, not %.80q", text[strings.LastIndexByte(text, '@')+1:])
	}
	if root.User != nil || root.RawQuery != "" || root.Fragment != "" {
		return nil, errors.New("open source: --source-url must not hold a user, a query or a fragment; tokens have flags of their own")
	}
	if last := path.Base(root.Path); below(last, resources) {
		return nil, fmt.Errorf("open source: --source-url ends in the resource %.40s; name the address above it, the service root: %s://%s%s",
			last, root.Scheme, root.Host, strings.TrimRight(path.Dir(root.Path), "/"))
	}
	if root.Scheme == "http" && !plaintext && !loopback(root.Hostname()) {
		return nil, fmt.Errorf("open source: http://%s would send the token unencrypted; use https, or --allow-plaintext if you must", root.Host)
	}
	return root, nil
}

// below reports whether a part of an address is a resource, or one record of it,
// or the description of all: what lies below a service root.
func below(name string, resources []string) bool {
	name, _, _ = strings.Cut(name, "(")
	return name == "$metadata" || slices.ContainsFunc(resources, func(r string) bool { return strings.EqualFold(r, name) })
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// mostCertificates is how many bytes a file of certificates can have.
const mostCertificates = 1 << 20

func roots(file string) (*x509.CertPool, error) {
	pem, err := disk.ReadFile(file, mostCertificates)
	if err != nil {
		return nil, fmt.Errorf("read --ca-file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read --ca-file: %s holds no PEM certificate", file)
	}
	return pool, nil
}

// address is where a resource is asked for.
func (c *Client) address(resource, query string) *url.URL {
	address := *c.root
	address.Path += "/" + resource
	address.RawQuery = query
	return &address
}

// get asks for a resource and gives the body of a good answer.
func (c *Client) get(ctx context.Context, feed, resource string, address *url.URL) (*body, error) {
	// The whole answer hangs on a context that the stall clock can cancel.
	ctx, cancel := context.WithCancelCause(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("ask for %s: %w", resource, err)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", c.agent)
	request.Header.Set("Authorization", "Bearer "+c.bearer.Load().tokens[feed])
	c.traffic.requests.Add(1)

	clock := newStallClock(c.stall, cancel)
	clock.start()
	response, err := c.http.Do(request)
	clock.answered()
	if err != nil {
		err = c.connectError(ctx, resource, err)
		cancel(nil)
		return nil, err
	}
	c.note(response.Header)
	if response.StatusCode != http.StatusOK {
		err := statusError(resource, response, clock, c.secret())
		err.served = c.served.Load()
		_ = response.Body.Close()
		cancel(nil)
		return nil, err
	}
	return &body{address: address, header: response.Header, in: response.Body, clock: clock, cancel: cancel, ctx: ctx, limit: c.limit}, nil
}

// connectError drops the URL that net/http puts before the cause: it is long,
// and the filter in it says nothing about a connection.
func (c *Client) connectError(ctx context.Context, resource string, err error) error {
	kind := "connection"
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		err, kind = cause, "stalled"
	} else if ctx.Err() != nil {
		return fmt.Errorf("ask for %s: %w", resource, ctx.Err())
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var certificate *tls.CertificateVerificationError
	return &Error{
		Resource: resource, Message: c.secret().hide(fmt.Sprintf("connection to %s: %v", c.root.Host, err)), Cause: err,
		kind: kind, permanent: errors.As(err, &certificate),
	}
}
