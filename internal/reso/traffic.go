package reso

import (
	"context"
	"net"
	"sync/atomic"
)

// traffic counts what a source's quotas count: requests, and bytes as they come
// over the network.
type traffic struct {
	requests atomic.Int64
	bytes    atomic.Int64
}

// Traffic tells how much was asked and received so far.
func (c *Client) Traffic() (requests, bytes int64) {
	return c.traffic.requests.Load(), c.traffic.bytes.Load()
}

type dial func(ctx context.Context, network, address string) (net.Conn, error)

// counting gives connections that count what is read from them.
func (t *traffic) counting(dial dial) dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &countedConn{Conn: conn, bytes: &t.bytes}, nil
	}
}

type countedConn struct {
	net.Conn
	bytes *atomic.Int64
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}
