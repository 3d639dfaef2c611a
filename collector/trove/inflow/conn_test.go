package inflow_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/collector/trove/inflow"
)

// pieces is a connection on which the bytes come in pieces.
type pieces struct {
	net.Conn
	rest []byte
	size func() int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.size())], p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// frame is a frame of AMQP.
func frame(kind byte, payload []byte) []byte {
	b := append([]byte{kind, 0, 1}, binary.BigEndian.AppendUint32(nil, uint32(len(payload)))...)
	return append(append(b, payload...), 0xCE)
}

// delivery is the frames of a delivery, and a heartbeat.
func delivery(size int, properties []byte) []byte {
	header := binary.BigEndian.AppendUint64([]byte{0, 60, 0, 0}, uint64(size))
	b := append(frame(1, []byte{0, 60, 0, 60, 2, 2}), frame(2, append(header, properties...))...)
	for body := bytes.Repeat([]byte{2}, size); len(body) > 0; {
		n := min(len(body), 100)
		b, body = append(b, frame(3, body[:n])...), body[n:]
	}
	return append(b, frame(8, nil)...)
}

// TestBodiesInMemoryAreBounded: whatever the sizes of the bodies, the pieces in which they come and
// the bodies taken meanwhile, a body is refused if it is too many, and only then.
func TestBodiesInMemoryAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 3000).Draw(t, "most")
		conn := &pieces{size: func() int { return rapid.IntRange(1, 300).Draw(t, "piece") }}
		m := &inflow.Conn{Conn: conn, Most: int64(most)}
		held, largest := []int{}, 0
		sum := 0
		for range rapid.IntRange(1, 20).Draw(t, "bodies") {
			size := rapid.IntRange(0, 1000).Draw(t, "size")
			conn.rest = delivery(size, make([]byte, rapid.IntRange(2, 40).Draw(t, "properties")))
			_, err := io.Copy(io.Discard, m)
			largest = max(largest, size)
			if fits := sum+size <= most; fits != (err == nil) {
				t.Fatalf("%d bytes beside %d of at most %d: %v", size, sum, most, err)
			}
			prefetch, ended := m.Fewer(2000, 2)
			if ended != (err != nil) {
				t.Fatalf("ended: %v, after %v", ended, err)
			}
			if ended {
				if prefetch < 1 || prefetch > 1 && 2*prefetch*largest > most {
					t.Fatalf("a prefetch of %d with bodies of %d bytes and at most %d", prefetch, largest, most)
				}
				return
			}
			held, sum = append(held, size), sum+size
			for len(held) > 0 && rapid.Bool().Draw(t, "taken") {
				m.Taken(held[0])
				held, sum = held[1:], sum-held[0]
			}
		}
	})
}
