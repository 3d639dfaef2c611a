package api

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/live"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// Limits of live streams.
const (
	maxLive           = 100         // at once
	defaultCheckEvery = time.Minute // between two looks at the access of a stream
)

// livePath is where live streams are: they are not compressed.
const livePath = versioned + "live/"

// eventStream is the media type of server-sent events.
const eventStream = "text/event-stream"

// streaming are the live streams.
type streaming struct {
	bus    answer.Bus
	places chan struct{} // has an element for each
}

// liveQuestion asks for charges as they are posted.
type liveQuestion struct {
	answer.Whose
	answer.What
	LastEventID string `header:"Last-Event-ID" json:"-" maxLength:"32" doc:"Id of the last event that you have: those behind it are sent first. Without it, new ones are."`
}

// streams registers the live streams.
func (s *Server) streams(api huma.API) {
	following(s, api, "live-charges", "/live/charges", "Charges as they are posted (server-sent events)",
		"An event for each entry: its id is its place, its data a Charge.", s.charges)
	following(s, api, "live-positions", "/live/positions",
		"How far the ledger is posted, as it moves (server-sent events)",
		"An event where it has come further: its data is a Position.", s.positions)
}

// following registers a live stream. begin returns its run, or why there is none.
func following[I any](s *Server, api huma.API, id, path, summary, description string,
	begin func(context.Context, *listening, *I) (run func(context.Context) error, err error),
) {
	op := operation(http.MethodGet, id, path, summary)
	op.Responses = map[string]*huma.Response{"200": {
		Description: description,
		Content:     map[string]*huma.MediaType{eventStream: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	huma.Register(api, op, func(ctx context.Context, x *I) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(out huma.Context) {
			select {
			case s.live.places <- struct{}{}:
				defer func() { <-s.live.places }()
			default:
				s.refuse(api, out, op.OperationID, errStreams)
				return
			}
			l, err := s.listen(out)
			var run func(context.Context) error
			if err == nil {
				run, err = begin(ctx, l, x)
			}
			if err != nil {
				s.refuse(api, out, op.OperationID, err)
				return
			}
			out.SetHeader("Content-Type", eventStream)
			out.SetStatus(http.StatusOK)
			if err := l.while(ctx, run); err != nil {
				s.log.Warn("a live stream ended", slog.Any("error", err))
			}
		}}, nil
	})
}

// listening is the client of a live stream.
type listening struct {
	asker    *answer.Asker
	expires  time.Time // of its access; zero for never
	w        http.ResponseWriter
	deadline func(time.Time) error
	check    func(context.Context) error // fails where it may see something else by now
}

// flush sends the bytes so far.
func (l *listening) flush() { _ = http.NewResponseController(l.w).Flush() } // a test's has none

// while runs a stream until its access ends.
func (l *listening) while(ctx context.Context, run func(context.Context) error) error {
	if l.expires.IsZero() {
		return run(ctx)
	}
	ctx, cancel := context.WithDeadline(ctx, l.expires)
	defer cancel()
	return run(ctx)
}

// listen finds the client again: until when its access is good.
func (s *Server) listen(out huma.Context) (*listening, error) {
	r, w := humago.Unwrap(out)
	access, _, err := s.access(r)
	if err != nil {
		return nil, &answer.Problem{Kind: answer.Forbidden, Detail: "the token is good no longer"}
	}
	own := asker(&access)
	return &listening{
		asker: own, expires: access.Expires, w: w, deadline: http.NewResponseController(w).SetWriteDeadline,
		check: func(ctx context.Context) error {
			now, _, err := s.access(r.WithContext(ctx))
			if err == nil && !reflect.DeepEqual(asker(&now), own) {
				err = errChanged
			}
			return err
		},
	}, nil
}

// charges are charges as they are posted.
func (s *Server) charges(ctx context.Context, l *listening, x *liveQuestion) (func(context.Context) error, error) {
	stream := &live.Stream{
		Bus: s.live.bus, Erase: s.answers.Erase, Check: l.check, Every: s.cfg.CheckEvery, ReadTime: s.cfg.ReadTime,
		Deadline: l.deadline,
	}
	var err error
	if stream.Query, err = s.answers.Selected(l.asker, &x.Whose, &x.What); err != nil {
		return nil, err
	}
	end, err := s.live.bus.Stream(ctx, events.StreamBilling)
	if err != nil {
		return nil, err
	}
	stream.After = ledger.Place{Sequence: end.Last, Index: math.MaxUint32}
	if x.LastEventID != "" {
		if stream.After, err = live.ParseID(x.LastEventID); err != nil {
			return nil, err
		}
		if stream.After.Sequence > end.Last {
			return nil, &answer.Problem{Kind: answer.Invalid, Detail: "Last-Event-ID is behind the end of BILLING"}
		}
	}
	return func(ctx context.Context) error { return stream.Run(ctx, l.w, l.flush) }, nil
}

// positions are the positions of the ledger as it is posted.
func (s *Server) positions(_ context.Context, l *listening, _ *struct{}) (func(context.Context) error, error) {
	stream := &live.Positions{
		Ask: s.answers.Position, Check: l.check, Every: s.cfg.CheckEvery, ReadTime: s.cfg.ReadTime,
		Deadline: l.deadline,
	}
	return func(ctx context.Context) error { return stream.Run(ctx, l.w, l.flush) }, nil
}

// errChanged ends a stream whose asker may see something else by now.
var errChanged = errors.New("the access has changed")
