package acts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/limit"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// Publication is a catalogue version to put in force.
type Publication struct {
	Version string
	YAML    string
	By      string // the person
	Note    string // the reason
	At      time.Time
	// Reprice names closed months, YYYY-MM, to be priced by the version: the difference is posted
	// as corrections. There are at most limit.MaxReprice.
	Reprice []string
	Check   Check // nil: none
}

// Check is an expectation of an act, and is asked before the append. The act then stands directly
// behind the message of USAGE with the given sequence: Check is asked again where anything was
// added meanwhile. Its error ends the act and is returned.
type Check func(ctx context.Context, usage uint64) error

// PublishCatalogue puts a catalogue version in force, once. A version has one text for ever; it may
// be put in force again after another. It reports whether an act is stored by this call: for the
// version in force, with the closed months that it has priced since, there is nothing to do.
// Errors: *catalogue.TakenError, catalogue.Problems, limit.ErrLargeCatalogue, *TooLongError, and
// one about the closed months.
func PublishCatalogue(ctx context.Context, b Bus, p *Publication) (stored bool, err error) {
	act := events.Act{
		Kind: events.ActCatalogue, By: p.By, Note: p.Note, Time: p.At,
		Catalogue: events.Catalogue{Version: p.Version, YAML: p.YAML, Reprice: p.Reprice},
	}
	if err := admissible(&act); err != nil {
		return false, fmt.Errorf("catalogue version %.40q is not published: %w", p.Version, err)
	}
	record, last := newRecord(), ""
	publishing := publish{
		bus: b, filters: []string{events.ActSubject(act.Kind, "", "")}, alone: p.Check != nil,
		read: func(m *bus.Stored) error {
			if a, ok := read(m); ok {
				stored = stored || act.ID != "" && a.ID == act.ID // an earlier try was, though no answer came
				_ = record.take(&a)                               // a refused one changes nothing
				last = a.ID
			}
			return nil
		},
		next: func(expectation uint64) ([]events.Act, error) {
			if stored {
				return nil, nil
			}
			if done, err := record.has(p); done || err != nil {
				return nil, err
			}
			if p.Check != nil {
				if err := p.Check(ctx, expectation); err != nil {
					return nil, err
				}
			}
			act.Expectation = expectation
			act.ID = events.ID("catalogue", p.Version, last)
			return []events.Act{act}, nil
		},
	}
	sequence, err := publishing.run(ctx)
	return stored || sequence != 0, err
}

// admissible is the projector's condition for an act about the catalogue.
func admissible(a *events.Act) error {
	if err := bounded(a); err != nil {
		return err
	}
	return limit.Catalogue(&a.Catalogue)
}

// record is the sum of the acts about the catalogue, in their order.
type record struct {
	texts    catalogue.Texts
	inForce  Act             // the last with an effect; zero for none
	repriced map[string]bool // closed months, by the version in force since it is
}

func newRecord() *record {
	return &record{texts: catalogue.Texts{}, repriced: map[string]bool{}}
}

// take takes the next act. Its error is why projector or pricer refuse it: the version before stays
// in force.
func (r *record) take(a *Act) error {
	if err := admissible(&a.Act); err != nil {
		return err
	}
	if _, err := r.texts.Read(&a.Catalogue); err != nil {
		return err
	}
	r.texts.Keep(a.Catalogue.Version, a.Catalogue.YAML)
	if a.Catalogue.Version != r.inForce.Catalogue.Version {
		clear(r.repriced)
	}
	for _, month := range a.Catalogue.Reprice {
		r.repriced[month] = true
	}
	r.inForce = *a
	return nil
}

// has reports whether there is nothing to publish. Errors: *catalogue.TakenError,
// catalogue.Problems.
func (r *record) has(p *Publication) (bool, error) {
	if _, err := r.texts.Read(&events.Catalogue{Version: p.Version, YAML: p.YAML}); err != nil {
		return false, err
	}
	again := func(month string) bool { return !r.repriced[month] }
	return r.inForce.Catalogue.Version == p.Version && !slices.ContainsFunc(p.Reprice, again), nil
}

// Published reports whether a version is in force already: then there is nothing to publish.
// Errors: *catalogue.TakenError, catalogue.Problems.
func Published(ctx context.Context, b Reader, p *Publication) (inForce bool, err error) {
	all, err := readRecord(ctx, b, func(*Act, error) {})
	if err != nil {
		return false, err
	}
	return all.has(p)
}

// readRecord reads the acts about the catalogue. yield has each, with the error of take.
func readRecord(ctx context.Context, b Reader, yield func(a *Act, refused error)) (*record, error) {
	r := newRecord()
	return r, List(ctx, b, events.ActCatalogue, "", func(a *Act) error {
		yield(a, r.take(a))
		return nil
	})
}

// ErrNoVersion: no version of this name was ever in force.
var ErrNoVersion = errors.New("no catalogue version of this name was ever in force: daybook catalogue list shows " +
	"those that were")

// FindVersion returns the last act that put a version in force, with its text. Error: ErrNoVersion.
func FindVersion(ctx context.Context, b Reader, version string) (last Act, err error) {
	found := false
	_, err = readRecord(ctx, b, func(a *Act, refused error) {
		if a.Catalogue.Version == version && refused == nil {
			last, found = *a, true
		}
	})
	if err == nil && !found {
		err = fmt.Errorf("%q: %w", version, ErrNoVersion)
	}
	return last, err
}

// Version is an act about the catalogue, with its effect.
type Version struct {
	Act           // without the text
	InForce bool  // the last one with an effect
	Refused error // why it puts no version in force; nil where it does, until the next one
}

// History returns the acts about the catalogue, in their order.
func History(ctx context.Context, b Reader) (all []Version, err error) {
	last := -1
	_, err = readRecord(ctx, b, func(a *Act, refused error) {
		if refused == nil {
			last = len(all)
		}
		a.Catalogue.YAML = ""
		all = append(all, Version{Act: *a, Refused: refused})
	})
	if last >= 0 {
		all[last].InForce = true
	}
	return all, err
}

// InForce returns the last act that put a catalogue version in force; false where there is none.
func InForce(ctx context.Context, b Reader) (last Act, found bool, err error) {
	r, err := readRecord(ctx, b, func(*Act, error) {})
	return r.inForce, r.inForce.Sequence > 0, err
}
