package jet

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Headers of appends.
const (
	headerStream      = "Nats-Expected-Stream"
	headerLast        = "Nats-Expected-Last-Sequence"
	headerLastSubject = "Nats-Expected-Last-Subject-Sequence"
	headerSubject     = "Nats-Expected-Last-Subject-Sequence-Subject"
	headerRollup      = "Nats-Rollup"
)

// apiError is an error of the server's answers.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

// The errors that the model answers with. Source: nats-server/server/errors.json.
func errWrongLast(sequence uint64) *apiError {
	return &apiError{400, 10071, fmt.Sprintf("wrong last sequence: %d", sequence)}
}

func errTooLarge(size int) *apiError {
	return &apiError{400, 10199, fmt.Sprintf("atomic publish batch is too large: %d", size)}
}

func errReplicas() *apiError {
	return &apiError{500, 10074, "replicas > 1 not supported in non-clustered mode"}
}

func errConfig(text string) *apiError { return &apiError{500, 10052, text} }

func errBadRequest() *apiError  { return &apiError{400, 10003, "bad request"} }
func errConstant() *apiError    { return &apiError{400, 10164, "wrong last sequence"} }
func errNotStream() *apiError   { return &apiError{400, 10060, "expected stream does not match"} }
func errNoRoom() *apiError      { return &apiError{503, 10023, "insufficient resources"} }
func errMaxBytes() *apiError    { return &apiError{503, 10077, "maximum bytes exceeded"} }
func errMaxMessages() *apiError { return &apiError{503, 10077, "maximum messages exceeded"} }
func errTooBig() *apiError      { return &apiError{400, 10054, "message size exceeds maximum allowed"} }
func errNoStream() *apiError    { return &apiError{404, 10059, "stream not found"} }
func errNoMessage() *apiError   { return &apiError{404, 10037, "no message found"} }
func errNoConsumer() *apiError  { return &apiError{404, 10014, "consumer not found"} }
func errNoLeader() *apiError {
	return &apiError{503, 10008, "JetStream system temporarily unavailable"}
}
func errAtomicOff() *apiError { return &apiError{400, 10174, "atomic publish is disabled"} }
func errAtomicSequence() *apiError {
	return &apiError{400, 10175, "atomic publish sequence is missing"}
}

func errIncomplete() *apiError { return &apiError{400, 10176, "atomic publish batch is incomplete"} }

func errInflight() *apiError { return &apiError{429, 10210, "atomic publish too many inflight"} }

func errBadCommit() *apiError   { return &apiError{400, 10200, "atomic publish batch commit is invalid"} }
func errFastOff() *apiError     { return &apiError{400, 10205, "batch publish is disabled"} }
func errFastPattern() *apiError { return &apiError{400, 10206, "batch publish pattern is invalid"} }
func errFastUnknown() *apiError { return &apiError{400, 10208, "batch publish ID unknown"} }

func errRollup(text string) *apiError { return &apiError{500, 10111, text} }

func errNoExpected() *apiError {
	return &apiError{400, 10193, "missing sequence for expected last sequence per subject"}
}

// inbound takes a message for the stream. Answers go out before deliveries.
func (st *stream) inbound(f *frame) {
	st.take(f)
	st.signal()
}

func (st *stream) take(f *frame) {
	if b, fast := parseFast(f.reply); fast {
		st.fastMessage(b, f)
		return
	}
	if id := header(f.header, batchID); id != "" {
		st.atomicMessage(id, f)
		return
	}
	if st.server.deliver(f.subject, f.reply, f.header, f.data); f.reply == "" {
		if st.check(f, nil) == nil {
			st.store(f.subject, f.header, f.data)
		}
		return
	}
	if err := st.check(f, nil); err != nil {
		st.refuse(f.reply, err)
		return
	}
	st.respond(f.reply, st.ack(st.store(f.subject, f.header, f.data), "", 0))
}

