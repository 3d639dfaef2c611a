package paas

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/evidence"
	"github.com/daybook-billing/daybook/ledger"
)

// Facts returns the guids of usage events by their sequences in USAGE, of one owner. A notification
// of Trove has a UUID of its message_id. Sequences are sorted; one without a fact of the owner is
// left out.
func Facts(ctx context.Context, b evidence.Bus, owner events.Owner, sequences []uint64) (map[uint64]string, error) {
	guids := make(map[uint64]string, len(sequences))
	var u events.Usage
	filter := events.UsageTenantFilter("", owner.Foundation, owner.Tenant)
	err := evidence.Read(ctx, b, filter, sequences, func(sequence uint64, m *bus.Stored) error {
		if m == nil || m.Header(events.HeaderType) != events.TypeUsage {
			return nil
		}
		if err := u.DecodeJSON(m.Data); err != nil {
			return fmt.Errorf("message %d of %s (%s): %w: %w", sequence, events.StreamUsage, m.Subject,
				ledger.ErrUnreadable, err)
		}
		if u.Foundation == owner.Foundation && u.Tenant == owner.Tenant {
			guids[sequence] = guidOf(&u)
		}
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
