package jet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Limits of a connection.
const (
	maxFrames = 4096     // read ahead of their turn
	maxOut    = 64 << 20 // bytes on their way to the client: it is cut when it reads too slowly
	maxLine   = 8 << 10
)

type verb int

const (
	verbPub verb = iota
	verbSub
	verbUnsub
	verbPing
	verbPong
	verbConnect
)

// frame is what a client sends.
type frame struct {
	verb    verb
	subject string
	reply   string
	header  []byte
	data    []byte
	sid     string
	most    int // of an UNSUB: messages before it ends; 0: at once
}

type subscription struct {
	sid     string
	subject string
	left    int // messages before it ends; 0: no limit
	got     int
}

// conn is a client's connection. Its fields are guarded by the server's lock.
type conn struct {
	server *Server
	name   string
	pipe   net.Conn
	subs   []*subscription
	frames []frame
	room   *sync.Cond // frames were taken, or the end
	out    []byte
	more   *sync.Cond // out has grown, or the end
	ended  bool
}

func newConn(s *Server, id int, pipe net.Conn) *conn {
	c := &conn{server: s, pipe: pipe, room: sync.NewCond(&s.mu), more: sync.NewCond(&s.mu)}
	info := must(json.Marshal(map[string]any{
		"server_id": "MODEL", "server_name": "model", "version": version, "proto": 1, "host": "127.0.0.1",
		"port": 4222, "headers": true, "max_payload": s.cfg.MaxPayload, "jetstream": true, "client_id": id,
	}))
	c.out = fmt.Appendf(nil, "INFO %s\r\n", info)
	return c
}

// cut ends the connection. The lock is held.
func (c *conn) cut() {
	if c.ended {
		return
	}
	c.ended = true
	c.subs, c.frames, c.out = nil, nil, nil
	c.server.conns = slices.DeleteFunc(c.server.conns, func(other *conn) bool { return other == c })
	_ = c.pipe.Close()
	c.room.Broadcast()
	c.more.Broadcast()
}

// send adds to what is on its way to the client. The lock is held.
func (c *conn) send(parts ...[]byte) {
	if c.ended {
		return
	}
	for _, part := range parts {
		c.out = append(c.out, part...)
	}
	if len(c.out) > maxOut {
		c.cut()
		return
	}
	c.more.Signal()
}

func (c *conn) message(sub *subscription, subject, reply string, header, data []byte) {
	if reply != "" {
		reply += " "
	}
	line := fmt.Appendf(nil, "MSG %s %s %s%d\r\n", subject, sub.sid, reply, len(data))
	if len(header) > 0 {
		line = fmt.Appendf(nil, "HMSG %s %s %s%d %d\r\n", subject, sub.sid, reply, len(header), len(header)+len(data))
	}
	c.send(line, header, data, []byte("\r\n"))
	sub.got++
	if sub.left > 0 && sub.got >= sub.left {
		c.unsubscribe(sub.sid)
	}
}

func (c *conn) unsubscribe(sid string) {
	c.subs = slices.DeleteFunc(c.subs, func(sub *subscription) bool { return sub.sid == sid })
}

// control carries out a frame that is no message. The lock is held.
func (c *conn) control(f frame) {
	if c.ended {
		return
	}
	switch f.verb {
	case verbConnect:
		var options struct {
			Name string `json:"name"`
		}
		if json.Unmarshal(f.data, &options) == nil {
			c.name = options.Name
		}
	case verbPing:
		c.send([]byte("PONG\r\n"))
	case verbSub:
		c.subs = append(c.subs, &subscription{sid: f.sid, subject: f.subject})
	case verbUnsub:
		for _, sub := range c.subs {
			if sub.sid == f.sid && f.most > sub.got {
				sub.left = f.most
				return
			}
		}
		c.unsubscribe(f.sid)
	case verbPub, verbPong:
	}
}

// write sends what is due until the connection ends.
func (c *conn) write() {
	for {
		c.server.mu.Lock()
		for len(c.out) == 0 && !c.ended {
			c.more.Wait()
		}
		out, ended := c.out, c.ended
		c.out = nil
		c.server.mu.Unlock()
		if ended {
			return
		}
		if _, err := c.pipe.Write(out); err != nil {
			c.end()
			return
		}
	}
}

