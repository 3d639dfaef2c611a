package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Get returns the message with this sequence; ErrNotFound when the stream does not hold it. Any
// replica may answer, but a lagging one does not hold the newest yet: the leader is asked for a
// message the replica does not find.
func (b *Bus) Get(ctx context.Context, stream string, seq uint64) (Stored, error) {
	return b.get(ctx, fmt.Sprintf("reading message %d of stream %s", seq, stream), stream,
		fmt.Appendf(nil, `{"seq":%d}`, seq))
}

// get has any replica answer, and the leader where that one finds nothing.
func (b *Bus) get(ctx context.Context, what, stream string, query []byte) (Stored, error) {
	answer, err := b.request(ctx, "DIRECT.GET."+stream, query)
	if err != nil {
		return Stored{}, requestError(what, stream, err)
	}
	if answer.Header.Get(jetstream.SequenceHeader) == "" {
		status := answer.Header.Get("Status")
		if status == "404" {
			return b.getFromLeader(ctx, what, stream, query)
		}
		return Stored{}, fmt.Errorf("%s: the server answers %s %s", what, status, answer.Header.Get("Description"))
	}
	stored := Stored{Subject: answer.Header.Get(jetstream.SubjectHeader), Data: answer.Data, header: answer.Header}
	if stored.Sequence, err = strconv.ParseUint(answer.Header.Get(jetstream.SequenceHeader), 10, 64); err != nil {
		return Stored{}, fmt.Errorf("%s: the answer has no sequence: %w", what, err)
	}
	if stored.Time, err = time.Parse(time.RFC3339Nano, answer.Header.Get(jetstream.TimeStampHeaer)); err != nil {
		return Stored{}, fmt.Errorf("%s: the answer has no time: %w", what, err)
	}
	stored.Time = stored.Time.UTC()
	return stored, nil
}

// whole is the filter for all subjects.
const whole = ">"

// Last returns the last message on the subjects of filter, "" for the whole stream; ErrNotFound
// when there is none. This is also so after a purge, when the stream is not at sequence 0. The
// stream's leader answers, because a replica may not have heard of the newest message yet.
func (b *Bus) Last(ctx context.Context, stream, filter string) (Stored, error) {
	if filter == "" {
		filter = whole
	}
	what := fmt.Sprintf("reading the last message on %s of stream %s", filter, stream)
	query, err := json.Marshal(map[string]string{"last_by_subj": filter})
	if err != nil {
		return Stored{}, fmt.Errorf("%s: %w", what, err)
	}
	m, err := b.getFromLeader(ctx, what, stream, query)
	if filter == whole && errors.Is(err, ErrNotFound) {
		m, err = b.lastLeft(ctx, stream, err)
	}
	if errors.Is(err, ErrNotFound) {
		return b.lastWhole(ctx, stream, filter, err)
	}
	return m, err
}

// lastWhole is the last message on a filter that the server can deliver. Where the very last one is
// damaged, it finds none at all by subject. A filter without a subject in the stream is not looked
// for: each look makes the server load a block.
func (b *Bus) lastWhole(ctx context.Context, stream, filter string, notFound error) (last Stored, err error) {
	info, err := b.streamInfo(ctx, stream, jetstream.WithSubjectFilter(filter))
	if err != nil || len(info.State.Subjects) == 0 {
		return Stored{}, errors.Join(err, notFound)
	}
	state := stateOf(info)
	for back := uint64(1); ; back *= 2 {
		from := state.First
		if state.Last > back {
			from = max(from, state.Last-back)
		}
		m, err := b.next(ctx, stream, filter, from)
		for err == nil {
			last = m
			m, err = b.next(ctx, stream, filter, m.Sequence+1)
		}
		switch {
		case !errors.Is(err, ErrNotFound):
			return Stored{}, err
		case last.Sequence > 0:
			return last, nil
		case from == state.First:
			return Stored{}, notFound
		}
	}
}

