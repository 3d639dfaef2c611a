package acts

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// discarded is the outcome of a discard.
const discarded = "discarded"

// Discard makes the act that discards an input in QUARANTINE, without an id.
func Discard(q *events.Quarantined, by, note string, at time.Time) events.Act {
	return events.Act{
		Kind: events.ActDiscard, Source: q.Source, Foundation: q.Foundation, By: by, Note: note, Time: at,
		Input: events.Input{ID: q.ID, Outcome: discarded},
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
		publishing := publish{bus: b, filters: []string{subject}, read: p.read, next: p.next}
		for part := range slices.Chunk(bySubject[subject], bus.MaxBatch) {
			p.discards, p.tried = part, nil
			if _, err := publishing.run(ctx); err != nil {
				return stored + p.stored, err
			}
			p.settle()
		}
		stored += p.stored
	}
	return stored, nil
}

// discarding publishes the discards on one subject, batch by batch.
type discarding struct {
	discards []events.Act          // of the batch
	known    map[string]bool       // by input: discarded already
	tried    map[string]events.Act // by input: the last try
	stored   int                   // discards of ours
}

// read notes who discarded an input first. A discard of the last try, which had no answer, is ours.
func (p *discarding) read(m *bus.Stored) error {
	a, ok := read(m)
	if !ok || p.known[a.Input.ID] {
		return nil
	}
	p.known[a.Input.ID] = true
	if ours, ok := p.tried[a.Input.ID]; ok && bytes.Equal(m.Data, ours.AppendJSON(nil)) {
		p.stored++
	}
	return nil
}

// next makes the acts about inputs that nobody discarded yet.
func (p *discarding) next(expectation uint64) ([]events.Act, error) {
	p.tried = map[string]events.Act{}
	var acts []events.Act
	for _, d := range p.discards {
		if _, again := p.tried[d.Input.ID]; again || p.known[d.Input.ID] {
			continue
		}
		d.ID = events.ID("discard", d.Source, d.Foundation, d.Input.ID)
		d.Expectation = expectation
		p.tried[d.Input.ID] = d
		acts = append(acts, d)
	}
	return acts, nil
}

// settle notes that the last try is stored.
func (p *discarding) settle() {
	for input := range p.tried {
		p.known[input] = true
	}
	p.stored += len(p.tried)
}
