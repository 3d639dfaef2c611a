package acts

import (
	"context"
	"crypto/sha256"
	"fmt"
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
}

// PublishCatalogue puts a catalogue version in force, once. A version has one text for ever; it may
// be put in force again after another. It reports whether an act is stored by this call: for the
// version in force there is nothing to do. Errors: *VersionTakenError, ErrLargeCatalogue,
// *TooLongError.
func PublishCatalogue(ctx context.Context, b Bus, p *Publication) (stored bool, err error) {
	act := events.Act{
		Kind: events.ActCatalogue, By: p.By, Note: p.Note, Time: p.At,
		Catalogue: events.Catalogue{Version: p.Version, YAML: p.YAML},
	}
	if err := bounded(&act); err != nil {
		return false, err
	}
	if !limit.Catalogue(&act.Catalogue) {
		return false, ErrLargeCatalogue
	}
	var last Act // without its text
	texts := map[string][sha256.Size]byte{}
	publishing := publish{
		bus: b, filters: []string{events.ActSubject(act.Kind, "", "")},
		read: func(m *bus.Stored) error {
			a, ok := read(m)
			if !ok {
				return nil
			}
			if act.ID != "" && a.ID == act.ID {
				stored = true // an earlier try was, though no answer came
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
			case known && last.Catalogue.Version == p.Version:
				return nil, nil
			}
			act.Expectation = expectation
			act.ID = events.ID("catalogue", p.Version, last.ID)
			return []events.Act{act}, nil
		},
	}
	sequence, err := publishing.run(ctx)
	return stored || sequence != 0, err
}

// InForce returns the last act that put a catalogue version in force; false where there is none.
func InForce(ctx context.Context, b Reader) (last Act, found bool, err error) {
	err = List(ctx, b, events.ActCatalogue, "", func(a *Act) error {
		last, found = *a, true
		return nil
	})
	return last, found, err
}
