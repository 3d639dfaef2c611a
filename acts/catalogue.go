package acts

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// VersionTakenError reports a catalogue version with another text.
type VersionTakenError struct{ Version string }

func (e *VersionTakenError) Error() string {
	return fmt.Sprintf("catalogue version %q is published already, with another text. A version never changes: "+
		"publish this one under another name", e.Version)
}

// PublishCatalogue stores a catalogue (YAML) under its version, once. It reports whether it is
// stored by this call: the same text again is no change. at is the time of the publication. Errors:
// *VersionTakenError.
func PublishCatalogue(ctx context.Context, b Bus, version string, yaml []byte, at time.Time) (stored bool, err error) {
	act := Act{
		Kind: Catalogue, ID: events.ID("catalogue", version), Time: at,
		Catalogue: &events.Catalogue{Version: version, YAML: string(yaml)},
	}
	var found *bus.Stored
	publishing := publish{
		bus: b, kind: Catalogue, subject: act.subject(),
		read: func(m *bus.Stored) error {
			found = m
			return nil
		},
		next: func() ([]Act, error) {
			switch {
			case found == nil:
				return []Act{act}, nil
			case !bytes.Equal(found.Data, act.body()):
				return nil, &VersionTakenError{version}
			}
			return nil, nil
		},
	}
	last, err := publishing.run(ctx)
	return last != 0, err
}
