package paas

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/forecast"
)

type pricingPlan struct {
	Name       string      `json:"name"`
	GUID       string      `json:"plan_guid"`
	ValidFrom  string      `json:"valid_from"`
	Components []component `json:"components"`
	MemoryMB   int64       `json:"memory_in_mb"`
	StorageMB  int64       `json:"storage_in_mb"`
	Nodes      int64       `json:"number_of_nodes"`
}

type component struct {
	Name     string `json:"name"`
	Formula  string `json:"formula"`
	VATCode  string `json:"vat_code"`
	Currency string `json:"currency_code"`
}

type rate struct {
	Code      string      `json:"code"`
	ValidFrom string      `json:"valid_from"`
	Rate      json.Number `json:"rate"`
}

// prices begins an answer about prices: whoever asks may have it, unless told otherwise.
func (h *Handler) prices(q *request) (*catalogue.Catalogue, error) {
	if h.ClosedPrices {
		if err := h.authorised(q); err != nil {
			return nil, err
		}
	}
	if err := q.within(); err != nil {
		return nil, err
	}
	return h.catalogue(q)
}

// catalogue is the catalogue in force; nil: none is.
func (h *Handler) catalogue(q *request) (*catalogue.Catalogue, error) {
	terms, err := h.Terms(q.Context())
	if err != nil {
		return nil, err
	}
	return inForce(terms), nil
}

// inForce is the catalogue that prices open months.
func inForce(terms forecast.Terms) *catalogue.Catalogue {
	const open = "9999-12"
	_, cat, _ := terms.Terms("", "", open)
	return cat
}

// touches reports whether what is valid from one time until another (zero: for ever) touches the
// range.
func (q *request) touches(from, until time.Time) bool {
	return from.Before(q.to) && (until.IsZero() || until.After(q.from))
}

// pricingPlans answers /pricing_plans, by beginning and name.
func (h *Handler) pricingPlans(q *request) error {
	cat, err := h.prices(q)
	if err != nil || cat == nil {
		return err
	}
	all := newPlans(cat)
	var list []pricingPlan
	for _, plan := range cat.Plans {
		if !q.touches(plan.ValidFrom, plan.Until) {
			continue
		}
		s := sizeOf(&events.Footprint{}, plan)
		p := pricingPlan{
			Name: plan.Name, GUID: all.guid(plan.Name), ValidFrom: plan.ValidFrom.Format(timeForm),
			MemoryMB: *s.memory, StorageMB: *s.storage, Nodes: *s.nodes,
		}
		for _, c := range plan.Components {
			name, formula := inDialect(c)
			p.Components = append(p.Components, component{name, formula, c.VAT, c.Currency})
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b pricingPlan) int {
		return cmp.Or(cmp.Compare(a.ValidFrom, b.ValidFrom), cmp.Compare(a.Name, b.Name), cmp.Compare(a.GUID, b.GUID))
	})
	for i := range list {
		if err := q.out.add(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

// dialect are the names of paas-billing for variables and functions; a name without one cannot be
// said in it.
func dialect(name string) (string, bool) {
	said, known := map[string]string{
		"seconds": "$time_in_seconds", "instances": "$number_of_nodes", "memory_mb": "$memory_in_mb",
		"storage_mb": "$storage_in_mb", "volume_gb": "($storage_in_mb / 1024)", "ceil": "ceil",
	}[name]
	return cmp.Or(said, name), known
}

// inDialect is the price of a component as clients of paas-billing read it, and its name: with an
// asterisk where the dialect cannot say it all.
func inDialect(c *catalogue.Component) (name, text string) {
	price, factor := c.Formula, ""
	if price == nil {
		price, factor = c.Quantity, c.UnitPrice.String()
	}
	if c.Dialect == catalogue.DialectPaas {
		text = price.Text()
	} else {
		name = c.Name
		text = regexp.MustCompile(`[a-z_]+`).ReplaceAllStringFunc(price.String(), func(word string) string {
			said, known := dialect(word)
			if !known {
				name = c.Name + "*"
			}
			return said
		})
		if strings.Contains(text, "^") {
			name = c.Name + "*"
		}
	}
	if factor != "" {
		text = "(" + text + ") * " + factor
	}
	return cmp.Or(name, c.Name), text
}

// codes are the codes of the currencies or VAT rates of all components.
func codes(cat *catalogue.Catalogue, of func(*catalogue.Component) string, more ...string) []string {
	all := map[string]bool{}
	for _, code := range more {
		all[code] = true
	}
	for _, plan := range cat.Plans {
		for _, c := range plan.Components {
			all[of(c)] = true
		}
	}
	delete(all, "")
	return slices.Sorted(maps.Keys(all))
}

// currencyRates answers /currency_rates, by beginning and code.
func (h *Handler) currencyRates(q *request) error {
	cat, err := h.prices(q)
	if err != nil || cat == nil {
		return err
	}
	var list []rate
	for _, code := range codes(cat, func(c *catalogue.Component) string { return c.Currency }, cat.Currency) {
		rates, _ := cat.CurrencyRates(code)
		list = append(list, q.rates(rates)...)
	}
	return q.listed(list)
}

// vatRates answers /vat_rates, by beginning and code.
func (h *Handler) vatRates(q *request) error {
	cat, err := h.prices(q)
	if err != nil || cat == nil {
		return err
	}
	var list []rate
	for _, code := range codes(cat, func(c *catalogue.Component) string { return c.VAT }) {
		rates, _ := cat.VATRates(code)
		list = append(list, q.rates(rates)...)
	}
	return q.listed(list)
}

// rates are the values that touch the range. One without a beginning is as old as the epoch: its
// clients read dates.
func (q *request) rates(rates catalogue.Rates) (list []rate) {
	for i := range rates {
		until := time.Time{}
		if i+1 < len(rates) {
			until = rates[i+1].ValidFrom
		}
		if from := rates[i].ValidFrom; q.touches(from, until) {
			if from.Before(time.Unix(0, 0)) {
				from = time.Unix(0, 0).UTC()
			}
			list = append(list, rate{rates[i].Code, from.Format(timeForm), json.Number(rates[i].Value.String())})
		}
	}
	return list
}

func (q *request) listed(list []rate) error {
	slices.SortFunc(list, func(a, b rate) int {
		return cmp.Or(cmp.Compare(a.ValidFrom, b.ValidFrom), cmp.Compare(a.Code, b.Code))
	})
	for i := range list {
		if err := q.out.add(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

type total struct {
	GUID string      `json:"plan_guid"`
	Cost json.Number `json:"cost"`
}

// totals answers /totals: net sums over all time of what the asker may see, by plan_guid.
func (h *Handler) totals(q *request) error {
	if err := h.authorised(q); err != nil {
		return err
	}
	cat, err := h.catalogue(q)
	if err != nil {
		return err
	}
	own := q.access.query()
	own.By = []ledger.Dimension{ledger.ByPlan}
	sums, err := h.Ledger.Totals(q.Context(), own)
	if err != nil {
		return err
	}
	plans, costs := newPlans(cat), map[string]events.Decimal{}
	for _, s := range sums {
		if s.Currency != sums[0].Currency {
			return &problem{http.StatusConflict, "there are charges in " + sums[0].Currency + " and in " + s.Currency +
				", and one cost cannot be both: ask /v1/totals"}
		}
		guid := plans.guid(s.Group[0])
		costs[guid] = costs[guid].Add(s.Amount)
	}
	for _, guid := range slices.Sorted(maps.Keys(costs)) {
		if err := q.out.add(total{guid, json.Number(costs[guid].String())}); err != nil {
			return err
		}
	}
	return nil
}
