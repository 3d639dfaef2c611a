package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/redact"
)

// Outcomes of a replay.
const (
	ReplayStored  = "stored"  // understood, and in USAGE from here on
	ReplayKnown   = "known"   // understood, and was in USAGE
	ReplayIgnored = "ignored" // understood, and says nothing about usage
	ReplayRefused = "refused" // not understood, or its place is not known
)

// ReplayStore is what Replay needs of the bus; ReplayOnBus makes one.
type ReplayStore interface {
	appender.Store
	// Get returns the message with this sequence.
	Get(ctx context.Context, stream string, seq uint64) (bus.Stored, error)
	// End is cf.End.
	End(ctx context.Context, foundation, list string) (guid string, sequence uint64, err error)
}

// ReplayOnBus is the ReplayStore that a bus makes.
func ReplayOnBus(b *bus.Bus) ReplayStore { return replayStore{appender.OnBus(b), b} }

type replayStore struct {
	appender.Store
	bus *bus.Bus
}

func (s replayStore) Get(ctx context.Context, stream string, seq uint64) (bus.Stored, error) {
	return s.bus.Get(ctx, stream, seq)
}

func (s replayStore) End(ctx context.Context, foundation, list string) (guid string, sequence uint64, err error) {
	return cf.End(ctx, cf.OnBus(s.bus), foundation, list)
}

// Parked is one message of QUARANTINE.
type Parked struct {
	Sequence uint64
	events.Quarantined
}

// Replayed says what became of a message of QUARANTINE.
type Replayed struct {
	Sequence uint64
	Outcome  string // one of the Replay constants
	ID       string // of the fact
	Subject  string // of the fact
	Reason   string // why it was refused
}

// Replayer puts quarantined input back through today's normalisation, and appends to USAGE what is
// understood now, each fact once by its id. QUARANTINE stays as it is. It is for one goroutine.
type Replayer struct {
	store ReplayStore
	atEnd bool
	// behind is, by AfterID, the id of the last one that followed it and is in USAGE.
	behind map[string]string
}

// NewReplayer makes a Replayer. A Cloud Foundry event is appended as a late fact behind the one
// that it followed in the API (Quarantined.AfterID), and refused when that is not known, because
// its place in the order decides what it means; with atEnd it is then appended as a late fact
// behind everything of its list. It is never the collector's cursor.
func NewReplayer(store ReplayStore, atEnd bool) *Replayer {
	return &Replayer{store: store, atEnd: atEnd, behind: map[string]string{}}
}

// Replay replays a part of what QUARANTINE holds; the parts are given in QUARANTINE's order. chosen
// tells what is to be replayed; the others tell what their neighbours follow.
//
// The result has one row for each that was chosen, in order. An error is of the bus; what was
// appended before it stays.
func (p *Replayer) Replay(ctx context.Context, all []Parked, chosen func(*Parked) bool) ([]Replayed, error) {
	var results []Replayed
	groups := map[[2]string][]*replay{}
	var order [][2]string
	for i := range all {
		r := understand(&all[i])
		r.chosen = chosen(&all[i])
		if r.fact != nil {
			key := [2]string{r.fact.Source, r.fact.Foundation}
			if groups[key] == nil {
				order = append(order, key)
			}
			groups[key] = append(groups[key], r)
		} else if r.chosen {
			results = append(results, r.result)
		}
	}
	for _, key := range order {
		group := groups[key]
		if key[0] != events.SourceCF && !slices.ContainsFunc(group, func(r *replay) bool { return r.chosen }) {
			continue
		}
		if err := p.group(ctx, key[0], key[1], group); err != nil {
			return results, err
		}
		for _, r := range group {
			if r.chosen {
				results = append(results, r.result)
			}
		}
	}
	slices.SortFunc(results,
		func(a, b Replayed) int { return int(a.Sequence) - int(b.Sequence) }) //nolint:gosec // far below
	return results, nil
}

// replay is one message on its way.
type replay struct {
	parked *Parked
	fact   *events.Usage // nil: not understood
	chosen bool
	result Replayed
}

// understand normalises the input.
func understand(p *Parked) *replay {
	r := &replay{parked: p, result: Replayed{Sequence: p.Sequence, Outcome: ReplayRefused}}
	u, err := Line(p.Foundation, []byte(p.Input))
	switch {
	case errors.Is(err, trove.ErrIgnored):
		r.result.Outcome = ReplayIgnored
	case err != nil:
		r.result.Reason = redact.Text(err.Error())
		if strings.Contains(p.Input, " more bytes]") {
			r.result.Reason += " (the quarantine keeps the beginning of a long input only: collect it again from " +
				"where it came)"
		}
	default:
		r.fact = &u
		r.result.ID = u.ID
		r.result.Subject = events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.SubjectResource())
	}
	return r
}

