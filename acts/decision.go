package acts

import (
	"context"
	"maps"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Decided is one decision with its outcome.
type Decided struct {
	// Act is the decision as it is stored, with its id.
	Act
	// Already is set when the last decision about the hold said the same before: nothing was
	// stored, and Act is the earlier one.
	Already bool
}

// Decide publishes decisions about holds, each exactly once, and gives them their ids: the
// decisions about a hold form a chain, and each id is made of the one before it. A decision equal
// to the last one about its hold, in action and footprint, is not stored. The decisions of a
// foundation are stored in batches. With an error, the decisions before it are returned.
func Decide(ctx context.Context, b Bus, decisions ...events.Act) ([]Decided, error) {
	bySubject := map[string][]events.Act{}
	for _, d := range decisions {
		d.Kind = events.ActDecision
		if err := bounded(&d); err != nil {
			return nil, err
		}
		subject := events.ActSubject(d.Kind, d.Source, d.Foundation)
		bySubject[subject] = append(bySubject[subject], d)
	}
	var all []Decided
	for _, subject := range slices.Sorted(maps.Keys(bySubject)) {
		for part := range slices.Chunk(bySubject[subject], bus.MaxBatch) {
			p := deciding{decisions: part, last: map[string]Act{}}
			if err := p.run(ctx, b, subject); err != nil {
				return all, err
			}
			all = append(all, p.outcomes...)
		}
	}
	return all, nil
}

// deciding is one batch of decisions on one subject.
type deciding struct {
	decisions []events.Act
	last      map[string]Act // by hold, as stored
	// Of the last try: an outcome for each decision, and the indexes of the decisions in its batch.
	outcomes []Decided
	batch    []int
}

func (p *deciding) run(ctx context.Context, b Bus, subject string) error {
	publishing := publish{
		bus: b, filters: []string{subject},
		read: func(m *bus.Stored) error {
			if a, ok := read(m); ok {
				p.last[a.Decision.Hold] = a
			}
			return nil
		},
		next: p.next,
	}
	last, err := publishing.run(ctx)
	if err != nil {
		return err
	}
	first := last + 1 - uint64(len(p.batch)) // the messages of a batch have sequences without holes
	for i, at := range p.batch {
		p.outcomes[at].Sequence = first + uint64(i)
	}
	return nil
}

// next makes the acts of the decisions without a message.
func (p *deciding) next(expectation uint64) ([]events.Act, error) {
	tried, last := p.outcomes, maps.Clone(p.last)
	p.outcomes, p.batch = make([]Decided, 0, len(p.decisions)), p.batch[:0]
	var acts []events.Act
	for i := range p.decisions {
		d := p.decisions[i]
		before, decided := last[d.Decision.Hold]
		if decided {
			own := tried != nil && !tried[i].Already && tried[i].ID == before.ID && before.Time.Equal(d.Time)
			same := before.Decision.Action == d.Decision.Action && before.Decision.Footprint == d.Decision.Footprint
			if own || same {
				// own: an earlier try was stored, though no answer came
				p.outcomes = append(p.outcomes, Decided{before, !own})
				continue
			}
		}
		d.ID = events.ID("decision", d.Decision.Hold, d.Decision.Action, before.ID)
		d.Expectation = expectation
		act := Act{Act: d}
		last[d.Decision.Hold] = act
		p.outcomes, p.batch, acts = append(p.outcomes, Decided{Act: act}), append(p.batch, i), append(acts, d)
	}
	return acts, nil
}
