package stage

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// chain is the running digest over subject and body of every output of a stage, in order: two output streams are equal
// when their chains are. It leaves out headers, so that a stream rebuilt from the same facts has the same chain.
type chain [sha256.Size]byte

func (c chain) next(subject string, body []byte) chain {
	h := sha256.New()
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(subject))) //nolint:gosec // subjects are at most a few kilobytes
	h.Write(c[:])
	h.Write(size[:])
	h.Write([]byte(subject))
	h.Write(body)
	var out chain
	h.Sum(out[:0])
	return out
}

func (c chain) String() string { return hex.EncodeToString(c[:]) }

// checkpoint is what the last own message in the output stream says. The zero checkpoint is that of a stage that has put
// out nothing.
type checkpoint struct {
	Sequence uint64 // of the message in the output stream
	place    place
	chain    chain
	source   identity
	logic    string
}

// readCheckpoint reads the last own message of the output stream.
func (s *Stage) readCheckpoint(ctx context.Context) (checkpoint, error) {
	message, err := s.bus.Last(ctx, s.cfg.Output, s.cfg.OutputFilter)
	if errors.Is(err, bus.ErrNotFound) {
		return checkpoint{}, nil
	}
	if err != nil {
		return checkpoint{}, err
	}
	return parseCheckpoint(s.cfg.Output, &message)
}

func parseCheckpoint(stream string, message *bus.Stored) (checkpoint, error) {
	wrong := func(what string) (checkpoint, error) {
		return checkpoint{}, fmt.Errorf("%w: message %d of %s (%s) %s. It was not published by Daybook: remove it (nats stream rmm %s %d) or restore the stream",
			ErrDiverged, message.Sequence, stream, message.Subject, what, stream, message.Sequence)
	}
	cp := checkpoint{Sequence: message.Sequence, logic: message.Header(HeaderLogic)}
	sequence, err := strconv.ParseUint(message.Header(HeaderSourceSeq), 10, 64)
	if err != nil {
		return wrong("has no " + HeaderSourceSeq + " header")
	}
	var part uint64
	if text := message.Header(HeaderPart); text != "" {
		if part, err = strconv.ParseUint(text, 10, 32); err != nil {
			return wrong("has a wrong " + HeaderPart + " header")
		}
	}
	cp.place = place{sequence, uint32(part)}
	digest, err := hex.DecodeString(message.Header(HeaderChain))
	if err != nil || copy(cp.chain[:], digest) != len(cp.chain) {
		return wrong("has no " + HeaderChain + " header, so it does not end a batch")
	}
	at, err := time.Parse(time.RFC3339Nano, message.Header(HeaderSourceTime))
	if err != nil {
		return wrong("has no " + HeaderSourceTime + " header")
	}
	cp.source = identity{sequence, message.Header(HeaderSourceID), at}
	return cp, nil
}

// messages makes the next batch from the first pending outputs.
func (s *Stage) messages() []bus.Message {
	n := min(len(s.pending), bus.MaxBatch)
	messages := make([]bus.Message, n)
	headers := make([]bus.Header, 0, 8*n+4)
	source := "daybook/" + s.cfg.Name
	for i := range messages {
		p := &s.pending[i]
		first := len(headers)
		headers = append(headers,
			bus.Header{Key: events.HeaderID, Value: p.id},
			bus.Header{Key: events.HeaderType, Value: p.kind},
			bus.Header{Key: events.HeaderSource, Value: source},
			bus.Header{Key: events.HeaderTime, Value: events.FormatTime(p.time)},
			bus.Header{Key: events.HeaderSpecVersion, Value: events.SpecVersion},
			bus.Header{Key: events.HeaderContentType, Value: events.ContentType},
			bus.Header{Key: HeaderSourceSeq, Value: strconv.FormatUint(p.place.Sequence, 10)})
		if p.place.Part > 0 {
			headers = append(headers, bus.Header{Key: HeaderPart, Value: strconv.FormatUint(uint64(p.place.Part), 10)})
		}
		if i == n-1 {
			headers = append(headers,
				bus.Header{Key: HeaderChain, Value: p.chain.String()},
				bus.Header{Key: HeaderSourceID, Value: p.source.ID},
				bus.Header{Key: HeaderSourceTime, Value: p.source.Time.UTC().Format(time.RFC3339Nano)},
				bus.Header{Key: HeaderLogic, Value: s.cfg.Logic})
		}
		messages[i] = bus.Message{Subject: p.subject, Header: headers[first:len(headers):len(headers)], Data: s.slab[p.from:p.to]}
	}
	return messages
}

// marker is the output that passes inputs without outputs.
func (s *Stage) marker(in *bus.Stored) Output {
	id := events.ID("marker", s.cfg.Name, strconv.FormatUint(in.Sequence, 10))
	return Output{Subject: s.cfg.Marker, Type: events.TypeMarker, ID: id, Time: in.Time, Body: &events.Marker{InputSequence: in.Sequence}}
}

func (s *Stage) otherLogic(cp checkpoint) error {
	return fmt.Errorf("%w: %s was derived by %q, this is %q. Run that version with those settings, or rebuild %s from %s",
		ErrDiverged, s.cfg.Output, cp.logic, s.cfg.Logic, s.cfg.Output, s.cfg.Input)
}
