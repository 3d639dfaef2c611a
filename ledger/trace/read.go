package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/ledger"
)

// Bus is the part of the bus to read the streams.
type Bus interface {
	ledger.Bus
	Get(ctx context.Context, stream string, sequence uint64) (bus.Stored, error)
	// Last returns the last message of a stream that a filter matches.
	Last(ctx context.Context, stream, filter string) (bus.Stored, error)
}

// Found is an event that was found, with what became of it.
type Found struct {
	Stream   string // events.StreamUsage or events.StreamQuarantine; empty for an Unknown one
	Sequence uint64 // in it
	Type     string // of the message: its ce-type
	Fact     *Fact  // nil for everything else than a fact
	Input    *events.Quarantined
	Record   *Record // of the fact's subject
	*Outcome
}

// maxFound is how many messages about one event are looked at: a guid comes again with a purge and
// reseed, and with each rescan that lists it.
const maxFound = 100

// Event tells what became of an event: the guid of a usage event of Cloud Foundry, the message_id
// of a notification of Trove, or a sequence of USAGE. An event may be stored more than once: the
// list has each of them, in order of USAGE, then of QUARANTINE, up to 100, and never none. By an id
// it reads USAGE and QUARANTINE from their start.
//
// It reads the facts of the owners, and nothing else; nil is everybody, and reads the messages of
// nobody's usage, too.
func Event(ctx context.Context, b Bus, owners []events.Owner, event string) ([]Found, error) {
	all, err := find(ctx, b, owners, event)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return []Found{{Outcome: &Outcome{Answer: Unknown}}}, nil
	}
	return all, outcomes(ctx, b, owners, all)
}

// find finds the messages of an event.
func find(ctx context.Context, b Bus, owners []events.Owner, event string) ([]Found, error) {
	if sequence, err := strconv.ParseUint(event, 10, 64); err == nil && sequence > 0 {
		m, err := b.Get(ctx, events.StreamUsage, sequence)
		if err == nil {
			f := stored(&m)
			if !f.isOf(owners) {
				return nil, nil
			}
			return []Found{f}, nil
		}
		if !errors.Is(err, bus.ErrNotFound) {
			return nil, err
		}
	}
	var all []Found
	text := []byte(event)
	err := each(ctx, b, events.StreamUsage, owners, events.UsageFactsFilter, func(m *bus.Stored) error {
		if len(all) >= maxFound || !bytes.Contains(m.Data, text) || m.Header(events.HeaderType) != events.TypeUsage {
			return nil
		}
		if f := stored(m); f.isOf(owners) && (f.Fact == nil || Is(&f.Fact.Usage, event)) {
			all = append(all, f)
		}
		return nil
	})
	if err != nil || owners != nil {
		return all, err
	}
	quarantined, err := inputs(ctx, b, event, maxFound-len(all))
	return append(all, quarantined...), err
}

// isOf reports whether a message is for the eyes of owners: a fact of theirs.
func (f *Found) isOf(owners []events.Owner) bool {
	return owners == nil || f.Fact != nil && events.Owns(owners, f.Fact.Foundation, f.Fact.Tenant)
}

// inputs finds the messages of QUARANTINE with an event.
func inputs(ctx context.Context, b Bus, event string, limit int) (all []Found, err error) {
	text := []byte(event)
	_, err = b.Each(ctx, events.StreamQuarantine, 1, bus.End,
		bus.ReadOptions{Filters: []string{events.SubjectsQuarantine}}, func(m *bus.Stored) error {
			if len(all) >= limit || !bytes.Contains(m.Data, text) ||
				m.Header(events.HeaderType) != events.TypeQuarantined {
				return nil
			}
			f := Found{
				Stream: events.StreamQuarantine, Sequence: m.Sequence, Type: events.TypeQuarantined,
				Input: &events.Quarantined{}, Outcome: &Outcome{Answer: Quarantined},
			}
			if err := f.Input.DecodeJSON(m.Data); err != nil {
				return fmt.Errorf("message %d of %s: %w: %w", m.Sequence, events.StreamQuarantine,
					ledger.ErrUnreadable, err)
			}
			if isInput(f.Input.Input, event) {
				all = append(all, f)
			}
			return nil
		})
	if errors.Is(err, bus.ErrNotFound) {
		err = nil
	}
	return all, err
}

// Is reports whether a fact is of the event with an upstream id: a guid, or a message_id.
func Is(u *events.Usage, id string) bool {
	if u.Source == events.SourceTrove {
		return u.ID == events.ID("usage", events.SourceTrove, u.Foundation, id)
	}
	parts := []string{
		"usage", events.SourceCF, u.Foundation, events.ListOf(u.Kind), id, events.FormatTime(u.Time), "listed",
		events.FormatTime(u.Listed),
	}
	return u.ID == events.ID(parts[:6]...) || u.ID == events.ID(parts...)
}

// isInput reports whether quarantined input is the event with an upstream id. Of input that is no
// JSON object it is the one that has the id in quotes.
func isInput(input, id string) bool {
	var top struct {
		GUID      string `json:"guid"`
		MessageID string `json:"message_id"`
		Metadata  struct {
			GUID string `json:"guid"`
		} `json:"metadata"`
		Oslo string `json:"oslo.message"`
	}
	if json.Unmarshal([]byte(input), &top) != nil {
		return strings.Contains(input, `"`+id+`"`)
	}
	return top.GUID == id || top.MessageID == id || top.Metadata.GUID == id ||
		top.Oslo != "" && isInput(top.Oslo, id)
}

