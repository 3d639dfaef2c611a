package ledger

import (
	"context"
	"errors"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/ledger/anomalies"
)

// decoder decodes the messages of one stream, with the memory of the last one.
type decoder struct {
	names   *events.Interner
	metered events.Metered
	billing events.Billing
	bus     Snapshots
	details bool // of the batches, too
}

// internBits is the size of the table of repeated strings: 2^16.
const internBits = 16

// newDecoder decodes what a ledger keeps.
func newDecoder(b Snapshots, to Ledger) *decoder {
	_, details := to.(Detailed)
	return &decoder{names: events.NewInterner(internBits), bus: b, details: details}
}

// add adds a message of a stream to a batch. Messages of other types than the ledger's are passed
// over.
func (d *decoder) add(ctx context.Context, batch *Batch, stream string, in *bus.Stored) error {
	switch in.Header(events.HeaderType) {
	case events.TypeMetered:
		return d.listing(batch, in)
	case events.TypeBilling:
		b := &d.billing
		if err := d.names.DecodeBilling(b, in.Data); err != nil {
			return err
		}
		batch.Charges = AppendCharges(batch.Charges, b, in.Sequence)
	case events.TypeUnrated:
		var u events.UnratedNotice
		if err := u.DecodeJSON(in.Data); err != nil {
			return err
		}
		for _, part := range u.Unrated {
			batch.Unrated = append(batch.Unrated, Unrated{Unrated: part, Source: u.Source, Foundation: u.Foundation})
		}
		batch.Settled = append(batch.Settled, u.Settled...)
	case events.TypeHorizon:
		var h events.Horizon
		if err := h.DecodeJSON(in.Data); err != nil {
			return err
		}
		if stream == events.StreamMetered {
			batch.Metered = append(batch.Metered, h)
		} else {
			batch.Billed = append(batch.Billed, h)
		}
	case events.TypeGap:
		var g events.Gap
		if err := g.DecodeJSON(in.Data); err != nil {
			return err
		}
		batch.Gaps = append(batch.Gaps, g)
	case events.TypeClosing:
		var c events.Closing
		if err := c.DecodeJSON(in.Data); err != nil {
			return err
		}
		if stream == events.StreamBilling {
			batch.Closings = append(batch.Closings, c)
		}
	case events.TypeAnomaly:
		var a events.AnomalyNotice
		if err := a.DecodeJSON(in.Data); err != nil {
			return err
		}
		batch.Running = append(batch.Running, Running{
			Source: a.Source, Foundation: a.Foundation, Horizons: len(batch.Metered),
			Anomalies: []anomalies.Anomaly{{Anomaly: a.Anomaly, Source: a.Source, Foundation: a.Foundation}},
		})
	case statement.Type:
		return d.statement(ctx, &batch.Details, in)
	case events.TypeCatalogue:
		return d.catalogue(&batch.Details, stream, in)
	}
	return nil
}

// placed are the anomalies of a message with their place.
func placed(m *events.Metered) (all []anomalies.Anomaly) {
	for i := range m.Anomalies {
		all = append(all, anomalies.Anomaly{
			Anomaly: m.Anomalies[i], Source: m.Source, Foundation: m.Foundation, Tenant: m.Tenant, Kind: m.Kind,
		})
	}
	return all
}

// change adds what a message says of spans with an end.
func (d *Details) change(m *events.Metered, sequence uint64) {
	if len(m.Retracted)+len(m.Closed) == 0 {
		return
	}
	c := Change{Source: m.Source, Foundation: m.Foundation, Sequence: sequence, Closed: slices.Clone(m.Closed)}
	for i := range m.Retracted {
		c.Retracted = append(c.Retracted, m.Retracted[i].ID)
	}
	d.Changes = append(d.Changes, c)
}

func (d *decoder) statement(ctx context.Context, to *Details, in *bus.Stored) (err error) {
	if !d.details {
		return nil
	}
	x := Issued{Sequence: in.Sequence}
	if err := x.DecodeJSON(in.Data); err != nil {
		return err
	}
	if x.Usage, err = factBehind(ctx, d.bus, in); err != nil && !errors.Is(err, bus.ErrNotFound) {
		return err
	}
	to.Statements = append(to.Statements, x)
	return nil
}

func (d *decoder) catalogue(to *Details, stream string, in *bus.Stored) (err error) {
	if !d.details {
		return nil
	}
	x := Catalogue{Sequence: in.Sequence}
	if err := x.DecodeJSON(in.Data); err != nil {
		return err
	}
	if x.Usage, err = input(stream, in); err != nil {
		return err
	}
	to.Catalogues = append(to.Catalogues, x)
	return nil
}

// listing adds what a message says of a subject.
func (d *decoder) listing(batch *Batch, in *bus.Stored) error {
	m, decode := &d.metered, d.names.DecodeRunning
	if d.details {
		decode = d.names.DecodeMetered
	}
	if err := decode(m, in.Data); err != nil {
		return err
	}
	batch.Details.change(m, in.Sequence)
	batch.Running = append(batch.Running, Running{
		Subject: in.Subject, Source: m.Source, Foundation: m.Foundation, Tenant: m.Tenant,
		Spans: slices.Clone(m.Running), SpansOmitted: m.RunningOmitted, Held: slices.Clone(m.Held),
		HeldOmitted: m.HeldOmitted, Ended: slices.Clone(m.Ended), Horizons: len(batch.Metered),
		Anomalies: placed(m),
	})
	return nil
}
