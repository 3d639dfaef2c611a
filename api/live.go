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

// live registers the stream of charges.
func (s *Server) streams(api huma.API) {
	op := operation(http.MethodGet, "live-charges", "/live/charges", "Charges as they are posted (server-sent events)")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "An event for each entry: its id is its place, its data a Charge.",
		Content:     map[string]*huma.MediaType{eventStream: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	huma.Register(api, op, func(ctx context.Context, x *liveQuestion) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(out huma.Context) {
			select {
			case s.live.places <- struct{}{}:
				defer func() { <-s.live.places }()
			default:
				s.refuse(api, out, op.OperationID, errStreams)
				return
			}
			if err := s.follow(ctx, out, x); err != nil {
				s.refuse(api, out, op.OperationID, err)
			}
		}}, nil
	})
}

// follow writes charges as they are posted. It returns the errors before anything was written.
func (s *Server) follow(ctx context.Context, out huma.Context, x *liveQuestion) error {
	r, w := humago.Unwrap(out)
	access, _, err := s.access(r) // again: until when it is good
	if err != nil {
		return &answer.Problem{Kind: answer.Forbidden, Detail: "the token is good no longer"}
	}
	own := asker(&access)
	stream := &live.Stream{
		Bus: s.live.bus, Erase: s.answers.Erase, Every: s.cfg.CheckEvery, ReadTime: s.cfg.ReadTime,
		Deadline: http.NewResponseController(w).SetWriteDeadline,
		Check: func(ctx context.Context) error {
			now, _, err := s.access(r.WithContext(ctx))
			if err == nil && !reflect.DeepEqual(asker(&now), own) {
				err = errChanged
			}
			return err
		},
	}
	if stream.Query, err = s.answers.Selected(own, &x.Whose, &x.What); err != nil {
		return err
	}
	end, err := s.live.bus.Stream(ctx, events.StreamBilling)
	if err != nil {
		return err
	}
	stream.After = ledger.Place{Sequence: end.Last, Index: math.MaxUint32}
	if x.LastEventID != "" {
		if stream.After, err = live.ParseID(x.LastEventID); err != nil {
			return err
		}
		if stream.After.Sequence > end.Last {
			return &answer.Problem{Kind: answer.Invalid, Detail: "Last-Event-ID is behind the end of BILLING"}
		}
	}
	if !access.Expires.IsZero() {
		limited, cancel := context.WithDeadline(ctx, access.Expires)
		defer cancel()
		ctx = limited
	}
	out.SetHeader("Content-Type", eventStream)
	out.SetStatus(http.StatusOK)
	flush := func() { _ = http.NewResponseController(w).Flush() } // a test's has none
	if err := stream.Run(ctx, w, flush); err != nil {
		s.log.Warn("a live stream ended", slog.Any("error", err))
	}
	return nil
}

// errChanged ends a stream whose asker may see something else by now.
var errChanged = errors.New("the access has changed")
