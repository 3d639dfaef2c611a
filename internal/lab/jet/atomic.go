package jet

import (
	"strconv"
	"time"
)

// Headers and limits of atomic batches.
const (
	batchID       = "Nats-Batch-Id"
	batchSequence = "Nats-Batch-Sequence"
	batchCommit   = "Nats-Batch-Commit"

	maxBatch     = 1000
	maxInflight  = 50
	batchTimeout = 10 * time.Second
)

type atomicBatch struct {
	frames  []frame
	expires time.Time
}

// atomicMessage takes a message of an atomic batch: it is staged until the last one commits all.
// Source: processJetStreamBatchMsg in nats-server/server/stream.go.
func (st *stream) atomicMessage(id string, f *frame) {
	for known, b := range st.atomic {
		if time.Now().After(b.expires) {
			delete(st.atomic, known)
		}
	}
	b, commit, err := st.stage(id, f)
	if err != nil {
		if err.ErrCode != errNoRoom().ErrCode && err.ErrCode != errAtomicOff().ErrCode {
			delete(st.atomic, id)
		}
		st.refuse(f.reply, err)
		return
	}
	if commit == "" {
		if f.reply != "" {
			st.server.deliver(f.reply, "", nil, nil)
		}
		return
	}
	st.commit(id, b, commit == "eob", f.reply)
}

// stage adds a message to its batch, and gives the batch and the commit header.
func (st *stream) stage(id string, f *frame) (*atomicBatch, string, *apiError) {
	switch {
	case st.full():
		return nil, "", errNoRoom()
	case st.cfg.MaxMsgSize >= 0 && len(f.header)+len(f.data) > int(st.cfg.MaxMsgSize):
		return nil, "", errTooBig()
	case !st.cfg.AllowAtomic:
		return nil, "", errAtomicOff()
	}
	sequence, err := strconv.Atoi(header(f.header, batchSequence))
	if err != nil {
		return nil, "", errAtomicSequence()
	}
	commit := header(f.header, batchCommit)
	size := sequence
	if commit == "eob" {
		size--
	}
	b := st.atomic[id]
	if b == nil {
		switch {
		case sequence != 1 && size > maxBatch:
			return nil, "", errTooLarge(maxBatch)
		case sequence != 1:
			return nil, "", errIncomplete()
		case len(st.atomic) >= maxInflight:
			return nil, "", errInflight()
		}
		b = &atomicBatch{}
		st.atomic[id] = b
	}
	switch {
	case commit != "" && commit != "1" && commit != "eob":
		return nil, "", errBadCommit()
	case sequence != len(b.frames)+1, sequence == 1 && commit == "eob":
		return nil, "", errIncomplete()
	case size > maxBatch:
		return nil, "", errTooLarge(maxBatch)
	}
	b.expires = time.Now().Add(batchTimeout)
	b.frames = append(b.frames, *f)
	return b, commit, nil
}

// commit checks a whole batch and stores it. When the room ends in the middle, the messages before
// are stored, and nobody is answered; the server keeps the rest, and may store it when it starts
// again.
func (st *stream) commit(id string, b *atomicBatch, eob bool, reply string) {
	delete(st.atomic, id)
	if eob {
		b.frames = b.frames[:len(b.frames)-1]
	}
	batch := &staged{expected: map[string]uint64{}}
	for i := range b.frames {
		f := &b.frames[i]
		if err := st.check(f, batch); err != nil {
			st.refuse(reply, err)
			return
		}
		batch.subjects = append(batch.subjects, f.subject)
		batch.messages++
		batch.bytes += st.size(&message{subject: f.subject, header: f.header, data: f.data})
	}
	var last uint64
	for i := range b.frames {
		f := &b.frames[i]
		if st.full() {
			st.tear(b.frames[i:])
			if i == len(b.frames)-1 {
				st.refuse(reply, errNoRoom())
			}
			return
		}
		head := f.header
		if eob && i == len(b.frames)-1 {
			head = withHeaders(head, batchCommit, "1")
		}
		last = st.store(f.subject, head, f.data)
	}
	st.respond(reply, st.ack(last, id, uint64(len(b.frames))))
}

// tear keeps the rest of a batch that was stored in part.
func (st *stream) tear(rest []frame) {
	st.torn = nil
	for i := range rest {
		st.torn = append(st.torn, &message{
			subject: rest[i].subject, header: rest[i].header, data: rest[i].data,
			sequence: st.last() + 1 + uint64(i),
		})
	}
}

// mend stores the rest of a torn batch, if nothing was stored behind it.
func (st *stream) mend() {
	for _, m := range st.torn {
		if m.sequence != st.last()+1 || st.full() {
			break
		}
		st.store(m.subject, m.header, m.data)
	}
	st.torn = nil
}
