package inflow

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"net"
	"sync"
)

var errHeld = errors.New("the messages that the broker has sent ahead are too large: fewer are asked for")

// A frame of AMQP 0.9.1 (section 4.2.3) has its type, channel and size, its payload, and an end
// mark; the payload of a content's header begins with class and weight, and the size of the body.
const (
	frameHeader   = 7
	frameContent  = 2 // the type of a content's header
	contentHeader = frameHeader + 12
)

// Conn reads a connection, and counts the bodies that have come and are not yet taken; those of a
// queue whose channel the broker has closed, too. The reading fails where they would be more than
// Most bytes. To let the broker wait would leave every request on the connection without an answer.
type Conn struct {
	net.Conn
	Most int64 // bytes of untaken bodies; 0: no limit

	// The frame that is being read. They belong to the reader.
	head [contentHeader]byte
	have int    // bytes of head
	skip uint64 // bytes up to the next frame

	mu      sync.Mutex // guards the rest
	held    int64      // bytes of bodies, announced and not taken
	largest int64      // body
	full    bool       // the limit has ended the reading
}

// Read reads, and fails at the header of a body that is too many.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.frames(p[:n]) {
		return 0, errHeld
	}
	return n, err
}

// frames follows the frames in p; false where a body is too many.
func (c *Conn) frames(p []byte) bool {
	for len(p) > 0 {
		if c.skip > 0 {
			n := min(c.skip, uint64(len(p)))
			p, c.skip = p[n:], c.skip-n
			continue
		}
		want := frameHeader
		if c.have >= frameHeader && c.head[0] == frameContent {
			want = contentHeader
		}
		n := copy(c.head[c.have:want], p)
		if p, c.have = p[n:], c.have+n; c.have < want || want == frameHeader && c.head[0] == frameContent {
			continue
		}
		c.skip = uint64(binary.BigEndian.Uint32(c.head[3:])) + 1
		c.skip -= min(c.skip, uint64(want-frameHeader))
		c.have = 0
		if want == contentHeader && !c.announced(int64(binary.BigEndian.Uint64(c.head[frameHeader+4:])&(1<<62-1))) {
			return false
		}
	}
	return true
}

// announced counts a body that follows; false where it is too many.
func (c *Conn) announced(size int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.largest = max(c.largest, size)
	c.full = c.full || c.Most > 0 && size > c.Most-c.held
	if !c.full {
		c.held += size
	}
	return !c.full
}

// Taken counts a body that waits no longer.
func (c *Conn) Taken(size int) {
	c.mu.Lock()
	c.held -= int64(size)
	c.mu.Unlock()
}

// Fewer is the prefetch of each of so many queues after a session with the prefetch asked, and
// whether the limit ended that session. It is enough unless a body is larger than all before, by a
// factor up to two: so few sessions end in this way.
func (c *Conn) Fewer(asked, queues int) (prefetch int, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.full {
		return asked, false
	}
	largest := int64(1) << bits.Len64(uint64(c.largest)) //nolint:gosec // no size is negative
	return int(max(min(c.Most/int64(queues)/largest, int64(asked)-1), 1)), true
}
