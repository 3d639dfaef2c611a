package jet

import (
	"slices"
	"time"
)

// message is a stored message. A deleted one has no place in the log but nil.
type message struct {
	subject  string
	sequence uint64
	header   []byte // with its first line and its end, as on the wire
	data     []byte
	at       time.Time
	damaged  bool // counted, and not delivered
}

// stream is one stream. Its fields are guarded by the server's lock.
type stream struct {
	server    *Server
	cfg       streamConfig
	created   time.Time
	log       []*message // log[i] has the sequence base+1+i
	base      uint64
	count     uint64
	purged    bool // of everything, once
	bytes     uint64
	consumers map[string]*consumer
	atomic    map[string]*atomicBatch
	fast      map[string]*fastBatch
	torn      []*message // the rest of an atomic batch that was stored in part

	room    int // messages until the server is out of room; -1: no limit
	holding bool
	applied uint64   // the last message that readers see, while holding
	held    []answer // to appends since then
}

type answer struct {
	to   string
	data []byte
}

func newStream(s *Server, cfg streamConfig) *stream {
	return &stream{
		server: s, cfg: cfg, created: s.now(), consumers: map[string]*consumer{}, atomic: map[string]*atomicBatch{},
		fast: map[string]*fastBatch{}, room: -1,
	}
}

// last is the last sequence, of a deleted message too.
func (st *stream) last() uint64 { return st.base + uint64(len(st.log)) }

// seen is the last sequence for readers.
func (st *stream) seen() uint64 {
	if st.holding {
		return st.applied
	}
	return st.last()
}

// first is the sequence of the first message, or the one to come.
func (st *stream) first() uint64 {
	for i, m := range st.log {
		if m != nil {
			return st.base + 1 + uint64(i)
		}
	}
	return st.last() + 1
}

func (st *stream) takes(subject string) bool {
	return slices.ContainsFunc(st.cfg.Subjects, func(filter string) bool { return matches(filter, subject) })
}

// held is a message with this sequence, damaged or not, nil if there is none.
func (st *stream) at(sequence uint64) *message {
	if sequence <= st.base || sequence > st.last() {
		return nil
	}
	return st.log[sequence-st.base-1]
}

// load is a message that can be delivered, and that readers see.
func (st *stream) load(sequence uint64) *message {
	if m := st.at(sequence); m != nil && !m.damaged && sequence <= st.seen() {
		return m
	}
	return nil
}

// lastOn is the last message on a filter up to a sequence. On all subjects it is the one with the
// last sequence, or none. Source: LoadLastMsg in nats-server/server/filestore.go.
func (st *stream) lastOn(filter string, upTo uint64) *message {
	if filter == "" || filter == ">" {
		return st.at(upTo)
	}
	for sequence := upTo; sequence > st.base; sequence-- {
		if m := st.at(sequence); m != nil && matches(filter, m.subject) {
			return m
		}
	}
	return nil
}

// nextOn is the first deliverable message on one of the filters from a sequence on.
func (st *stream) nextOn(filters []string, from uint64) *message {
	for sequence := max(from, st.base+1); sequence <= st.seen(); sequence++ {
		if m := st.load(sequence); m != nil && on(filters, m.subject) {
			return m
		}
	}
	return nil
}

// on reports whether a subject is on one of the filters; none stand for all subjects.
func on(filters []string, subject string) bool {
	return len(filters) == 0 ||
		slices.ContainsFunc(filters, func(filter string) bool { return matches(filter, subject) })
}

// size is what a message counts for. Source: fileStoreMsgSizeRaw in
// nats-server/server/filestore.go and memStoreMsgSizeRaw in nats-server/server/memstore.go.
func (st *stream) size(m *message) uint64 {
	const fileOverhead, headerOverhead, memoryOverhead = 22 + 8, 4, 16
	size := len(m.subject) + len(m.header) + len(m.data)
	switch {
	case st.cfg.Storage == "memory":
		size += memoryOverhead
	case len(m.header) > 0:
		size += fileOverhead + headerOverhead
	default:
		size += fileOverhead
	}
	return uint64(size)
}

// store adds a message at the end.
func (st *stream) store(subject string, header, data []byte) uint64 {
	m := &message{subject: subject, sequence: st.last() + 1, header: header, data: data, at: st.server.now()}
	st.log = append(st.log, m)
	st.count++
	st.bytes += st.size(m)
	if st.room > 0 {
		st.room--
	}
	st.rollUp(m)
	for _, c := range st.consumers {
		c.stored(m)
	}
	return m.sequence
}

// signal has every consumer deliver what is new.
func (st *stream) signal() {
	for _, name := range st.consumerNames() {
		st.consumers[name].pump()
	}
}

// rollUp removes the messages before one that stands for them.
func (st *stream) rollUp(m *message) {
	switch header(m.header, headerRollup) {
	case "sub":
		st.purge(m.subject, m.sequence)
	case "all":
		st.purge("", m.sequence)
	}
}

// remove deletes one message.
func (st *stream) remove(sequence uint64) bool {
	m := st.at(sequence)
	if m == nil {
		return false
	}
	st.log[sequence-st.base-1] = nil
	st.count--
	st.bytes -= st.size(m)
	for _, name := range st.consumerNames() {
		st.consumers[name].removed(m)
	}
	st.trim()
	return true
}

// trim forgets the deleted messages before the first one.
func (st *stream) trim() {
	n := 0
	for n < len(st.log) && st.log[n] == nil {
		n++
	}
	st.log, st.base = st.log[n:], st.base+uint64(n)
}

// purge removes the messages on a filter before a sequence; "" stands for all subjects.
func (st *stream) purge(filter string, before uint64) (removed uint64) {
	end := min(before, st.last()+1)
	for sequence := st.base + 1; sequence < end; sequence++ {
		if m := st.at(sequence); m != nil && (filter == "" || matches(filter, m.subject)) && st.remove(sequence) {
			removed++
		}
	}
	return removed
}

// cutTo drops every message behind a sequence, as if it had never been stored.
func (st *stream) cutTo(last uint64) {
	for st.last() > max(last, st.base) {
		if m := st.log[len(st.log)-1]; m != nil {
			st.count--
			st.bytes -= st.size(m)
		}
		st.log = st.log[:len(st.log)-1]
	}
}

func (st *stream) subjects() int {
	seen := map[string]bool{}
	for _, m := range st.log {
		if m != nil {
			seen[m.subject] = true
		}
	}
	return len(seen)
}

// deleted are the sequences between the first and the last message without one.
func (st *stream) deleted() []uint64 {
	var list []uint64
	for i, m := range st.log {
		if m == nil && st.count > 0 {
			list = append(list, st.base+1+uint64(i))
		}
	}
	return list
}

func (st *stream) consumerNames() []string {
	names := make([]string, 0, len(st.consumers))
	for name := range st.consumers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// forget drops what a server has in memory: batches and requests, and consumers where they are
// gone for good.
func (st *stream) forget(consumers bool) {
	clear(st.atomic)
	clear(st.fast)
	for _, name := range st.consumerNames() {
		c := st.consumers[name]
		c.drop()
		if consumers || c.cfg.MemoryStorage {
			delete(st.consumers, name)
		}
	}
}

// respond answers an append: at once, or when readers see it.
func (st *stream) respond(to string, data []byte) {
	switch {
	case to == "" || to == st.server.muted:
	case st.holding:
		st.held = append(st.held, answer{to, data})
	default:
		st.server.deliver(to, "", nil, data)
	}
}
