package jet

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config describes a model. The zero value is a server without faults that answers at once.
type Config struct {
	MaxPayload int // bytes of a message with its headers; default 1 MiB
	// Intercept decides about each operation before it is carried out. nil: no faults. It runs
	// without the model's lock, so it may call the model's methods.
	Intercept func(Op) Fate
	// Order makes the model carry out one operation at a time, in an order of the caller's; nil:
	// in the order of arrival.
	Order *Order
}

// Order is a deterministic order of operations.
type Order struct {
	Settle func()          // returns when every client waits, such as synctest.Wait
	Pick   func(n int) int // chooses among n connections with operations: 0 to n-1
}

// Op is an operation of a client: a message that it publishes.
type Op struct {
	Client  string // the connection's name
	Subject string
}

// Fate is what becomes of an operation besides being carried out.
type Fate struct {
	Lost bool // it does not reach the model
	Mute bool // its answer does not reach the client
	Cut  bool // the connection ends after it
}

const (
	defaultPayload = 1 << 20
	version        = "2.15.2"
)

// Server is a model of one server. It is safe for concurrent use.
type Server struct {
	cfg Config

	mu      sync.Mutex
	arrived *sync.Cond // an operation waits to be ordered, or the end; with mu
	conns   []*conn    // in the order of their beginning
	streams map[string]*stream
	names   []string // of streams, sorted
	opened  int      // connections so far
	muted   string
	aloof   time.Time // no leader until then
	last    time.Time // the newest message's
	closed  bool

	running sync.WaitGroup
}

// New starts a model.
func New(cfg Config) *Server {
	cfg.MaxPayload = cmp.Or(cfg.MaxPayload, defaultPayload)
	s := &Server{cfg: cfg, streams: map[string]*stream{}}
	s.arrived = sync.NewCond(&s.mu)
	if cfg.Order != nil {
		s.running.Go(s.inOrder)
	}
	return s
}

// InProcessConn begins a connection, in the form that a client of NATS takes for a server in the
// same process.
func (s *Server) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("the model is closed")
	}
	client, server := net.Pipe()
	s.opened++
	c := newConn(s, s.opened, server)
	s.conns = append(s.conns, c)
	s.running.Go(c.write)
	s.running.Go(c.read)
	return client, nil
}

// Close ends every connection and waits for the model's goroutines.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.cutAll()
	for _, st := range s.streams {
		st.forget(true)
	}
	s.arrived.Broadcast()
	s.mu.Unlock()
	s.running.Wait()
}

// cutAll ends every connection. The lock is held.
func (s *Server) cutAll() {
	for len(s.conns) > 0 {
		s.conns[0].cut()
	}
}

// inOrder carries out operations one at a time.
func (s *Server) inOrder() {
	for {
		s.mu.Lock()
		for !s.closed && len(s.ready()) == 0 {
			s.arrived.Wait()
		}
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return
		}
		s.cfg.Order.Settle()
		s.mu.Lock()
		ready := s.ready()
		s.mu.Unlock()
		if len(ready) > 0 {
			s.take(ready[s.cfg.Order.Pick(len(ready))])
		}
	}
}

// ready are the connections with frames to carry out, by name. The lock is held.
func (s *Server) ready() []*conn {
	var ready []*conn
	for _, c := range s.conns {
		if len(c.frames) > 0 {
			ready = append(ready, c)
		}
	}
	slices.SortStableFunc(ready, func(a, b *conn) int { return strings.Compare(a.name, b.name) })
	return ready
}

// take carries out the frames of a connection up to the first with an effect that others see.
func (s *Server) take(c *conn) {
	for {
		s.mu.Lock()
		if len(c.frames) == 0 || s.closed {
			s.mu.Unlock()
			return
		}
		f := c.frames[0]
		c.frames = c.frames[1:]
		c.room.Broadcast()
		s.mu.Unlock()
		s.process(c, f)
		if f.verb == verbPub && f.reply != "" {
			return
		}
	}
}

// process carries out one frame.
func (s *Server) process(c *conn, f frame) {
	if f.verb != verbPub {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.control(f)
		return
	}
	var fate Fate
	s.mu.Lock()
	op := Op{Client: c.name, Subject: f.subject}
	s.mu.Unlock()
	if s.cfg.Intercept != nil {
		fate = s.cfg.Intercept(op)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.ended {
		return
	}
	if fate.Mute {
		s.muted = f.reply
	}
	if !fate.Lost {
		s.publish(&f)
	}
	s.muted = ""
	if fate.Cut {
		c.cut()
	}
}

// publish gives a message to whom it concerns. The lock is held.
func (s *Server) publish(f *frame) {
	if rest, ok := strings.CutPrefix(f.subject, api); ok {
		if !s.request(rest, f) {
			s.nobody(f)
		}
		return
	}
	if st := s.streamOf(f.subject); st != nil {
		if s.leaderless() {
			s.nobody(f)
			return
		}
		st.inbound(f)
		return
	}
	if !s.deliver(f.subject, f.reply, f.header, f.data) {
		s.nobody(f)
	}
}

// nobody answers that nobody does.
func (s *Server) nobody(f *frame) {
	if f.reply != "" {
		s.deliver(f.reply, "", fmt.Appendf(nil, "NATS/1.0 503\r\nNats-Subject: %s\r\n\r\n", f.subject), nil)
	}
}

func (s *Server) leaderless() bool { return time.Now().Before(s.aloof) }

// deliver sends a message to every subscription on its subject, and reports whether there is one.
// The lock is held.
func (s *Server) deliver(subject, reply string, header, data []byte) bool {
	if subject == s.muted {
		return true
	}
	found := false
	for _, c := range slices.Clone(s.conns) {
		for _, sub := range slices.Clone(c.subs) {
			if matches(sub.subject, subject) {
				found = true
				c.message(sub, subject, reply, header, data)
			}
		}
	}
	return found
}

// listens reports whether anybody subscribes to a subject. The lock is held.
func (s *Server) listens(subject string) bool {
	return slices.ContainsFunc(s.conns, func(c *conn) bool {
		return slices.ContainsFunc(c.subs, func(sub *subscription) bool { return matches(sub.subject, subject) })
	})
}

func (s *Server) streamOf(subject string) *stream {
	for _, name := range s.names {
		if st := s.streams[name]; st.takes(subject) {
			return st
		}
	}
	return nil
}

// now is a time behind that of every stored message.
func (s *Server) now() time.Time {
	now := time.Now().UTC().Round(0)
	if !now.After(s.last) {
		now = s.last.Add(time.Nanosecond)
	}
	s.last = now
	return now
}

// matches reports whether a subject is on a filter with wildcards.
func matches(filter, subject string) bool {
	for {
		f, restFilter, moreFilter := strings.Cut(filter, ".")
		t, restSubject, moreSubject := strings.Cut(subject, ".")
		switch {
		case f == ">":
			return true
		case f != "*" && f != t:
			return false
		case !moreFilter || !moreSubject:
			return moreFilter == moreSubject
		}
		filter, subject = restFilter, restSubject
	}
}

// collide reports whether a subject can be on both filters.
func collide(a, b string) bool {
	for {
		x, restA, moreA := strings.Cut(a, ".")
		y, restB, moreB := strings.Cut(b, ".")
		switch {
		case x == ">" || y == ">":
			return true
		case x != "*" && y != "*" && x != y:
			return false
		case !moreA || !moreB:
			return moreA == moreB
		}
		a, b = restA, restB
	}
}