// stored is a message of USAGE.
func stored(m *bus.Stored) Found {
	f := Found{Stream: events.StreamUsage, Sequence: m.Sequence, Type: m.Header(events.HeaderType), Outcome: &Outcome{}}
	switch f.Type {
	case events.TypeUsage:
		var u events.Usage
		if err := u.DecodeJSON(m.Data); err != nil {
			f.Answer = Unreadable
		} else {
			f.Fact = &Fact{u, m.Sequence}
		}
	case events.TypeAct:
		f.Answer = Control
		var a events.Act
		if a.DecodeJSON(m.Data) == nil && a.Misplaced(m.Subject) == nil {
			f.observation(&a)
		}
	case events.TypeHorizon, events.TypeGap, events.TypeMarker:
		f.Answer = Control
	default:
		f.Answer = Unreadable
	}
	return f
}

// observation takes an act of a reconciliation as a fact about its resource, with the whole act as
// its text. Every other act stays a message of Daybook's own.
func (f *Found) observation(a *events.Act) {
	a.By, a.Note = "", "" // for operators alone: tenants read this, too
	o := &a.Observation
	if a.Kind != events.ActObservation || o.Finding == events.FindingReverted {
		return
	}
	u := events.Usage{
		ID: a.ID, Source: a.Source, Foundation: a.Foundation, Tenant: o.Tenant, Kind: o.Kind, Resource: o.Resource,
		App: o.App, Event: events.EventObserved, Time: o.At, Observed: o.Seen, Space: o.Space, SpaceName: o.SpaceName,
		Name: o.Name, Footprint: o.Footprint, Raw: a.AppendJSON(nil),
	}
	if o.Finding == events.FindingGone {
		u.Event = events.EventAbsent
	}
	if u.Kind == events.KindVolume { // it has the subject of its instance
		u.Kind = events.KindInstance
	}
	f.Answer, f.Fact = "", &Fact{u, f.Sequence}
}

// observed reports whether a fact is an observation of a reconciliation.
func (f *Fact) observed() bool {
	return f.Event == events.EventObserved || f.Event == events.EventAbsent
}

// outcomes says what became of the facts.
func outcomes(ctx context.Context, b Bus, owners []events.Owner, all []Found) error {
	metered, err := through(ctx, b, events.StreamMetered)
	if err != nil {
		return err
	}
	billed, err := through(ctx, b, events.StreamBilling)
	if err != nil {
		return err
	}
	records := map[place]*Record{}
	for i := range all {
		f := all[i].Fact
		if f == nil {
			continue
		}
		at := place{
			f.Source, f.Foundation, tenantOf(owners, f.Foundation, f.Tenant), f.Kind, f.SubjectResource(),
		}
		if records[at] == nil {
			records[at] = NewRecord(metered, billed)
			if err := records[at].read(ctx, b, at); err != nil {
				return err
			}
		}
		all[i].Record, all[i].Outcome = records[at], records[at].Outcome(f)
	}
	return nil
}

// through is the sequence of its input up to which a stage has come, as far as its output tells.
func through(ctx context.Context, b Bus, stream string) (uint64, error) {
	m, err := b.Last(ctx, stream, ">")
	if errors.Is(err, bus.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var marker events.Marker
	if m.Header(events.HeaderType) == events.TypeMarker && marker.DecodeJSON(m.Data) == nil {
		return marker.InputSequence, nil
	}
	n, err := strconv.ParseUint(m.Header(stage.HeaderSourceSeq), 10, 64)
	if err != nil {
		return 0, nil //nolint:nilerr // somebody else's message: daybook verify tells
	}
	return n, nil
}

// read takes all messages about a subject.
func (r *Record) read(ctx context.Context, b Bus, at place) error {
	for _, part := range []struct {
		stream  string
		filters []string
	}{
		{events.StreamUsage, []string{
			at.usage(), events.ActSubject(events.ActObservation, at.source, at.foundation),
		}},
		{events.StreamMetered, []string{at.metered()}},
		{events.StreamBilling, at.billing()},
	} {
		options := bus.ReadOptions{Filters: part.filters}
		_, err := b.Each(ctx, part.stream, 1, bus.End, options, func(m *bus.Stored) error {
			if m.Header(events.HeaderType) != events.TypeAct {
				return r.take(m)
			}
			f := stored(m).Fact // nil for an act that is no observation
			if f != nil && f.Kind == at.kind && f.SubjectResource() == at.resource && at.of(f.Tenant) {
				r.Fact(&f.Usage, f.Sequence)
			}
			return nil
		})
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return err
		}
	}
	return nil
}

// take takes a message of any of the streams.
func (r *Record) take(m *bus.Stored) (err error) {
	switch m.Header(events.HeaderType) {
	case events.TypeUsage:
		var u events.Usage
		if err := u.DecodeJSON(m.Data); err == nil { // one that is damaged is no fact
			r.Fact(&u, m.Sequence)
		}
	case events.TypeMetered:
		var x events.Metered
		if err = x.DecodeJSON(m.Data); err == nil {
			r.Metered(&x, m.Sequence)
		}
	case events.TypeBilling:
		var x events.Billing
		if err = x.DecodeJSON(m.Data); err == nil {
			r.Billing(&x, m.Sequence)
		}
	case events.TypeUnrated:
		var x events.UnratedNotice
		if err = x.DecodeJSON(m.Data); err == nil {
			r.Unrated(&x, m.Sequence)
		}
	}
	if err != nil {
		return fmt.Errorf("message %d (%s): %w: %w", m.Sequence, m.Subject, ledger.ErrUnreadable, err)
	}
	return nil
}
