package paas

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/ledger"
)

// Facts returns the guids of usage events by their sequences in USAGE, which it reads from the
// first to the last of them, of one owner. A notification of Trove has a UUID of its message_id.
// Sequences are sorted; those without a fact of the owner are left out.
func Facts(ctx context.Context, b ledger.Bus, owner events.Owner, sequences []uint64) (map[uint64]string, error) {
	guids := make(map[uint64]string, len(sequences))
	if len(sequences) == 0 {
		return guids, nil
	}
	var u events.Usage
	options := bus.ReadOptions{Filters: []string{events.UsageTenantFilter("", owner.Foundation, owner.Tenant)}}
	_, err := b.Each(ctx, events.StreamUsage, sequences[0], sequences[len(sequences)-1], options,
		func(m *bus.Stored) error {
			if _, wanted := slices.BinarySearch(sequences, m.Sequence); !wanted {
				return nil
			}
			if err := u.DecodeJSON(m.Data); err != nil {
				return fmt.Errorf("message %d of %s (%s): %w: %w", m.Sequence, events.StreamUsage, m.Subject,
					ledger.ErrUnreadable, err)
			}
			guids[m.Sequence] = guidOf(&u)
			return nil
		})
	return guids, err
}

// guidOf is the guid of a usage event, as the API of v3 or of v2 gives it.
func guidOf(u *events.Usage) string {
	var raw struct {
		GUID     string `json:"guid"`
		Metadata struct {
			GUID string `json:"guid"`
		} `json:"metadata"`
	}
	if u.Source != events.SourceCF || json.Unmarshal(u.Raw, &raw) != nil {
		return u.ID
	}
	return cmp.Or(raw.GUID, raw.Metadata.GUID, u.ID)
}
