package ledger

import (
	"crypto/sha256"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage/audit"
)

// The streams of a ledger, by number.
const (
	metered = iota
	billing
	streams
)

func streamNames() [streams]string {
	return [streams]string{events.StreamMetered, events.StreamBilling}
}

func streamFilters() [streams]string {
	return [streams]string{events.SubjectsMetered, events.SubjectsBilling}
}

// stageNames are the stages that write the streams, for advice.
func stageNames() [streams]string { return [streams]string{"projector", "pricer"} }

// of is the position in a stream.
func (p *Positions) of(stream int) *uint64 {
	if stream == metered {
		return &p.Metered
	}
	return &p.Billing
}

// of is the mark of a stream.
func (m *Marks) of(stream int) *[]byte {
	if stream == metered {
		return &m.Metered
	}
	return &m.Billing
}

// mark is how far a stream has been read. The zero mark is its start.
type mark struct {
	Sequence uint64            // of the last message read
	Read     uint64            // messages up to there
	Absent   uint64            // sequences without a message when the reading began, by the server's word
	First    [sha256.Size]byte // of the first message read
	Digest   [sha256.Size]byte
	Audit    []byte // state of the audit of the messages up to there
	// proven: the chain over the messages up to there stands on one of them.
	proven bool
}

func (m *mark) audit(stream int) (*audit.Audit, error) {
	if m.Sequence == 0 {
		return audit.New(streamFilters()[stream]), nil
	}
	return audit.Resume(streamFilters()[stream], m.Audit)
}

// track is the reading of a stream from a mark on.
type track struct {
	from  mark
	audit *audit.Audit
	read  uint64     // messages up to the last one
	last  bus.Stored // the last one; none yet where its Sequence is 0
	// proven: a message has recorded the chain, and it was the one over the messages so far.
	proven bool
}

// absent is how many sequences of a stream have no message, by the server's word. A message that is
// removed later makes it more.
func absent(state *bus.StreamState) uint64 { return state.Last - min(state.Last, state.Messages) }

// newTrack reads a stream from a mark on: from its start, from the zero mark.
func newTrack(stream int, from mark, absent uint64) (*track, error) {
	read, err := from.audit(stream)
	if from.Sequence == 0 {
		from.Absent = absent
	}
	return &track{from: from, audit: read, read: from.Read, proven: from.Sequence == 0 || from.proven}, err
}

func (t *track) take(m *bus.Stored) {
	if t.read == 0 {
		t.from.First = digest(m)
	}
	t.read++
	t.last = *m
	t.proven = t.audit.Add(m) || t.proven
}

// copied is the track as it is now.
func (t *track) copied() *track {
	c := *t
	c.audit = t.audit.Clone()
	return &c
}

// end is the sequence of the last message read.
func (t *track) end() uint64 { return max(t.last.Sequence, t.from.Sequence) }

// mark is how far the stream has been read.
func (t *track) mark() (mark, error) {
	if t.last.Sequence == 0 {
		return t.from, nil
	}
	state, err := t.audit.State()
	return mark{
		Sequence: t.last.Sequence, Read: t.read, Absent: t.from.Absent, First: t.from.First,
		Digest: digest(&t.last), Audit: state,
	}, err
}
