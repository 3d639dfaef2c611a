package operate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/internal/limit"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/preview"
)

// maxMistakes is how many mistakes of a catalogue an answer lists.
const maxMistakes = 100

// fileName stands for the name of a catalogue's file in messages.
const fileName = "catalogue"

// CatalogueText is a catalogue to check.
type CatalogueText struct {
	Catalogue string `json:"catalogue" minLength:"1" maxLength:"900000" doc:"The text of a catalogue (YAML)."`
}

// Checked is the outcome of a check.
type Checked struct {
	Version  string    `json:"version,omitempty" doc:"Digest of the text, its name unless another is given; none with mistakes."`
	Currency string    `json:"currency,omitempty" doc:"The billing currency."`
	Plans    int       `json:"plans" doc:"Versions of plans."`
	Mistakes []Mistake `json:"mistakes" doc:"In the order of the text; none: it may be published."`
	Omitted  int       `json:"omitted,omitempty" doc:"How many more mistakes there are."`
}

// Mistake is one in a catalogue, with the way to correct it.
type Mistake struct {
	Line    int    `json:"line" doc:"From 1."`
	Column  int    `json:"column" doc:"In characters, from 1."`
	Message string `json:"message"`
}

// Check answers with the mistakes of a catalogue.
func (*Operations) Check(_ context.Context, asker *answer.Asker, x *CatalogueText) (*Checked, error) {
	if err := pricing(asker); err != nil {
		return nil, err
	}
	out := &Checked{Mistakes: []Mistake{}}
	parsed, err := catalogue.Check(fileName, []byte(x.Catalogue))
	var mistakes catalogue.Problems
	switch {
	case errors.As(err, &mistakes):
		for i, m := range mistakes {
			if i == maxMistakes {
				out.Omitted = len(mistakes) - i
				break
			}
			out.Mistakes = append(out.Mistakes, Mistake{m.Line, m.Column, m.Message})
		}
		return out, nil
	case err != nil:
		return nil, err
	}
	out.Version, out.Currency, out.Plans = parsed.Digest(), parsed.Currency, len(parsed.Plans)
	return out, nil
}

// pricing tells why an asker does not see the effect of a catalogue on everybody's bills.
func pricing(asker *answer.Asker) error {
	if !asker.Money.Everybody {
		return forbidden("what another catalogue changes is for those who may see all tenants")
	}
	return nil
}

// Candidate is a catalogue version to put in force: a new text, or an earlier version again.
type Candidate struct {
	Catalogue    string   `json:"catalogue,omitempty" maxLength:"900000" doc:"The text of a new version (YAML)."`
	Name         string   `json:"name,omitempty" maxLength:"1024" doc:"With catalogue: name of the version; a digest of the text unless said."`
	Version      string   `json:"version,omitempty" maxLength:"1024" doc:"An earlier version, in place of a text."`
	Reprice      []string `json:"reprice_closed,omitempty" maxItems:"120" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" doc:"Price these closed months with it, too: the difference is posted as corrections in the first open month."`
	CurrencyFrom string   `json:"currency_from,omitempty" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" doc:"Bill in another currency from this month on, the first open one."`
}

// read is the candidate as an act without its author, and its prices.
func (x *Candidate) read(ctx context.Context, b acts.Reader) (*acts.Publication, *catalogue.Catalogue, error) {
	p := &acts.Publication{Version: x.Version, Reprice: x.Reprice}
	var parsed *catalogue.Catalogue
	var err error
	switch {
	case (x.Catalogue == "") == (x.Version == ""), x.Version != "" && x.Name != "":
		return nil, nil, invalid("give catalogue, the text of a new version, with a name or without, or version, the " +
			"name of an earlier one")
	case x.Version != "":
		act, err := acts.FindVersion(ctx, b, x.Version)
		if errors.Is(err, acts.ErrNoVersion) {
			return nil, nil, answer.NoID()
		}
		if err != nil {
			return nil, nil, err
		}
		p.YAML = act.Catalogue.YAML
		parsed, err = catalogue.Parse("catalogue."+x.Version, []byte(p.YAML))
		if err != nil {
			return nil, nil, refused("%s", err)
		}
	default:
		if parsed, err = catalogue.Check(fileName, []byte(x.Catalogue)); err != nil {
			return nil, nil, invalid("%s", err)
		}
		p.YAML, p.Version = x.Catalogue, cmp.Or(x.Name, parsed.Digest())
	}
	if err := limit.Catalogue(&events.Catalogue{Version: p.Version, YAML: p.YAML, Reprice: p.Reprice}); err != nil {
		return nil, nil, invalid("%s", err)
	}
	return p, parsed, nil
}

