package stage

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage/audit"
	"github.com/daybook-billing/daybook/internal/stage/logic"
)

// chain is over every output of a stage, in order.
type chain = audit.Chain

// checkpoint is the end of the stage's messages in the output stream. The zero checkpoint belongs
// to a stage without outputs.
type checkpoint struct {
	Sequence uint64 // of the last message in the output stream
	position position
	chain    chain
	count    uint64 // own messages in the stream up to here
	ends     bool   // the last message ends a batch: chain and count stand on it
	// source is the input of the last message that ends a batch: the last one, or one before it
	source identity
	logic  string
	base   base
}

// base is the end of the last replay.
type base = audit.Base

// source is the ce-source of the stage's messages.
func (c *Config) source() string { return "daybook/" + c.Name }

// due is how many of the pending outputs the next batch has. Behind a message in the middle of a
// batch it has one: so every message has one that ends a batch among the bus.MaxBatch before it,
// however often batches break off.
func (s *Stage) due() int {
	if s.cp.Sequence != 0 && !s.cp.ends {
		return min(len(s.pending), 1)
	}
	return min(len(s.pending), bus.MaxBatch)
}

// batchHeaders are the headers of a batch beside those of its messages.
const batchHeaders = 5

// messages makes the next batch from the first pending outputs. Its first message names the logic,
// and the base: a beginning of the batch may be all that is stored. Its last one has the chain.
func (s *Stage) messages() []bus.Message {
	n := s.due()
	messages := make([]bus.Message, n)
	headers := make([]events.Header, 0, (events.HeaderCount+2)*n+batchHeaders)
	source := s.cfg.source()
	for i := range messages {
		p := &s.pending[i]
		first := len(headers)
		headers = events.AppendHeaders(headers, p.id, p.kind, source)
		headers = append(headers,
			events.Header{Key: HeaderSourceSeq, Value: strconv.FormatUint(p.position.Sequence, 10)})
		if p.position.Part > 0 {
			headers = append(headers, events.Header{Key: HeaderPart, Value: strconv.FormatUint(uint64(p.position.Part),
				10)})
		}
		if i == 0 {
			headers = append(headers, s.opening()...)
		}
		if i == n-1 {
			headers = append(headers, p.ending()...)
		}
		messages[i] = bus.Message{
			Subject: p.subject, Header: headers[first:len(headers):len(headers)],
			Data: s.slab[p.from:p.to],
		}
	}
	return messages
}

// opening are the headers of the first message of a batch.
func (s *Stage) opening() []events.Header {
	headers := []events.Header{{Key: HeaderLogic, Value: s.cfg.Logic}}
	if s.cp.base != (base{}) {
		headers = append(headers, events.Header{Key: HeaderBase, Value: s.cp.base.String()})
	}
	return headers
}

// ending are the headers of the last message of a batch.
func (p *pending) ending() []events.Header {
	return []events.Header{
		{Key: HeaderChain, Value: p.chain.String()},
		{Key: HeaderCount, Value: strconv.FormatUint(p.count, 10)},
		{Key: HeaderSourceID, Value: p.source.ID},
	}
}

// marker is the output for a stretch of inputs without outputs.
func (c *Config) marker(in *bus.Stored) Output {
	id := events.ID("marker", c.Name, strconv.FormatUint(in.Sequence, 10))
	return Output{
		Subject: c.Marker, Type: events.TypeMarker, ID: id,
		Body: &events.Marker{InputSequence: in.Sequence},
	}
}

// unfinished begins the logic of an interrupted replay's outputs: neither the former program nor
// today's goes on from there.
const unfinished = "unfinished replay"

func (c *Config) otherLogic(cp checkpoint) error {
	if strings.HasPrefix(cp.logic, unfinished) {
		return fmt.Errorf("%w: a replay of %s was interrupted. Run `daybook replay %s` again: it goes on from there",
			ErrDiverged, c.Output, c.Name)
	}
	if cp.logic == "" {
		return fmt.Errorf("%w: the message that begins the last batch in %s is missing. Have `daybook replay %s` "+
			"publish what is right, or restore %s from a backup", ErrDiverged, c.Output, c.Name, c.Output)
	}
	return fmt.Errorf("%w: %s was derived by %q, this is %q: %s. Run that version with those settings, or have "+
		"`daybook replay %s` publish the difference",
		ErrDiverged, c.Output, cp.logic, c.Logic, logic.Difference(cp.logic, c.Logic), c.Name)
}
