package bus

import (
	"context"
	"errors"
	"math"
	"time"
)

// End is a sequence behind every message: Each reads up to it to read a whole stream.
const End = math.MaxUint64

// eachHeartbeat is how long Each waits, when nothing comes, before it asks whether anything is
// left.
const eachHeartbeat = time.Second

// Each gives yield the messages with the sequences from to to, both included, as options narrow
// them, in order. It ends with the last one stored before the call, by the word of the stream's
// leader: it waits for a replica without it, and leaves out later messages. last is the Last of an
// Expect with the same filters: the sequence of the last message on them then, in the range or not,
// 0 if there was none; without Filters the stream's last sequence. It means nothing with an error.
// An error of yield ends it and is returned as it is. The messages belong to yield.
//
// A stream with its beginning behind from is read from its beginning. Of messages removed while it
// is read, those deleted one by one are left out, the last one too; with Filters so are all others,
// and without Filters they are ErrGap. A stream with its end before from-1, or before the last
// message read, or made anew, is ErrStreamChanged, as is one that ends before Reach at any time of
// the reading: last means nothing then. A missing one is ErrNotFound. Like Next, Each survives the
// loss of the connection and waits for it to come back, until ctx ends.
//
// With LastPerSubject a subject with a new message meanwhile may come with the old one or twice:
// the later one counts. One with its last message deleted meanwhile may be left out.
func (b *Bus) Each(ctx context.Context, stream string, from, to uint64, options ReadOptions,
	yield func(m *Stored) error,
) (last uint64, err error) {
	state, last, err := b.extent(ctx, stream, options.Filters)
	if err != nil {
		return 0, err
	}
	from = max(from, 1)
	if max(from-1, options.Reach) <= state.Last && max(from, state.First) > min(to, last) {
		return last, nil
	}
	options.heartbeat, options.FromServer = eachHeartbeat, true // memory has only later messages
	r, err := b.readFrom(ctx, stream, state, from, options)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return r.each(ctx, to, max(last, options.Reach), yield)
}

// each gives yield the messages up to the sequence to, or up to the last one.
func (r *Reader) each(ctx context.Context, to, last uint64, yield func(m *Stored) error) (uint64, error) {
	for opened := (*pull)(nil); ; {
		m, what, err := r.advance(ctx)
		if err != nil {
			return 0, err
		}
		if r.options.LastPerSubject && r.pull != nil && r.pull != opened {
			// Of a subject with a new message before the consumer was made only the new one comes.
			if _, last, err = r.bus.extent(ctx, r.stream, r.options.Filters); err != nil {
				return 0, err
			}
			opened = r.pull
		}
		end, dry := min(to, last), what == isHeartbeat
		if what == isMessage {
			if m.Sequence <= end {
				err = yield(&m)
			}
			if err != nil || m.Sequence >= end {
				return last, err
			}
			dry = m.Pending == 0
		}
		if dry && len(r.pull.messages) == 0 {
			if left, err := r.left(ctx, end); err != nil || !left {
				return last, err
			}
			if what == isHeartbeat && r.options.LastPerSubject {
				// the consumer does not know a message if it became the last of its subject by the
				// deletion of a newer one
				r.drop()
			}
		}
	}
}

// left asks the leader, when nothing comes, whether anything is left to come up to a sequence: the
// last message may have been deleted.
func (r *Reader) left(ctx context.Context, end uint64) (bool, error) {
	info, err := r.bus.streamInfo(ctx, r.stream)
	if err == nil {
		err = r.check(info)
	}
	if err == nil && info.State.LastSeq < end {
		err = r.ended(info.State.LastSeq)
	}
	if err == nil && len(r.options.Filters) == 0 && info.State.FirstSeq > r.next {
		err = r.removed(info.State.FirstSeq)
	}
	left := false
	for _, filter := range orWhole(r.options.Filters) {
		if err == nil && !left {
			left, err = r.bus.holds(ctx, r.stream, filter, r.next, end)
		}
	}
	if err != nil && ctx.Err() == nil && !r.hopeless(err) {
		return true, nil // no answer: it is asked again
	}
	return left, err
}

// holds reports whether a stream's leader holds messages on a filter from one sequence to another,
// both included.
func (b *Bus) holds(ctx context.Context, stream, filter string, from, to uint64) (bool, error) {
	m, err := b.next(ctx, stream, filter, from)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && m.Sequence <= to, err
}

// extent looks up the last sequence on the filters, and then the stream. Without any it is the
// stream's, perhaps of a deleted message.
func (b *Bus) extent(ctx context.Context, stream string, filters []string) (state StreamState, last uint64, err error) {
	for _, filter := range filters {
		m, err := b.Last(ctx, stream, filter)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return state, 0, err
		}
		last = max(last, m.Sequence)
	}
	if state, err = b.Stream(ctx, stream); len(filters) == 0 {
		last = state.Last
	}
	return state, last, err
}

// orWhole is the filters, or the one for all subjects.
func orWhole(filters []string) []string {
	if len(filters) == 0 {
		return []string{whole}
	}
	return filters
}

// Latest gives yield the last message of each subject on the filters, in the order of the stream.
// Errors and changes meanwhile are as with Each.
func (b *Bus) Latest(ctx context.Context, stream string, filters []string, yield func(m *Stored) error) error {
	_, err := b.Each(ctx, stream, 1, End, ReadOptions{Filters: filters, LastPerSubject: true}, yield)
	return err
}
