package pricer

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/internal/stage/reread"
)

// told are the messages of METERED before one.
type told []bus.Stored

// Each implements reread.Source.
func (t told) Each(_ context.Context, _ string, from, to uint64, options bus.ReadOptions,
	yield func(*bus.Stored) error,
) (uint64, error) {
	for i := from - 1; i < min(to, uint64(len(t))); i++ {
		subject := strings.ReplaceAll(t[i].Subject, ".", "/")
		selects := func(filter string) bool {
			is, err := path.Match(strings.ReplaceAll(filter, ".", "/"), subject)
			return is && err == nil
		}
		if subject != "" && !slices.ContainsFunc(options.Filters, selects) {
			continue
		}
		if err := yield(&t[i]); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// streams are told by their names.
type streams map[string]told

// Each implements reread.Source.
func (s streams) Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
	yield func(*bus.Stored) error,
) (uint64, error) {
	return s[stream].Each(ctx, stream, from, to, options, yield)
}

// Stream implements reread.Source.
func (s streams) Stream(ctx context.Context, name string) (bus.StreamState, error) {
	return s[name].Stream(ctx, name)
}

// Stream implements reread.Source.
func (t told) Stream(context.Context, string) (bus.StreamState, error) {
	return bus.StreamState{First: 1, Last: uint64(len(t)), Messages: uint64(len(t))}, nil
}

// take steps a message behind others, as a stage does.
func take(p *processor, before []bus.Stored, in *bus.Stored, emit func(stage.Output)) error {
	s := reread.Streams{Source: told(before)}
	return s.Step(context.Background(), p, uint64(len(before)+1), func() error { return p.Step(in, emit) })
}

// months of one app with so many spans each, every month closed when the next one is over.
func history(t *testing.T, months, spans int) *processor {
	t.Helper()
	p := newProcessor()
	stream := []bus.Stored{putInForce("A", hourly("0.01"))}
	for month := range months {
		from := worldBegins.AddDate(0, month, 0)
		m := events.Metered{
			ID: fmt.Sprint("m", month), Source: "cf", Foundation: "prod", Tenant: "o", Kind: "app", Resource: "p",
		}
		for i := range spans {
			at := from.Add(time.Duration(i) * time.Minute)
			m.Closed = append(m.Closed, events.Span{
				ID: events.ID("span", at.String()), Kind: "app", Resource: fmt.Sprint("process-", i%100), Tenant: "o",
				Start: at, End: at.Add(time.Minute), Since: at, Footprint: events.Footprint{Instances: events.Some(1)},
			})
		}
		stream = append(stream, stored(stage.Output{Type: events.TypeMetered, Body: &m}))
		if month > 0 {
			stream = append(stream, closed(from.AddDate(0, -1, 0).Format(events.MonthForm)))
		}
	}
	steps(t, p, stream)
	return p
}

// TestStateIsBoundedByOpenMonths: the state after twelve months is as large as that after two.
func TestStateIsBoundedByOpenMonths(t *testing.T) {
	size := func(months int) (spans, bytes int) {
		p := history(t, months, 2000)
		snapshot, err := p.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		bytes = len(snapshot)
		for _, piece := range p.Pieces() {
			bytes += len(piece.Data)
		}
		return p.book.spans.Len(), max(bytes, p.book.spans.Size())
	}
	spans, bytes := size(2)
	later, grown := size(12)
	if spans == 0 || later > spans || 10*grown > 13*bytes {
		t.Fatalf("after two months %d spans in %d bytes, after twelve %d in %d", spans, bytes, later, grown)
	}
}
