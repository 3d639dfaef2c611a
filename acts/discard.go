package acts

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Discarded is the outcome of a discard.
const Discarded = "discarded"

// Discard makes the act that discards an input in QUARANTINE, without an id.
func Discard(q *events.Quarantined, by, note string, at time.Time) events.Act {
	return events.Act{
		Kind: events.ActDiscard, Source: q.Source, Foundation: q.Foundation, By: by, Note: note, Time: at,
		Input: events.Input{ID: q.ID, Outcome: Discarded},
	}
}

// DiscardAll publishes discards of inputs in QUARANTINE, each input's once: a second one is not
// stored. The discards of a foundation are stored in batches. It returns the number of those stored
// by this call, also with an error. Errors: *TooLongError, *BusyError.
func DiscardAll(ctx context.Context, b Bus, discards ...events.Act) (stored int, err error) {
	bySubject := map[string][]events.Act{}
	for _, d := range discards {
		if err := bounded(&d); err != nil {
			return 0, err
		}
		subject := events.ActSubject(d.Kind, d.Source, d.Foundation)
		bySubject[subject] = append(bySubject[subject], d)
	}
	for _, subject := range slices.Sorted(maps.Keys(bySubject)) {
		p := discarding{known: map[string]bool{}}
		for part := range slices.Chunk(bySubject[subject], bus.MaxBatch) {
			p.discards, p.tried = part, map[string]bool{}
			if err := p.run(ctx, b, subject); err != nil {
				return stored, err
			}
			stored += len(p.tried)
		}
	}
	return stored, nil
}

// discarding is one batch of discards on one subject.
type discarding struct {
	discards []events.Act
	known    map[string]bool // by input: discarded already
	tried    map[string]bool // by id of the act: of this batch
}

func (p *discarding) run(ctx context.Context, b Bus, subject string) error {
	publishing := publish{
		bus: b, filters: []string{subject}, next: p.next,
		read: func(m *bus.Stored) error {
			if a, ok := read(m); ok {
				p.known[a.Input.ID] = true
			}
			return nil
		},
	}
	_, err := publishing.run(ctx)
	return err
}

// next makes the acts about inputs that nobody discarded yet.
func (p *discarding) next(expectation uint64) ([]events.Act, error) {
	var acts []events.Act
	again := map[string]bool{}
	for _, d := range p.discards {
		if p.known[d.Input.ID] || again[d.Input.ID] {
			continue
		}
		again[d.Input.ID] = true
		d.ID = events.ID("discard", d.Source, d.Foundation, d.Input.ID)
		d.Expectation = expectation
		p.tried[d.ID] = true
		acts = append(acts, d)
	}
	return acts, nil
}
