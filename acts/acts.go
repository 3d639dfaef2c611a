package acts

import (
	"context"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Kind is a kind of act.
type Kind string

// Kinds of acts.
const (
	Decision   Kind = "decision"   // about a hold
	Retirement Kind = "retirement" // of one of several collectors of a foundation
	Catalogue  Kind = "catalogue"  // publication of a catalogue version
	Replay     Kind = "replay"     // of a projection
)

// Kinds lists the kinds of acts.
var Kinds = []Kind{Decision, Retirement, Catalogue, Replay}

// form is the constant part of a kind's messages.
type form struct {
	stream string
	kind   string // ce-type
	source string // ce-source
}

var forms = map[Kind]form{
	Decision:   {events.StreamUsage, events.TypeDecision, "daybook/holds"},
	Retirement: {events.StreamUsage, events.TypeHorizon, "daybook/retire"},
	Catalogue:  {events.StreamMetered, events.TypeCatalogue, "daybook/catalogue"},
	Replay:     {events.StreamUsage, events.TypeAct, "daybook/replay"},
}

// Act is the envelope of an act, with its content.
type Act struct {
	Kind       Kind
	Source     string // empty: the act is about no one source
	Foundation string // empty: the act is about no one foundation
	ID         string
	By         string // the person
	Note       string // the reason
	// Time is the moment of a decision or a publication, and the last horizon of a retired
	// collector.
	Time time.Time
	// Expectation is the sequence of the message before the act on its subject, 0 for none.
	Expectation uint64
	Sequence    uint64 // of the act, in the stream of its kind

	// One of them is set, by kind.
	Decision  *events.Decision
	Retired   *events.Horizon
	Catalogue *events.Catalogue
	Replay    *events.Replay
}

// headers are the headers of an act's message.
func (a *Act) headers() []events.Header {
	f := forms[a.Kind]
	return events.Headers(a.ID, f.kind, f.source, events.FormatTime(a.Time))
}

// body is the JSON of an act's message.
func (a *Act) body() []byte {
	switch {
	case a.Decision != nil:
		return a.Decision.AppendJSON(nil)
	case a.Retired != nil:
		return a.Retired.AppendJSON(nil)
	case a.Replay != nil:
		return (&events.Act{
			ID: a.ID, Kind: string(a.Kind), Source: a.Source, Foundation: a.Foundation, By: a.By, Note: a.Note,
			Time: a.Time, Expectation: a.Expectation, Replay: *a.Replay,
		}).AppendJSON(nil)
	}
	return a.Catalogue.AppendJSON(nil)
}

// subject is the subject of an act's message.
func (a *Act) subject() string {
	switch {
	case a.Decision != nil:
		return events.UsageDecisionSubject(a.Source, a.Foundation)
	case a.Retired != nil:
		return events.UsageHorizonSubject(a.Source, a.Foundation)
	case a.Replay != nil:
		return events.ActSubject(string(a.Kind), a.Source, a.Foundation)
	}
	return events.CatalogueSubject(a.Catalogue.Version)
}

// read makes an act of a message; false for any other message, such as the horizon of a collector
// at work. The expectation of an act is not in its message.
func read(kind Kind, m *bus.Stored) (Act, bool) {
	a := Act{Kind: kind, Sequence: m.Sequence}
	switch kind {
	case Decision:
		var d events.Decision
		if d.DecodeJSON(m.Data) != nil {
			return Act{}, false // for the projector it is no decision either
		}
		a.Decision = &d
		a.Source, a.Foundation, a.ID, a.By, a.Note, a.Time = d.Source, d.Foundation, d.ID, d.By, d.Note, d.Time
	case Retirement:
		var h events.Horizon
		if h.DecodeJSON(m.Data) != nil || !h.Retired {
			return Act{}, false
		}
		a.Retired = &h
		a.Source, a.Foundation, a.ID, a.Time = h.Source, h.Foundation, h.ID, h.Time
	case Catalogue:
		var c events.Catalogue
		if c.DecodeJSON(m.Data) != nil {
			return Act{}, false
		}
		a.Catalogue = &c
		a.ID = m.Header(events.HeaderID)
		if at, err := events.ParseTime(m.Header(events.HeaderTime)); err == nil {
			a.Time = at
		}
	case Replay:
		var x events.Act
		if x.DecodeJSON(m.Data) != nil || x.Kind != string(Replay) {
			return Act{}, false
		}
		a.ID, a.By, a.Note, a.Time, a.Replay = x.ID, x.By, x.Note, x.Time, &x.Replay
	}
	return a, true
}

// Reader is the part of the bus for reading acts back.
type Reader interface {
	// Each gives the messages of a stream in order, as bus.Each does.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(m *bus.Stored) error) (last uint64, err error)
}

// Bus is the part of the bus for publishing acts.
type Bus interface {
	Reader
	// Append stores the messages as one atomic batch, if expect holds, as bus.Append does.
	Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (last uint64, err error)
}

// List gives the acts of one kind in their order. An empty foundation stands for all;
// catalogues have none. An error of yield ends it and is returned. Messages without
// an act of the kind are left out.
func List(ctx context.Context, b Reader, kind Kind, foundation string, yield func(a *Act) error) error {
	var filter string
	switch kind {
	case Decision:
		filter = events.UsageDecisionFilter(foundation)
	case Retirement:
		filter = events.UsageHorizonFilter(foundation)
	case Catalogue:
		filter = events.SubjectsCatalogue
	case Replay:
		filter = events.ActFilter(string(kind), foundation)
	default:
		return fmt.Errorf("acts: there is no kind %q", kind)
	}
	before := map[string]uint64{} // the last sequence, by subject
	_, err := b.Each(ctx, forms[kind].stream, 1, bus.End, bus.ReadOptions{Filters: []string{filter}},
		func(m *bus.Stored) error {
			a, ok := read(kind, m)
			a.Expectation = before[m.Subject]
			before[m.Subject] = m.Sequence
			if !ok {
				return nil
			}
			return yield(&a)
		})
	return err
}