// group replays the facts of one source and foundation.
func (p *Replayer) group(ctx context.Context, source, foundation string, group []*replay) error {
	sequences := map[appender.Key]uint64{} // in USAGE, of the ids that matter; 0: not there
	for _, r := range group {
		sequences[appender.KeyOf(r.fact.ID)] = 0
		if r.parked.AfterID != "" {
			sequences[appender.KeyOf(r.parked.AfterID)] = 0
			if last, ok := p.behind[r.parked.AfterID]; ok {
				sequences[appender.KeyOf(last)] = 0
			}
		}
	}
	a := appender.New(appender.Options{
		Store: p.store, Stream: events.StreamUsage, Filter: events.UsageFilter(source, foundation),
		Seen: func(k appender.Key, sequence uint64) error {
			if old, matters := sequences[k]; matters && old == 0 {
				sequences[k] = sequence
			}
			return nil
		},
	})
	if err := a.Learn(ctx); err != nil {
		return fmt.Errorf("finding out what USAGE holds of %s %s: %w", source, foundation, err)
	}
	for _, r := range group {
		key := appender.KeyOf(r.fact.ID)
		if sequences[key] == 0 && r.chosen {
			if err := p.place(ctx, r, sequences); err != nil {
				return err
			}
			if r.result.Reason == "" {
				if err := appendFact(ctx, a, r.fact, r.result.Subject); err != nil {
					return fmt.Errorf("replaying message %d of QUARANTINE: %w", r.parked.Sequence, err)
				}
				r.result.Outcome = ReplayStored
			}
		} else if sequences[key] != 0 {
			r.result.Outcome = ReplayKnown
		}
		if sequences[key] != 0 && r.parked.AfterID != "" {
			p.behind[r.parked.AfterID] = r.fact.ID
		}
	}
	return nil
}

// place sets where a Cloud Foundry event stands in the API's order. Of several that followed the
// same fact each follows the one before.
func (p *Replayer) place(ctx context.Context, r *replay, sequences map[appender.Key]uint64) error {
	if r.fact.Source != events.SourceCF {
		return nil
	}
	after := r.parked.AfterID
	if p.atEnd && (after == "" || sequences[appender.KeyOf(after)] == 0) {
		return p.placeAtEnd(ctx, r)
	}
	if after == "" {
		r.result.Reason = "its place in the order of events is not known, and decides what it means: collect its " +
			"file again into another foundation, or append it behind everything with --at-end"
		return nil
	}
	if last, ok := p.behind[after]; ok {
		after = last
	}
	sequence := sequences[appender.KeyOf(after)]
	if sequence == 0 {
		r.result.Reason = "the event that it followed (" + after + ") is not in USAGE: replay that one first, or " +
			"append it behind everything with --at-end"
		return nil
	}
	m, err := p.store.Get(ctx, events.StreamUsage, sequence)
	if err != nil {
		return err
	}
	var before events.Usage
	if err := before.DecodeJSON(m.Data); err != nil {
		return fmt.Errorf("message %d of USAGE: %w", sequence, err)
	}
	var upstream struct {
		GUID string `json:"guid"`
	}
	if err := json.Unmarshal(before.Raw, &upstream); err != nil {
		return fmt.Errorf("message %d of USAGE: its upstream event: %w", sequence, err)
	}
	r.fact.AfterGUID, r.fact.AfterSequence = upstream.GUID, sequence
	return nil
}

// placeAtEnd sets the place of a Cloud Foundry event behind everything of its list.
func (p *Replayer) placeAtEnd(ctx context.Context, r *replay) error {
	list := events.ListApp
	if r.fact.Kind == events.KindService {
		list = events.ListService
	}
	var err error
	r.fact.AfterGUID, r.fact.AfterSequence, err = p.store.End(ctx, r.fact.Foundation, list)
	if err == nil && r.fact.AfterSequence == 0 {
		r.result.Reason = "nothing of its list is in USAGE that it could stand behind; as the first it would hide " +
			"from the collector what is before it: collect first, then replay it"
	}
	return err
}

func appendFact(ctx context.Context, a *appender.Appender, u *events.Usage, subject string) error {
	a.Add(appender.KeyOf(u.ID), subject,
		appender.Header(u.ID, events.TypeUsage, appender.Origin(u.Source, u.Foundation), events.FormatTime(u.Time)),
		u.AppendJSON(a.Buffer()))
	_, _, err := a.Flush(ctx, nil)
	return err
}
