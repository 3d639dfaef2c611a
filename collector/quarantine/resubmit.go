package quarantine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/redact"
)

// maxPartBytes is the most of the entries in memory at a time.
const maxPartBytes = 16 << 20

// Outcomes of a resubmission.
const (
	Stored  = "stored"  // understood, and appended to USAGE
	Known   = "known"   // understood, and in USAGE before
	Ignored = "ignored" // understood, and says nothing about usage
	Refused = "refused" // not understood, or its position is not known
)

// Resubmitted is the outcome for one entry.
type Resubmitted struct {
	Sequence uint64
	Outcome  string // Stored, Known, Ignored or Refused
	ID       string // of the fact
	Subject  string // of the fact
	Reason   string // why it was refused
}

// Rules are the collectors' knowledge of input.
type Rules struct {
	// Normalise turns an input into a fact of the foundation; its error wraps collector.ErrIgnored
	// for an input without usage. It is file.Normalise.
	Normalise func(foundation string, raw []byte) (events.Usage, error)
	// End finds the last fact of a Cloud Foundry list. It is cf.End.
	End func(ctx context.Context, foundation, list string) (guid string, sequence uint64, err error)
	// GUID is the guid of a Cloud Foundry event in any layout; empty where it has none, or cannot
	// be read. It is usageevent.GUID.
	GUID func(raw []byte) string
	// AtEnd places a Cloud Foundry event without a known position behind every fact of its list.
	// Without it such an event is refused.
	AtEnd bool
	// By is who resubmits, Note the reason: both stand in the last words.
	By, Note string
}

// Store is a Resubmitter's access to the streams; OnBus makes one.
type Store interface {
	appender.Store
	// Get returns the message with this sequence.
	Get(ctx context.Context, stream string, seq uint64) (bus.Stored, error)
}

// OnBus makes a Store of a bus.
func OnBus(b *bus.Bus) Store { return busStore{appender.OnBus(b), b} }

type busStore struct {
	appender.Store
	bus *bus.Bus
}

// Get implements Store.
func (s busStore) Get(ctx context.Context, stream string, seq uint64) (bus.Stored, error) {
	return s.bus.Get(ctx, stream, seq)
}

// Resubmitter puts entries through normalisation again, and appends the facts to USAGE, each once
// by its id. The inputs stay in QUARANTINE, each understood one with a last word behind it. A
// Resubmitter is for one goroutine.
//
// The position of a Cloud Foundry event in its list decides its meaning. The event is appended as a
// late fact behind the one that it followed in the API (Quarantined.AfterID); it is never the
// collector's cursor.
type Resubmitter struct {
	store Store
	rules Rules
	// behind is, by AfterID, the id of the last fact in USAGE that followed it.
	behind map[string]string
}

// NewResubmitter makes a Resubmitter.
func NewResubmitter(store Store, rules Rules) *Resubmitter {
	return &Resubmitter{store: store, rules: rules, behind: map[string]string{}}
}