// next is the first message on a filter from a sequence on, by the word of the stream's leader.
func (b *Bus) next(ctx context.Context, stream, filter string, from uint64) (Stored, error) {
	what := fmt.Sprintf("looking for messages on %s of stream %s", filter, stream)
	query, err := json.Marshal(map[string]any{"seq": from, "next_by_subj": filter})
	if err != nil {
		return Stored{}, fmt.Errorf("%s: %w", what, err)
	}
	return b.getFromLeader(ctx, what, stream, query)
}

// lastLeft is the last message of a stream whose last sequence was deleted. The server does not
// find it on all subjects at once. Source: LoadLastMsg in nats-server/server/filestore.go.
func (b *Bus) lastLeft(ctx context.Context, stream string, notFound error) (last Stored, err error) {
	info, err := b.streamInfo(ctx, stream)
	if err != nil {
		return Stored{}, err
	}
	for _, subject := range info.Config.Subjects {
		if subject == whole {
			continue
		}
		m, err := b.Last(ctx, stream, subject)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Stored{}, err
		}
		if m.Sequence > last.Sequence {
			last = m
		}
	}
	if last.Sequence > 0 {
		return last, nil
	}
	if info.State.Msgs > 0 {
		return Stored{}, fmt.Errorf("reading the last message of stream %s: it was deleted, and what is before it is "+
			"on none of the stream's subjects: compare with nats stream info %s", stream, stream)
	}
	return Stored{}, notFound
}

// getFromLeader has the leader of a stream answer.
func (b *Bus) getFromLeader(ctx context.Context, what, stream string, query []byte) (Stored, error) {
	answer, err := b.request(ctx, "STREAM.MSG.GET."+stream, query)
	if err != nil {
		return Stored{}, requestError(what, stream, err)
	}
	var body struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Subject  string    `json:"subject"`
			Sequence uint64    `json:"seq"`
			Header   []byte    `json:"hdrs"`
			Data     []byte    `json:"data"`
			Time     time.Time `json:"time"`
		} `json:"message"`
	}
	if err := json.Unmarshal(answer.Data, &body); err != nil {
		return Stored{}, fmt.Errorf("%s: the answer cannot be read: %w", what, err)
	}
	if body.Error != nil {
		if body.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
			return Stored{}, fmt.Errorf("%s: %w", what, ErrNotFound)
		}
		return Stored{}, requestError(what, stream, body.Error)
	}
	m := body.Message
	stored := Stored{Subject: m.Subject, Sequence: m.Sequence, Time: m.Time.UTC(), Data: m.Data}
	if len(m.Header) > 0 {
		if stored.header, err = nats.DecodeHeadersMsg(m.Header); err != nil {
			return Stored{}, fmt.Errorf("%s: its headers cannot be read: %w", what, err)
		}
	}
	return stored, nil
}

// Stream returns the extent of a stream; errors.Is ErrNotFound when there is no such stream.
func (b *Bus) Stream(ctx context.Context, name string) (StreamState, error) {
	info, err := b.streamInfo(ctx, name)
	if err != nil {
		return StreamState{}, err
	}
	return stateOf(info), nil
}

func stateOf(info *jetstream.StreamInfo) StreamState {
	state := info.State
	return StreamState{
		First: state.FirstSeq, Last: state.LastSeq, Messages: state.Msgs, Bytes: state.Bytes,
		Created: info.Created.UTC(),
	}
}

func (b *Bus) streamInfo(ctx context.Context, name string, options ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo,
	error,
) {
	what := "looking up stream " + name
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	ctx, release := b.asking(ctx, apiPrefix+"STREAM.INFO."+name)
	defer release()
	stream, err := b.js.Stream(ctx, name)
	if err != nil {
		return nil, requestError(what, name, deniedOr(ctx, err))
	}
	if len(options) == 0 {
		return stream.CachedInfo(), nil
	}
	info, err := stream.Info(ctx, options...)
	if err != nil {
		return nil, requestError(what, name, err)
	}
	return info, nil
}
