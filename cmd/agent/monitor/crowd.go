package monitor

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// mostConnections is how many there are at a time. Each costs memory, of which the
// sync needs what there is.
const mostConnections = 64

// crowd keeps the number of connections small. Where one comes too many, the oldest
// goes: an answer takes milliseconds, so that one has been idle for long, or is
// somebody's who holds connections without using them; whoever comes now to ask
// whether the agent is well gets an answer also then.
type crowd struct {
	mu    sync.Mutex
	order *list.List                 // of net.Conn, oldest first
	at    map[net.Conn]*list.Element // its places
}

func newCrowd() *crowd { return &crowd{order: list.New(), at: make(map[net.Conn]*list.Element)} }

// changed is for http.Server.ConnState.
func (c *crowd) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.at[conn] = c.order.PushBack(conn)
		if c.order.Len() > mostConnections {
			oldest := c.order.Front().Value.(net.Conn) // nothing else is put in
			c.leave(oldest)
			_ = oldest.Close() // its handler finds out
		}
	case http.StateClosed, http.StateHijacked:
		c.leave(conn)
	case http.StateActive, http.StateIdle:
	}
}

func (c *crowd) leave(conn net.Conn) {
	if e, ok := c.at[conn]; ok {
		c.order.Remove(e)
		delete(c.at, conn)
	}
}
