package operate

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/preview"
)

// PublishWord is an act about a catalogue version, with its expectation.
type PublishWord struct {
	Note   string  `json:"note" minLength:"1" maxLength:"1024" doc:"Why; it is stored with the act."`
	Expect *uint64 `json:"expect,omitempty" doc:"Refuse where usage, a closing or a catalogue stands behind this message of METERED: the one that a preview names."`
	Wait   *int    `json:"wait_seconds,omitempty" minimum:"0" maximum:"20" doc:"Wait for the pricer to put it in force; 10 unless said."`
}

// Publication is a catalogue version to put in force, with the act.
type Publication struct {
	Candidate
	PublishWord
}

// Rollback is an earlier catalogue version to put in force again.
type Rollback struct {
	Version string `path:"version" maxLength:"1024" doc:"A version that was in force before."`
	Body    RollbackWord
}

// RollbackWord is the act about an earlier version.
type RollbackWord struct {
	PublishWord
	CurrencyFrom string `json:"currency_from,omitempty" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" doc:"Bill in another currency from this month on, the first open one."`
}

// The states of a version behind its publication.
const (
	stateAlready = "already"
	stateInForce = "in force"
)

// Published is the outcome of a publication.
type Published struct {
	Version string            `json:"version"`
	State   string            `json:"state" enum:"in force,already,waiting" doc:"already: it was in force, and nothing was stored. waiting: the pricer has not put it in force yet."`
	Usage   uint64            `json:"usage,omitempty" doc:"Sequence of the act in USAGE."`
	Equal   bool              `json:"equal" doc:"In force: its effect is the one that was computed before."`
	Between int               `json:"between" doc:"In force: messages about usage, months or catalogues that came in between."`
	Rows    []json.RawMessage `json:"rows" doc:"In force: its effect by month and tenant, rows of schemas/effect.schema.json."`
	Names   map[string]string `json:"tenant_names,omitempty" doc:"Of the tenants in the rows, by guid."`
}

// Publish puts a catalogue version in force, by the code of daybook catalogue publish.
func (o *Operations) Publish(ctx context.Context, asker *answer.Asker, x *Publication) (*Published, error) {
	if !asker.Decide.Everybody || !asker.Money.Everybody {
		return nil, forbidden("a catalogue is put in force by those who may see all tenants, and decide about them")
	}
	p, parsed, err := x.read(ctx, o.bus)
	if err != nil {
		return nil, err
	}
	p.By, p.Note, p.At = asker.Name, x.Note, o.time()
	if x.Expect != nil {
		p.Check = func(ctx context.Context, usage uint64) error {
			return metered.Unchanged(ctx, o.bus, *x.Expect, usage, patience)
		}
	}
	out := &Published{Version: p.Version, State: stateAlready, Rows: []json.RawMessage{}}
	if done, err := acts.Published(ctx, o.bus, p); done || err != nil {
		return out, unpublished(err)
	}
	look, seen, err := o.look(ctx, p, parsed)
	if err != nil {
		return nil, err
	}
	if err := preview.CheckCurrency(seen, p.Reprice, x.CurrencyFrom); err != nil {
		return nil, refused("%s", err)
	}
	before, err := o.bus.Stream(ctx, events.StreamBilling)
	if err != nil {
		return nil, err
	}
	stored, err := acts.PublishCatalogue(ctx, o.bus, p)
	if err != nil || !stored {
		return out, unpublished(err)
	}
	out.State = stateWaiting
	got, err := preview.Compare(ctx, o.bus, before.Last, look.Sequence, seen, waitOf(x.Wait))
	if err != nil {
		return nil, err
	}
	out.Usage = got.Act.Sequence
	if got.Put == nil {
		return out, nil
	}
	out.State, out.Equal, out.Between = stateInForce, got.Equal, got.Between
	out.Rows, out.Names, err = o.rows(ctx, got.Put)
	return out, err
}

// Rollback puts an earlier catalogue version in force again.
func (o *Operations) Rollback(ctx context.Context, asker *answer.Asker, x *Rollback) (*Published, error) {
	return o.Publish(ctx, asker, &Publication{
		Candidate:   Candidate{Version: x.Version, CurrencyFrom: x.Body.CurrencyFrom},
		PublishWord: x.Body.PublishWord,
	})
}

// unpublished is an error of a publication as the asker's, where it is.
func unpublished(err error) error {
	var taken *catalogue.TakenError
	var mistakes catalogue.Problems
	switch {
	case err == nil:
		return nil
	case errors.As(err, &taken):
		return refused("%s (name)", err)
	case errors.As(err, &mistakes):
		return refused("%s", err)
	}
	return problem(err)
}
