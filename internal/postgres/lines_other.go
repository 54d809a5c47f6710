//go:build !linux

package postgres

import (
	"net"
	"time"
)

// limitResending: what other systems have differs; keepalive and the watch remain.
func limitResending(*net.TCPConn, time.Duration) {}
