package acts

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/limit"
)

// VersionTakenError reports a catalogue version with another text.
type VersionTakenError struct{ Version string }

func (e *VersionTakenError) Error() string {
	return fmt.Sprintf("catalogue version %q is published already, with another text. A version never changes: "+
		"publish this one under another name", e.Version)
}

// ErrLargeCatalogue: a catalogue is one message.
var ErrLargeCatalogue = fmt.Errorf("the catalogue has more than %d bytes as JSON, the most that one message takes: "+
	"make it shorter, for example without comments", events.MaxBody)

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
	// Check, where there is one, is asked before the append. The act then stands directly behind
	// the message of USAGE with the given sequence: Check is asked again where anything was added
	// meanwhile. Its error ends the publication and is returned.
	Check func(ctx context.Context, usage uint64) error
}

// PublishCatalogue puts a catalogue version in force, once. A version has one text for ever; it may
// be put in force again after another. It reports whether an act is stored by this call: for the
// version in force, with the closed months that it has priced since, there is nothing to do.
// Errors: *VersionTakenError, ErrLargeCatalogue, *TooLongError, and one about the closed months.
func PublishCatalogue(ctx context.Context, b Bus, p *Publication) (stored bool, err error) {
	act := events.Act{
		Kind: events.ActCatalogue, By: p.By, Note: p.Note, Time: p.At,
		Catalogue: events.Catalogue{Version: p.Version, YAML: p.YAML, Reprice: p.Reprice},
	}
	if err := bounded(&act); err != nil {
		return false, err
	}
	if !limit.Catalogue(&act.Catalogue) {
		return false, ErrLargeCatalogue
	}
	if err := limit.Reprice(p.Reprice); err != nil {
		return false, fmt.Errorf("catalogue version %q is not published: %w", p.Version, err)
	}
	var last Act // without its text
	texts := map[string][sha256.Size]byte{}
	repriced := map[string]bool{} // months, by the version in force since it is
	again := func(month string) bool { return !repriced[month] }
	publishing := publish{
		bus: b, filters: []string{events.ActSubject(act.Kind, "", "")}, alone: p.Check != nil,
		read: func(m *bus.Stored) error {
			a, ok := read(m)
			if !ok {
				return nil
			}
			if act.ID != "" && a.ID == act.ID {
				stored = true // an earlier try was, though no answer came
			}
			if a.Catalogue.Version != last.Catalogue.Version {
				clear(repriced)
			}
			for _, month := range a.Catalogue.Reprice {
				repriced[month] = true
			}
			texts[a.Catalogue.Version] = sha256.Sum256([]byte(a.Catalogue.YAML))
			a.Catalogue.YAML = ""
			last = a
			return nil
		},
		next: func(expectation uint64) ([]events.Act, error) {
			text, known := texts[p.Version]
			switch {
			case stored:
				return nil, nil
			case known && text != sha256.Sum256([]byte(p.YAML)):
				return nil, &VersionTakenError{p.Version}
			case known && last.Catalogue.Version == p.Version && !slices.ContainsFunc(p.Reprice, again):
				return nil, nil
			case p.Check != nil:
				if err := p.Check(ctx, expectation); err != nil {
					return nil, err
				}
			}
			act.Expectation = expectation
			act.ID = events.ID("catalogue", p.Version, last.ID)
			return []events.Act{act}, nil
		},
	}
	sequence, err := publishing.run(ctx)
	return stored || sequence != 0, err
}

// Published reports whether a version is in force already: then there is nothing to publish. Error:
// *VersionTakenError.
func Published(ctx context.Context, b Reader, p *Publication) (inForce bool, err error) {
	last := ""
	repriced := map[string]bool{}
	err = List(ctx, b, events.ActCatalogue, "", func(a *Act) error {
		if a.Catalogue.Version != last {
			clear(repriced)
		}
		for _, month := range a.Catalogue.Reprice {
			repriced[month] = true
		}
		last = a.Catalogue.Version
		if last == p.Version && a.Catalogue.YAML != p.YAML {
			return &VersionTakenError{p.Version}
		}
		return nil
	})
	done := !slices.ContainsFunc(p.Reprice, func(month string) bool { return !repriced[month] })
	return last == p.Version && done && err == nil, err
}

// ErrNoVersion: no act has put a version of this name in force.
var ErrNoVersion = errors.New("no catalogue version of this name was ever published: daybook catalogue list shows " +
	"those that were")

// FindVersion returns the last act about a version, with its text. Error: ErrNoVersion.
func FindVersion(ctx context.Context, b Reader, version string) (last Act, err error) {
	found := false
	err = List(ctx, b, events.ActCatalogue, "", func(a *Act) error {
		if a.Catalogue.Version == version {
			last, found = *a, true
		}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%q: %w", version, ErrNoVersion)
	}
	return last, err
}

// History returns the acts that put versions in force, in their order, without the texts.
func History(ctx context.Context, b Reader) (all []Act, err error) {
	err = List(ctx, b, events.ActCatalogue, "", func(a *Act) error {
		a.Catalogue.YAML = ""
		all = append(all, *a)
		return nil
	})
	return all, err
}

// InForce returns the last act that put a catalogue version in force; false where there is none.
func InForce(ctx context.Context, b Reader) (last Act, found bool, err error) {
	err = List(ctx, b, events.ActCatalogue, "", func(a *Act) error {
		last, found = *a, true
		return nil
	})
	return last, found, err
}
