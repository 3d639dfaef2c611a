package ledger

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"time"
)

// The states of a ledger.
const (
	StatePosted   = "posted"   // all of both streams
	StatePosting  = "posting"  // a part of them, and somebody posts
	StateStopped  = "stopped"  // a part of them, and nobody posts
	StateStarting = "starting" // nobody has asked the ledger yet
	StateWaiting  = "waiting"  // a stream ends before the ledger: ErrBehind
	StateRefused  = "refused"  // a stream is another one: ErrForeign
	StateStandby  = "standby"  // another process posts
	StateFailing  = "failing"  // an error: it is tried again
)

// States are all states.
func States() []string {
	return []string{
		StatePosted, StatePosting, StateStopped, StateStarting, StateWaiting, StateRefused, StateStandby, StateFailing,
	}
}

// State is how far a ledger is posted, and why no further.
type State struct {
	In      string     `json:"in" enum:"memory,postgres" doc:"Where the ledger is."`
	State   string     `json:"state" enum:"posted,posting,stopped,starting,waiting,refused,standby,failing" doc:"posted: it has all messages. posting: it lacks some, and somebody posts. stopped: nobody does. waiting: a stream ends before the ledger, because it is derived again. refused: a stream is another one than the ledger was posted from."`
	Problem string     `json:"problem,omitempty" doc:"Why it is not posted, and what to do."`
	Streams []Progress `json:"streams" doc:"How far each stream is posted."`
	// Rebuild is set while the ledger in Postgres is filled anew.
	Rebuild *Rebuild `json:"rebuild,omitempty" doc:"Set while the ledger is filled anew; meanwhile answers are of the old one."`
}

// Progress is how far a stream is posted.
type Progress struct {
	Stream string `json:"stream"`
	Posted uint64 `json:"posted" doc:"Sequence of the last posted message."`
	Last   uint64 `json:"last" doc:"Sequence of its last message."`
}

// Rebuild is how far a ledger is filled anew.
type Rebuild struct {
	Posted   uint64    `json:"posted" doc:"Messages of METERED, BILLING and USAGE that it has."`
	Messages uint64    `json:"messages" doc:"All of them, as the streams are now."`
	Started  time.Time `json:"started" format:"date-time"`
	Rate     uint64    `json:"rate" doc:"Messages a second, since it began."`
	// SecondsLeft is 0 where nothing can be told yet.
	SecondsLeft uint64 `json:"seconds_left" doc:"Time left at this rate; 0: not known yet."`
}

// Left sets the rate and the time left, after some time of filling.
func (r *Rebuild) Left(after time.Duration) {
	if seconds := uint64(max(after, 0).Seconds()); seconds > 0 {
		r.Rate = r.Posted / seconds
	}
	if r.Rate > 0 && r.Messages > r.Posted {
		r.SecondsLeft = (r.Messages - r.Posted + r.Rate - 1) / r.Rate
	}
}

// Behind says how far a ledger is behind its streams; empty: it has all of them.
func (s *State) Behind() string {
	text := ""
	for _, p := range s.Streams {
		if p.Posted < p.Last {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf("%s is posted to message %d of %d", p.Stream, p.Posted, p.Last)
		}
	}
	return text
}

// measure sets how far the streams are posted.
func (s *State) measure(ctx context.Context, b Snapshots, at Positions) error {
	s.Streams = nil
	for stream, name := range streamNames() {
		state, err := b.Stream(ctx, name)
		if err != nil {
			return err
		}
		s.Streams = append(s.Streams, Progress{Stream: name, Posted: *at.of(stream), Last: state.Last})
	}
	return nil
}

// judge sets the state of a ledger with an error in its way, or with none; posting reports whether
// anybody posts.
func (s *State) judge(why error, posting bool) {
	switch {
	case why != nil:
		s.State, s.Problem = stateOf(why), why.Error()
	case s.Behind() == "":
		s.State = StatePosted
	case posting:
		s.State = StatePosting
	default:
		s.State = StateStopped
	}
}

// stateOf is the state for what stands in the way of posting.
func stateOf(why error) string {
	for _, s := range []struct {
		is   error
		name string
	}{
		{errStarting, StateStarting}, {ErrForeign, StateRefused}, {ErrBehind, StateWaiting}, {ErrPosted, StateStandby},
	} {
		if errors.Is(why, s.is) {
			return s.name
		}
	}
	return StateFailing
}

// Compare is the state of a ledger that another process posts to, by its marks and the streams;
// posting reports whether there is such a process. An error is that of the ledger or the bus.
func Compare(ctx context.Context, b Snapshots, kept Detailed, posting bool) (s State, err error) {
	at, _, why := compared(ctx, b, kept)
	if why != nil && !errors.Is(why, ErrForeign) && !errors.Is(why, ErrBehind) {
		return s, why
	}
	if err := s.measure(ctx, b, at); err != nil {
		return s, err
	}
	s.judge(why, posting)
	return s, nil
}

// compared reads the marks of a ledger, and compares the streams with them. Error: ErrForeign,
// ErrBehind; the positions are read then, too.
func compared(ctx context.Context, b Snapshots, kept Detailed) (at Positions, tracks [streams]*track, err error) {
	at, marks, err := kept.Marks(ctx)
	if err != nil {
		return at, tracks, err
	}
	for stream := range streams {
		encoded := *marks.of(stream)
		if encoded == nil {
			continue
		}
		var m mark
		if err := gob.NewDecoder(bytes.NewReader(encoded)).Decode(&m); err != nil {
			return at, tracks, fmt.Errorf("the ledger's mark of %s: %w", streamNames()[stream], err)
		}
		if err := m.compare(ctx, b, stream); err != nil {
			return at, tracks, fmt.Errorf("%s: %w", streamNames()[stream], err)
		}
		if tracks[stream], err = newTrack(stream, m, 0); err != nil {
			return at, tracks, err
		}
	}
	return at, tracks, nil
}

// State is how far the poster has come. An error is that of the bus.
func (p *Poster) State(ctx context.Context) (s State, err error) {
	p.mu.Lock()
	at, why := p.positions, p.state
	p.mu.Unlock()
	s.In = "memory"
	if err := s.measure(ctx, p.bus, at); err != nil {
		return s, err
	}
	s.judge(why, true)
	return s, nil
}