func (st *stream) ack(sequence uint64, batch string, count uint64) []byte {
	if batch == "" {
		return fmt.Appendf(nil, `{"stream":%q,"seq":%d}`, st.cfg.Name, sequence)
	}
	return fmt.Appendf(nil, `{"stream":%q,"seq":%d,"batch":%q,"count":%d}`, st.cfg.Name, sequence, batch, count)
}

// refuse answers an append with an error. A refusal does not wait for readers.
func (st *stream) refuse(to string, err *apiError) {
	if to == "" || to == st.server.muted {
		return
	}
	st.server.deliver(to, "", nil, must(json.Marshal(struct {
		Error    *apiError `json:"error"`
		Stream   string    `json:"stream"`
		Sequence uint64    `json:"seq"`
	}{err, st.cfg.Name, 0})))
}

// full reports whether the server is out of room.
func (st *stream) full() bool { return st.room == 0 }

// staged is what the messages before one in an atomic batch have taken.
type staged struct {
	subjects []string
	expected map[string]uint64
	messages uint64
	bytes    uint64
}

// check decides about a message, by itself or, with batch, behind the staged ones of a batch.
// Source: processJetStreamMsg in nats-server/server/stream.go, and
// checkMsgHeadersPreClusteredProposal in nats-server/server/jetstream_batching.go.
func (st *stream) check(f *frame, batch *staged) *apiError {
	if most := st.cfg.MaxMsgSize; most >= 0 && len(f.header)+len(f.data) > int(most) {
		return errTooBig()
	}
	if name := header(f.header, headerStream); name != "" && name != st.cfg.Name {
		return errNotStream()
	}
	first, second := st.lastSubject, st.lastSequence
	if batch != nil {
		first, second = second, first
	}
	if err := first(f, batch); err != nil {
		return err
	}
	if err := second(f, batch); err != nil {
		return err
	}
	switch rollup := header(f.header, headerRollup); {
	case rollup == "":
	case !st.cfg.AllowRollup || st.cfg.DenyPurge:
		return errRollup("rollup not permitted")
	case rollup != "sub" && rollup != "all":
		return errRollup(fmt.Sprintf("rollup value invalid: %q", rollup))
	}
	if batch == nil && st.full() {
		return errNoRoom()
	}
	return st.limits(f, batch)
}

func (st *stream) lastSequence(f *frame, batch *staged) *apiError {
	text := header(f.header, headerLast)
	if text == "" {
		return nil
	}
	want, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil // as the server does: no number, no expectation
	}
	last := st.last()
	if batch != nil {
		last += batch.messages
	}
	if want != last {
		return errWrongLast(last)
	}
	if batch != nil && batch.messages > 0 {
		return errConstant()
	}
	return nil
}

func (st *stream) lastSubject(f *frame, batch *staged) *apiError {
	filter := header(f.header, headerSubject)
	want, err := strconv.ParseUint(header(f.header, headerLastSubject), 10, 64)
	if err != nil {
		if filter != "" {
			return errNoExpected()
		}
		return nil
	}
	if filter == "" {
		filter = f.subject
	}
	if batch != nil && slices.Contains(batch.subjects, filter) {
		return errConstant()
	}
	found := uint64(0)
	if m := st.lastOn(filter, st.last()); m != nil {
		found = m.sequence
	}
	if batch != nil {
		if known, ok := batch.expected[filter]; ok {
			found = known
		}
	}
	if want != found {
		return errWrongLast(found)
	}
	if batch != nil {
		batch.expected[filter] = found
	}
	return nil
}

// limits are those of a stream that refuses new messages.
func (st *stream) limits(f *frame, batch *staged) *apiError {
	messages, bytes := st.count+1, st.bytes+st.size(&message{subject: f.subject, header: f.header, data: f.data})
	if batch != nil {
		messages, bytes = messages+batch.messages, bytes+batch.bytes
	}
	if st.cfg.Discard != "new" {
		return nil
	}
	if most := st.cfg.MaxMsgs; most > 0 && messages > uint64(most) {
		return errMaxMessages()
	}
	if most := st.cfg.MaxBytes; most > 0 && bytes > uint64(most) {
		return errMaxBytes()
	}
	return nil
}
