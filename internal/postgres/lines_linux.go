package postgres

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// limitResending sets TCP_USER_TIMEOUT; a kernel that does not have it does
// without.
func limitResending(conn *net.TCPConn, limit time.Duration) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds()))
	})
}
