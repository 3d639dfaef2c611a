package jet

import (
	"fmt"
	"slices"
	"time"
)

// Restart ends every connection and forgets all that a server keeps in memory: batches under way,
// and consumers in memory. finish: the rest of an atomic batch that was stored in part is stored.
// It also ends a want of room.
func (s *Server) Restart(finish bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.names {
		st := s.streams[name]
		st.settle(true)
		st.room = -1
		st.forget(false)
		if finish {
			st.mend()
		}
		st.torn = nil
	}
	s.cutAll()
}

// LoseTail is a power cut: a restart that leaves a stream with its messages up to last, at most.
func (s *Server) LoseTail(stream string, last uint64) {
	s.mu.Lock()
	if st := s.streams[stream]; st != nil {
		st.settle(true)
		st.cutTo(last)
		st.torn = nil
	}
	s.mu.Unlock()
	s.Restart(false)
}

// StepDown takes the leader of every stream away for a time. Atomic batches under way are lost,
// and consumers in memory with them; fast-ingest batches go on with the next leader.
func (s *Server) StepDown(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aloof = time.Now().Add(d)
	for _, name := range s.names {
		st := s.streams[name]
		st.settle(false)
		clear(st.atomic)
		st.rewind()
		fast := st.fast
		st.fast = map[string]*fastBatch{}
		st.forget(false)
		st.fast = fast
	}
}

// rewind takes fast-ingest batches back to what is stored. Source: fastBatchReset in
// nats-server/server/jetstream_batching.go.
func (st *stream) rewind() {
	for _, b := range st.fast {
		if lost := b.stream - min(b.stream, st.last()); lost > 0 {
			b.last -= min(lost, b.last)
			b.stored, b.told, b.stream = b.last, min(b.told, b.last), st.last()
		}
	}
}

// Hold keeps what is appended to a stream from readers, and the answers from the writers, until
// Release or a change of leader: it is proposed, and not applied.
func (s *Server) Hold(stream string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.streams[stream]; st != nil && !st.holding {
		st.holding, st.applied = true, st.last()
	}
}

// Release applies what was proposed, and answers.
func (s *Server) Release(stream string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.streams[stream]; st != nil {
		st.settle(true)
	}
}

// settle ends a hold. Without keep, what was proposed is lost, and nobody is answered.
func (st *stream) settle(keep bool) {
	if !st.holding {
		return
	}
	st.holding = false
	held := st.held
	st.held = nil
	if !keep {
		st.cutTo(st.applied)
		return
	}
	for _, a := range held {
		st.server.deliver(a.to, "", nil, a.data)
	}
	st.signal()
}

// Heal ends a want of leaders, of room and of replicas.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aloof = time.Time{}
	for _, name := range s.names {
		s.streams[name].settle(true)
		s.streams[name].room = -1
	}
}

// Room limits the messages that a stream can still take before the server is out of room; -1: no
// limit.
func (s *Server) Room(stream string, messages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.streams[stream]; st != nil {
		st.room = messages
	}
}

// Damage makes a message one that the server counts and cannot deliver. It reports whether there
// is one.
func (s *Server) Damage(stream string, sequence uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[stream]
	if st == nil || st.at(sequence) == nil {
		return false
	}
	st.at(sequence).damaged = true
	return true
}

// Delete removes a message, as an operator would. It reports whether there was one.
func (s *Server) Delete(stream string, sequence uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[stream]
	return st != nil && st.remove(sequence)
}

// Publish stores a message of another writer, and returns its sequence.
func (s *Server) Publish(subject string, data []byte, headers ...string) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streamOf(subject)
	if st == nil || st.full() {
		return 0, fmt.Errorf("no stream takes %s", subject)
	}
	var head []byte
	if len(headers) > 0 {
		head = withHeaders(nil, headers...)
	}
	sequence := st.store(subject, head, data)
	st.signal()
	return sequence, nil
}

// Message is a stored message, for judges.
type Message struct {
	Subject  string
	Sequence uint64
	Data     []byte
	raw      []byte
}

// Header is the first value of a header, "" if there is none.
func (m *Message) Header(key string) string { return header(m.raw, key) }

// Messages are the messages of a stream, damaged ones left out.
func (s *Server) Messages(stream string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[stream]
	if st == nil {
		return nil
	}
	var list []Message
	for _, m := range st.log {
		if m != nil && !m.damaged {
			list = append(list, Message{m.subject, m.sequence, slices.Clone(m.data), m.header})
		}
	}
	return list
}

// Last is the last sequence of a stream.
func (s *Server) Last(stream string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.streams[stream]; st != nil {
		return st.last()
	}
	return 0
}