// Preview is the effect of a catalogue version before its publication.
type Preview struct {
	Version string            `json:"version"`
	Former  string            `json:"former" doc:"The version in force; empty: none."`
	InForce bool              `json:"in_force,omitempty" doc:"It is in force already: nothing is to be published."`
	Metered uint64            `json:"metered" doc:"Sequence of the last message of METERED that was looked at: what a publication may expect."`
	Rows    []json.RawMessage `json:"rows" doc:"By month and tenant: rows of schemas/effect.schema.json."`
	Names   map[string]string `json:"tenant_names,omitempty" doc:"Of the tenants in the rows, by guid."`
	Closed  []string          `json:"closed" doc:"Closed months that it would change, and leaves."`
	Closes  []string          `json:"closes,omitempty" doc:"With a first catalogue: months that close with it, and keep its prices."`
	Refused string            `json:"refused,omitempty" doc:"Why it would be refused."`
}

// Preview answers with the effect of a catalogue version, by the code of daybook catalogue
// publish.
func (o *Operations) Preview(ctx context.Context, asker *answer.Asker, x *Candidate) (*Preview, error) {
	if err := pricing(asker); err != nil {
		return nil, err
	}
	p, parsed, err := x.read(ctx, o.bus)
	if err != nil {
		return nil, err
	}
	out := &Preview{Version: p.Version}
	out.InForce, err = acts.Published(ctx, o.bus, p)
	var taken *catalogue.TakenError
	if errors.As(err, &taken) {
		out.Refused, err = err.Error()+" (name)", nil
	}
	if err != nil {
		return nil, unpublished(err)
	}
	look, seen, err := o.look(ctx, p, parsed)
	if err != nil {
		return nil, err
	}
	if err := preview.CheckCurrency(seen, p.Reprice, x.CurrencyFrom); err != nil && out.Refused == "" {
		out.Refused = err.Error()
	}
	out.Former, out.Metered, out.Closed = seen.Former, look.Sequence, append([]string{}, seen.Closed...)
	if out.Rows, out.Names, err = o.rows(ctx, seen); err != nil || seen.Former != "" {
		return out, err
	}
	out.Closes, err = DueMonths(ctx, o.bus, seen.Rows)
	return out, err
}

// look is the effect of a version, as of the last message of METERED.
func (o *Operations) look(ctx context.Context, p *acts.Publication, parsed *catalogue.Catalogue) (*preview.Look,
	*effect.Effect, error,
) {
	look, err := preview.Take(ctx, o.bus)
	if err != nil {
		return nil, nil, err
	}
	seen, err := look.Effect(p.Version, parsed, p.Reprice)
	if err != nil {
		return nil, nil, refused("reprice_closed: %s", err)
	}
	return look, seen, nil
}

// rows are the rows of an effect, with the names of their tenants.
func (o *Operations) rows(ctx context.Context, e *effect.Effect) (rows []json.RawMessage, names map[string]string,
	err error,
) {
	known, err := o.answers.Names(ctx)
	if err != nil {
		return nil, nil, err
	}
	rows, names = []json.RawMessage{}, map[string]string{}
	for i := range e.Rows {
		r := &e.Rows[i]
		rows = append(rows, r.AppendJSON(nil))
		if name := known.TenantName(r.Tenant); name != "" {
			names[r.Tenant] = name
		}
	}
	return rows, names, nil
}
