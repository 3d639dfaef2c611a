package jet

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Limits of fast-ingest batches.
const (
	fastSuffix      = ".$FI"
	maxFastInflight = 1000
	maxFlow         = 500
	leastFlow       = 10
)

// Operations of a fast-ingest batch.
const (
	fastStart = iota
	fastAppend
	fastCommit
	fastEnd
	fastPing
)

// fastOp is the content of a reply subject: <inbox>.<flow>.<gap mode>.<sequence>.<operation>.$FI.
type fastOp struct {
	id        string
	sequence  uint64
	flow      uint16
	ping      bool
	gapOK     bool
	commit    bool // with the message, or before it
	commitEnd bool
}

// fastBatch is a fast-ingest batch under way. One server stores each message before it takes the
// next, so there are never pending ones.
type fastBatch struct {
	last    uint64 // batch sequence that came
	stored  uint64 // batch sequence that was stored, or given up
	stream  uint64 // stream sequence of the last stored one
	told    uint64 // batch sequence of the last flow message
	flow    uint16
	most    uint16
	gapOK   bool
	expires time.Time
}

// parseFast reads a reply subject. fast: it is meant for one; the operation is nil if it is
// malformed. Source: getFastBatch in nats-server/server/stream.go.
func parseFast(reply string) (op *fastOp, fast bool) {
	rest, ok := strings.CutSuffix(reply, fastSuffix)
	if !ok || rest == "" {
		return nil, false
	}
	tokens := strings.Split(rest, ".")
	n := len(tokens)
	if n < 5 {
		return nil, true
	}
	code, err := strconv.Atoi(tokens[n-1])
	sequence, err2 := strconv.ParseUint(tokens[n-2], 10, 64)
	gap := tokens[n-3]
	flow, err3 := strconv.Atoi(tokens[n-4])
	switch {
	case err != nil, err2 != nil, code < fastStart, code > fastPing, sequence == 0, sequence == math.MaxUint64,
		sequence == 1 && code == fastEnd, code == fastStart && sequence != 1, code == fastAppend && sequence <= 1,
		gap != "fail" && gap != "ok":
		return nil, true
	}
	if err3 != nil || flow <= 0 {
		flow = leastFlow
	}
	return &fastOp{
		id: tokens[n-5], sequence: sequence, flow: uint16(min(flow, math.MaxUint16)),
		ping: code == fastPing, gapOK: gap == "ok", commit: code == fastCommit || code == fastEnd,
		commitEnd: code == fastEnd,
	}, true
}

// fastMessage takes a message of a fast-ingest batch. Source: processJetStreamFastBatchMsg in
// nats-server/server/stream.go, without a cluster.
func (st *stream) fastMessage(op *fastOp, f *frame) {
	for id, b := range st.fast {
		if time.Now().After(b.expires) {
			delete(st.fast, id)
		}
	}
	b, err := st.fastBatch(op, f)
	if err != nil {
		st.refuse(f.reply, err)
		return
	}
	b.expires = time.Now().Add(batchTimeout)
	if op.ping {
		st.fastPing(op, b, f.reply)
		return
	}
	b.last++
	if b.last != op.sequence {
		st.fastSay(f.reply, map[string]any{"type": "gap", "last_seq": b.last, "seq": op.sequence})
		if !b.gapOK || op.sequence < b.last {
			b.last--
			st.fastFinish(op, b, f.reply)
			return
		}
		b.last = op.sequence
	}
	if op.commitEnd {
		b.last--
		b.stored = b.last
		st.fastFinish(op, b, f.reply)
		return
	}
	if op.sequence == 1 && !op.commit {
		st.fastSay(f.reply, map[string]any{"type": "ack", "seq": 0, "msgs": b.flow})
	}
	st.fastStore(op, b, f)
}

// fastBatch finds the batch of a message, or begins it.
func (st *stream) fastBatch(op *fastOp, f *frame) (*fastBatch, *apiError) {
	switch {
	case st.full():
		return nil, errNoRoom()
	case st.cfg.MaxMsgSize >= 0 && len(f.header)+len(f.data) > int(st.cfg.MaxMsgSize):
		return nil, errTooBig()
	case !st.cfg.AllowBatched:
		return nil, errFastOff()
	case op == nil:
		return nil, errFastPattern()
	}
	if b := st.fast[op.id]; b != nil {
		return b, nil
	}
	if op.sequence != 1 || op.ping {
		return nil, errFastUnknown()
	}
	if len(st.fast) >= maxFastInflight {
		return nil, errInflight()
	}
	b := &fastBatch{gapOK: op.gapOK, most: op.flow, flow: min(maxFlow, op.flow)}
	st.fast[op.id] = b
	if len(st.fast) > 1 {
		b.flow = 1
	}
	return b, nil
}

// fastPing repeats the last flow message.
func (st *stream) fastPing(op *fastOp, b *fastBatch, reply string) {
	if op.sequence > b.last {
		st.fastSay(reply, map[string]any{"type": "gap", "last_seq": b.last + 1, "seq": op.sequence + 1})
		if !b.gapOK {
			st.fastFinish(op, b, reply)
			return
		}
		b.last, b.stored = op.sequence, op.sequence
		if st.fastFlow(b, reply) {
			return
		}
	}
	st.fastSay(reply, map[string]any{"type": "ack", "seq": b.told, "msgs": b.flow})
}

// fastStore stores a message, or ends the batch before it.
func (st *stream) fastStore(op *fastOp, b *fastBatch, f *frame) {
	if err := st.check(f, &staged{expected: map[string]uint64{}}); err != nil {
		if !op.gapOK && b.last == 1 {
			delete(st.fast, op.id)
			st.refuse(f.reply, err)
			return
		}
		st.fastSay(f.reply, map[string]any{"type": "err", "seq": op.sequence, "error": err})
		if op.gapOK && !op.commit {
			return
		}
		b.last--
		b.stored = b.last
		st.fastFinish(op, b, f.reply)
		return
	}
	b.stream = st.store(f.subject, f.header, f.data)
	b.stored = b.last
	if op.commit {
		delete(st.fast, op.id)
		st.respond(f.reply, st.ack(b.stream, op.id, op.sequence))
		return
	}
	st.fastFlow(b, f.reply)
}

// fastFinish ends a batch with an acknowledgement of what is stored.
func (st *stream) fastFinish(op *fastOp, b *fastBatch, reply string) {
	delete(st.fast, op.id)
	st.respond(reply, st.ack(b.stream, op.id, b.last))
}

// fastFlow tells the client how far its messages are stored, as often as it may know.
func (st *stream) fastFlow(b *fastBatch, reply string) bool {
	every := uint64(b.flow)
	if b.stored < b.told+every {
		return false
	}
	b.told += (b.stored - b.told) / every * every
	most := uint16(min(max(maxFlow/len(st.fast), 1), int(b.most))) //nolint:gosec // at most maxFlow
	switch {
	case b.flow < most:
		b.flow = min(2*b.flow, most)
	case b.flow > most:
		b.flow = max(b.flow/2, most)
	}
	st.fastSay(reply, map[string]any{"type": "ack", "seq": b.told, "msgs": b.flow})
	return true
}

func (st *stream) fastSay(reply string, body map[string]any) {
	st.respond(reply, must(json.Marshal(body)))
}
