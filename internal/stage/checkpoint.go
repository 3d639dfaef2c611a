package stage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// chain is the running digest over subject and body of every output of a stage, in order: two
// output streams are equal when their chains are. It leaves out headers: a stream rebuilt from the
// same facts has the same chain.
type chain [sha256.Size]byte

func (c chain) next(subject string, body []byte) chain {
	next, _ := c.nextIn(nil, subject, body)
	return next
}

// nextIn is next with memory to work in. It returns the memory for the next call.
func (c chain) nextIn(scratch []byte, subject string, body []byte) (next chain, _ []byte) {
	scratch = append(scratch[:0], c[:]...)
	scratch = binary.BigEndian.AppendUint32(scratch,
		uint32(len(subject))) //nolint:gosec // subjects are at most a few kilobytes
	scratch = append(append(scratch, subject...), body...)
	return sha256.Sum256(scratch), scratch
}

func (c chain) String() string { return hex.EncodeToString(c[:]) }

// checkpoint is the content of the last own message in the output stream. The zero checkpoint
// belongs to a stage without outputs.
type checkpoint struct {
	Sequence uint64 // of the message in the output stream
	position position
	chain    chain
	source   identity
	logic    string
	base     base
}

// base is the end of the last replay: later outputs are derived by its logic, from the state after
// its last input. The zero base belongs to outputs without a replay.
type base struct {
	First  uint64 // first message of the input stream at that time
	Input  uint64 // last input of the replay
	Output uint64 // sequence of the replay's last message
	Chain  chain  // over every output up to Output
}

func (b base) String() string {
	return fmt.Sprintf("%d-%d/%d/%s", b.First, b.Input, b.Output, b.Chain)
}

func parseBase(text string) (b base, err error) {
	if text == "" {
		return base{}, nil
	}
	parts := strings.Split(text, "/")
	if len(parts) != 3 {
		return base{}, errors.New("it has not three parts")
	}
	first, last, _ := strings.Cut(parts[0], "-")
	for _, number := range []struct {
		text string
		to   *uint64
	}{{first, &b.First}, {last, &b.Input}, {parts[1], &b.Output}} {
		if *number.to, err = strconv.ParseUint(number.text, 10, 64); err != nil {
			return base{}, err
		}
	}
	digest, err := hex.DecodeString(parts[2])
	if err == nil && copy(b.Chain[:], digest) != len(b.Chain) {
		err = errors.New("its digest is too short")
	}
	return b, err
}

// readCheckpoint reads the last own message of the output stream.
func (c *Config) readCheckpoint(ctx context.Context, b Source) (checkpoint, error) {
	message, err := b.Last(ctx, c.Output, c.OutputFilter)
	if errors.Is(err, bus.ErrNotFound) {
		return checkpoint{}, nil
	}
	if err != nil {
		return checkpoint{}, err
	}
	return parseCheckpoint(c.Output, &message)
}

func parseCheckpoint(stream string, message *bus.Stored) (checkpoint, error) {
	wrong := func(what string) (checkpoint, error) {
		return checkpoint{}, fmt.Errorf("%w: message %d of %s (%s) %s. It was not published by Daybook: remove it "+
			"(nats stream rmm %s %d) or restore the stream",
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
	cp.position = position{sequence, uint32(part)}
	digest, err := hex.DecodeString(message.Header(HeaderChain))
	if err != nil || copy(cp.chain[:], digest) != len(cp.chain) {
		return wrong("has no " + HeaderChain + " header, so it does not end a batch")
	}
	at, err := time.Parse(time.RFC3339Nano, message.Header(HeaderSourceTime))
	if err != nil {
		return wrong("has no " + HeaderSourceTime + " header")
	}
	cp.source = identity{sequence, message.Header(HeaderSourceID), at}
	if cp.base, err = parseBase(message.Header(HeaderBase)); err != nil {
		return wrong("has a wrong " + HeaderBase + " header")
	}
	return cp, nil
}

// source is the ce-source of the stage's messages.
func (c *Config) source() string { return "daybook/" + c.Name }

// messages makes the next batch from the first pending outputs.
func (s *Stage) messages() []bus.Message {
	n := min(len(s.pending), bus.MaxBatch)
	messages := make([]bus.Message, n)
	headers := make([]events.Header, 0, (events.HeaderCount+2)*n+5)
	source := s.cfg.source()
	for i := range messages {
		p := &s.pending[i]
		first := len(headers)
		headers = events.AppendHeaders(headers, p.id, p.kind, source, events.FormatTime(p.time))
		headers = append(headers,
			events.Header{Key: HeaderSourceSeq, Value: strconv.FormatUint(p.position.Sequence, 10)})
		if p.position.Part > 0 {
			headers = append(headers, events.Header{Key: HeaderPart, Value: strconv.FormatUint(uint64(p.position.Part),
				10)})
		}
		if i == n-1 {
			headers = append(headers,
				events.Header{Key: HeaderChain, Value: p.chain.String()},
				events.Header{Key: HeaderSourceID, Value: p.source.ID},
				events.Header{Key: HeaderSourceTime, Value: p.source.Time.UTC().Format(time.RFC3339Nano)},
				events.Header{Key: HeaderLogic, Value: s.cfg.Logic})
			if s.cp.base != (base{}) {
				headers = append(headers, events.Header{Key: HeaderBase, Value: s.cp.base.String()})
			}
		}
		messages[i] = bus.Message{
			Subject: p.subject, Header: headers[first:len(headers):len(headers)],
			Data: s.slab[p.from:p.to],
		}
	}
	return messages
}

// marker is the output for a stretch of inputs without outputs.
func (c *Config) marker(in *bus.Stored) Output {
	id := events.ID("marker", c.Name, strconv.FormatUint(in.Sequence, 10))
	return Output{
		Subject: c.Marker, Type: events.TypeMarker, ID: id, Time: in.Time,
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
	return fmt.Errorf("%w: %s was derived by %q, this is %q: %s. Run that version with those settings, or have "+
		"`daybook replay %s` publish the difference",
		ErrDiverged, c.Output, cp.logic, c.Logic, logicDifference(cp.logic, c.Logic), c.Name)
}

// logicDifference names, for a person, the differences between two logics: the version, or
// settings.
func logicDifference(stored, ours string) string {
	settings := func(logic string) (names []string, values map[string]string) {
		values = map[string]string{}
		for i, part := range strings.Fields(logic) {
			name, value, ok := strings.Cut(part, "=")
			if !ok {
				name, value = "version", part
				if i > 0 {
					name, value = part, "set"
				}
			}
			names = append(names, name)
			values[name] = value
		}
		return names, values
	}
	theirNames, theirs := settings(stored)
	ourNames, own := settings(ours)
	var differences []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(append(theirNames, ourNames...)))) {
		if theirs[name] != own[name] {
			differences = append(differences, fmt.Sprintf("%s is %s there and %s here", name, cmp.Or(theirs[name],
				"not set"), cmp.Or(own[name], "not set")))
		}
	}
	return strings.Join(differences, ", ")
}