func (c *conn) end() {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.cut()
}

// read reads frames until the connection ends.
func (c *conn) read() {
	defer c.end()
	from := bufio.NewReaderSize(c.pipe, maxLine)
	for {
		f, err := readFrame(from, c.server.cfg.MaxPayload)
		if err != nil {
			return
		}
		if c.server.cfg.Order == nil {
			c.server.process(c, f)
			continue
		}
		c.queue(f)
	}
}

// queue leaves a frame to its turn. What is no message does not wait without need: a client that
// connects again holds a lock meanwhile.
func (c *conn) queue(f frame) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if f.verb != verbPub && len(c.frames) == 0 {
		c.control(f)
		return
	}
	for len(c.frames) >= maxFrames && !c.ended {
		c.room.Wait()
	}
	if !c.ended {
		c.frames = append(c.frames, f)
		c.server.arrived.Signal()
	}
}

// readFrame reads one frame of the NATS client protocol.
func readFrame(from *bufio.Reader, payload int) (f frame, err error) {
	text, err := from.ReadSlice('\n')
	if err != nil {
		return f, err
	}
	line := string(bytes.TrimRight(text, "\r\n"))
	word, rest, _ := strings.Cut(line, " ")
	args := strings.Fields(rest)
	malformed := fmt.Errorf("malformed: %.80q", line)
	switch strings.ToUpper(word) {
	case "CONNECT":
		return frame{verb: verbConnect, data: []byte(rest)}, nil
	case "PING":
		return frame{verb: verbPing}, nil
	case "PONG":
		return frame{verb: verbPong}, nil
	case "SUB":
		if len(args) < 2 {
			return f, malformed
		}
		return frame{verb: verbSub, subject: args[0], sid: args[len(args)-1]}, nil
	case "UNSUB":
		if len(args) < 1 {
			return f, malformed
		}
		f = frame{verb: verbUnsub, sid: args[0]}
		if len(args) > 1 {
			f.most, err = strconv.Atoi(args[1])
		}
		return f, err
	case "PUB", "HPUB":
		return readMessage(from, args, strings.EqualFold(word, "HPUB"), payload, malformed)
	}
	return f, malformed
}

// readMessage reads the rest of a PUB or HPUB: subject [reply] [header bytes] total bytes.
func readMessage(from *bufio.Reader, args []string, headed bool, payload int, malformed error) (f frame, err error) {
	numbers := 1
	if headed {
		numbers = 2
	}
	if len(args) < numbers+1 || len(args) > numbers+2 {
		return f, malformed
	}
	f = frame{verb: verbPub, subject: args[0]}
	if len(args) == numbers+2 {
		f.reply = args[1]
	}
	total, err := strconv.Atoi(args[len(args)-1])
	if err != nil || total < 0 || total > payload {
		return f, malformed
	}
	head := 0
	if headed {
		if head, err = strconv.Atoi(args[len(args)-2]); err != nil || head < 0 || head > total {
			return f, malformed
		}
	}
	body := make([]byte, total+2)
	if _, err := io.ReadFull(from, body); err != nil {
		return f, err
	}
	f.header, f.data = body[:head:head], body[head:total:total]
	return f, nil
}

// header is the first value of a header in its form on the wire, "" if there is none.
func header(raw []byte, key string) string {
	at := bytes.Index(raw, []byte("\r\n"+key+":"))
	if at < 0 {
		return ""
	}
	value, _, _ := bytes.Cut(raw[at+len(key)+3:], []byte("\r\n"))
	return string(bytes.TrimLeft(value, " "))
}

// withHeaders adds headers to those of a message on the wire.
func withHeaders(raw []byte, pairs ...string) []byte {
	if len(raw) == 0 {
		raw = []byte("NATS/1.0\r\n\r\n")
	}
	out := slices.Clone(raw[:len(raw)-2])
	for pair := range slices.Chunk(pairs, 2) {
		out = fmt.Appendf(out, "%s\r\n", strings.Join(pair, ": "))
	}
	return append(out, '\r', '\n')
}

// must is for the encoding of the model's own values.
func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