// Run resubmits a selection of the entries. It refuses, before it appends anything, a filter that
// selects more than 100,000 entries, and sequences that the filter does not select; then results
// is nil. Otherwise it has one row for each selected entry, in order, up to an error of the bus.
func (r *Resubmitter) Run(ctx context.Context, from Reader, s Selection) (results []Resubmitted, err error) {
	entries := 0
	err = s.each(ctx, from, func(*Entry, bool) error {
		entries++
		return bounded(entries)
	})
	if err != nil {
		return nil, err
	}
	results = []Resubmitted{}
	var part []Entry
	size := 0
	flush := func() error {
		done, err := r.Resubmit(ctx, part, s.has)
		results = append(results, done...)
		if err == nil {
			err = r.settle(ctx, part, done)
		}
		clear(part)
		part, size = part[:0], 0
		return err
	}
	err = List(ctx, from, s.Filter, func(e *Entry) error {
		part = append(part, *e)
		if size += e.size; size < maxPartBytes {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return results, err
}

// Resubmit resubmits a part of QUARANTINE; the parts are given in QUARANTINE's order. chosen
// selects entries of the part; the other entries show the order of their neighbours.
//
// The result has one row for each chosen entry, in order. An error is of the bus; facts that were
// appended before it stay.
func (r *Resubmitter) Resubmit(ctx context.Context, part []Entry, chosen func(*Entry) bool) ([]Resubmitted, error) {
	var results []Resubmitted
	groups := map[[2]string][]*submission{}
	var order [][2]string
	for i := range part {
		s := r.understand(&part[i])
		s.chosen = chosen(&part[i])
		if s.fact != nil {
			key := [2]string{s.fact.Source, s.fact.Foundation}
			if groups[key] == nil {
				order = append(order, key)
			}
			groups[key] = append(groups[key], s)
		} else if s.chosen {
			results = append(results, s.result)
		}
	}
	for _, key := range order {
		group := groups[key]
		if key[0] != events.SourceCF && !slices.ContainsFunc(group, func(s *submission) bool { return s.chosen }) {
			continue
		}
		if err := r.group(ctx, key[0], key[1], group); err != nil {
			return results, err
		}
		for _, s := range group {
			if s.chosen {
				results = append(results, s.result)
			}
		}
	}
	slices.SortFunc(results, func(a, b Resubmitted) int {
		return int(a.Sequence) - int(b.Sequence) //nolint:gosec // far below
	})
	return results, nil
}

// submission is one entry on its way.
type submission struct {
	entry  *Entry
	fact   *events.Usage // nil: not understood
	chosen bool
	result Resubmitted
}

// understand normalises the entry's input.
func (r *Resubmitter) understand(e *Entry) *submission {
	s := &submission{entry: e, result: Resubmitted{Sequence: e.Sequence, Outcome: Refused}}
	if e.Foreign {
		s.result.Reason = whyForeign
		return s
	}
	u, err := r.rules.Normalise(e.Foundation, []byte(e.Input))
	switch {
	case errors.Is(err, collector.ErrIgnored):
		s.result.Outcome = Ignored
	case err != nil:
		s.result.Reason = redact.Text(err.Error())
		if strings.Contains(e.Input, " more bytes]") {
			s.result.Reason += " (the quarantine keeps the beginning of a long input only: collect it again from " +
				"where it came)"
		}
	default:
		s.fact = &u
		s.result.ID = u.ID
		s.result.Subject = events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.SubjectResource())
	}
	return s
}

// group resubmits the facts of one source and foundation.
func (r *Resubmitter) group(ctx context.Context, source, foundation string, group []*submission) error {
	sequences := r.concerned(group)
	a := appender.New(appender.Options{
		Store: r.store, Stream: events.StreamUsage, Filter: events.UsageFilter(source, foundation),
		Marker: events.UsageMarkerSubject(source, foundation), Origin: collector.Origin(source, foundation),
		Seen: func(k appender.Key, sequence uint64) error {
			if old, concerned := sequences[k]; concerned && old == 0 {
				sequences[k] = sequence
			}
			return nil
		},
	})
	if err := a.Learn(ctx); err != nil {
		return fmt.Errorf("finding out what USAGE holds of %s %s: %w", source, foundation, err)
	}
	for _, s := range group {
		key := appender.KeyOf(s.fact.ID)
		if sequences[key] == 0 && s.chosen {
			if err := r.position(ctx, s, sequences); err != nil {
				return err
			}
			if s.result.Reason == "" {
				if err := appendFact(ctx, a, s.fact, s.result.Subject); err != nil {
					return fmt.Errorf("resubmitting message %d of QUARANTINE: %w", s.entry.Sequence, err)
				}
				s.result.Outcome = Stored
			}
		} else if sequences[key] != 0 {
			s.result.Outcome = Known
		}
		if sequences[key] != 0 && s.entry.AfterID != "" {
			r.behind[s.entry.AfterID] = s.fact.ID
		}
	}
	return nil
}

// concerned has the ids of the group's facts and of the facts that they follow. Their sequences in
// USAGE are not known yet; 0 stands for a fact that is not there.
func (r *Resubmitter) concerned(group []*submission) map[appender.Key]uint64 {
	sequences := map[appender.Key]uint64{}
	for _, s := range group {
		sequences[appender.KeyOf(s.fact.ID)] = 0
		if s.entry.AfterID != "" {
			sequences[appender.KeyOf(s.entry.AfterID)] = 0
			if last, ok := r.behind[s.entry.AfterID]; ok {
				sequences[appender.KeyOf(last)] = 0
			}
		}
	}
	return sequences
}

// position sets the position of a Cloud Foundry event in its list. Of several that followed the
// same fact each follows the one before.
func (r *Resubmitter) position(ctx context.Context, s *submission, sequences map[appender.Key]uint64) error {
	if s.fact.Source != events.SourceCF {
		return nil
	}
	after := s.entry.AfterID
	if r.rules.AtEnd && (after == "" || sequences[appender.KeyOf(after)] == 0) {
		return r.positionAtEnd(ctx, s)
	}
	if after == "" {
		s.result.Reason = "its place in the order of events is not known, and decides what it means: collect its " +
			"file again into another foundation, or append it behind everything with --at-end"
		return nil
	}
	if last, ok := r.behind[after]; ok {
		after = last
	}
	sequence := sequences[appender.KeyOf(after)]
	if sequence == 0 {
		s.result.Reason = "the event that it followed (" + after + ") is not in USAGE: resubmit that one first, or " +
			"append it behind everything with --at-end"
		return nil
	}
	m, err := r.store.Get(ctx, events.StreamUsage, sequence)
	if err != nil {
		return err
	}
	var before events.Usage
	if err := before.DecodeJSON(m.Data); err != nil {
		return fmt.Errorf("message %d of USAGE: %w", sequence, err)
	}
	guid := r.rules.GUID(before.Raw)
	if guid == "" {
		return fmt.Errorf("message %d of USAGE: its upstream event cannot be read, or has no guid", sequence)
	}
	s.fact.AfterGUID, s.fact.AfterSequence = guid, sequence
	return nil
}

// positionAtEnd sets the position of a Cloud Foundry event behind every fact of its list.
func (r *Resubmitter) positionAtEnd(ctx context.Context, s *submission) error {
	list := events.ListApp
	if s.fact.Kind == events.KindService {
		list = events.ListService
	}
	var err error
	s.fact.AfterGUID, s.fact.AfterSequence, err = r.rules.End(ctx, s.fact.Foundation, list)
	if err == nil && s.fact.AfterSequence == 0 {
		s.result.Reason = "nothing of its list is in USAGE that it could stand behind; as the first it would hide " +
			"from the collector what is before it: collect first, then resubmit it"
	}
	return err
}

func appendFact(ctx context.Context, a *appender.Appender, u *events.Usage, subject string) error {
	a.Add(appender.KeyOf(u.ID), subject,
		events.AppendHeaders(nil, u.ID, events.TypeUsage, collector.Origin(u.Source, u.Foundation)),
		u.AppendJSON(a.Buffer()))
	_, _, err := a.Flush(ctx, nil)
	return err
}
