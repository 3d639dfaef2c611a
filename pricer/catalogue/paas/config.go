package paas

import (
	"errors"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/formula"
)

// config is a config.json.
type config struct {
	vat, currencies []rate
	plans           []*plan
}

// rate is a VAT rate or a currency's rate.
type rate struct {
	code  string
	from  time.Time
	value string // a decimal
	at    int    // offset in the file
}

// plan is one version of a plan.
type plan struct {
	name, guid             string
	from                   time.Time
	memory, storage, nodes uint64
	components             []component
	at                     int
}

type component struct {
	name, formula, currency, vat string
	credit                       bool
	usesNodes                    bool
	at                           int
}

// config reads the file. It returns nil after a problem with the whole of it.
func (r *reader) config() *config {
	all := r.documents()
	if all == nil {
		return nil
	}
	if len(all) > 1 {
		r.problem(all[1].offset, "a second JSON value begins here; a config.json is one")
	}
	root := all[0]
	if !r.is(root, "the config", object) {
		return nil
	}
	r.known(root, "the config", "vat_rates", "currency_rates", "pricing_plans", "ignore_missing_plans")
	c := &config{vat: r.rates(root, "vat_rates"), currencies: r.rates(root, "currency_rates")}
	if v := root.get("ignore_missing_plans"); v != nil && r.is(v, "ignore_missing_plans", truth) && v.text == "true" {
		r.note(v.offset, "ignore_missing_plans: usage without a plan costs nothing in paas-billing; here it is listed "+
			"by daybook unrated list until a plan prices it")
	}
	seen := map[string]*value{}
	for _, v := range r.list(root, "pricing_plans") {
		p := r.plan(v)
		key := p.guid + " " + events.FormatTime(p.from)
		if first := seen[key]; first != nil {
			line, _ := r.place(first.offset)
			r.problem(v.offset, "plan_guid %s stands twice from %s, first in line %d; keep one", p.guid,
				events.FormatTime(p.from), line)
		}
		seen[key] = v
		c.plans = append(c.plans, p)
	}
	if len(c.plans) == 0 {
		r.problem(root.offset, "the config has no pricing_plans")
	}
	return c
}

func (r *reader) rates(root *value, name string) (all []rate) {
	for _, v := range r.list(root, name) {
		r.known(v, "an entry of "+name, "code", "valid_from", "valid_to", "rate")
		x := rate{at: v.offset, from: r.time(v, "an entry of "+name)}
		x.code, _ = r.text(v, "code", "an entry of "+name)
		n := v.get("rate")
		if n == nil || n.kind != text && n.kind != number {
			r.problem(v.offset, "an entry of %s has no rate, a number such as 0.2", name)
			continue
		}
		if x.value = decimal(n.text); x.value == "" {
			r.problem(n.offset, "rate: %q is no decimal number such as 0.2", clip(n.text))
		}
		all = append(all, x)
	}
	return all
}

// time reads valid_from.
func (r *reader) time(of *value, what string) time.Time {
	s, v := r.text(of, "valid_from", what)
	if s == "epoch" {
		return time.Unix(0, 0).UTC()
	}
	t, err := events.ParseTimeOrDate(s)
	for _, layout := range []string{"2006-1-2", time.DateTime, time.DateTime + "-07"} {
		if other, failed := time.Parse(layout, s); err != nil && failed == nil {
			return other.UTC()
		}
	}
	if err != nil && v != of {
		r.problem(v.offset, "valid_from: %v, nor epoch", err)
	}
	return t
}

// places are how many digits behind the point a rate may have; the catalogue takes as many.
const places = 20

var exponent = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?[eE][-+]?[0-9]{1,2}$`)

// decimal is a number of JSON without an exponent; empty for none, and for one with more than 20
// digits behind the point.
func decimal(s string) string {
	if exponent.MatchString(s) {
		x, ok := new(big.Rat).SetString(s)
		if !ok {
			return ""
		}
		s = strings.TrimSuffix(strings.TrimRight(x.FloatString(places), "0"), ".")
		if y, ok := new(big.Rat).SetString(s); !ok || y.Cmp(x) != 0 {
			return ""
		}
	}
	if _, err := events.ParseDecimal(s); err != nil {
		return ""
	}
	return s
}

var guidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (r *reader) plan(v *value) *plan {
	p := &plan{at: v.offset}
	p.name, _ = r.text(v, "name", "a plan")
	what := "plan " + strconv.Quote(clip(p.name))
	r.known(v, what, "name", "plan_guid", "valid_from", "components", "memory_in_mb", "storage_in_mb",
		"number_of_nodes")
	guid, at := r.text(v, "plan_guid", what)
	if p.guid = strings.ToLower(guid); !guidForm.MatchString(p.guid) && at != v {
		r.problem(at.offset, "plan_guid: %q is no UUID", clip(guid))
	}
	p.from = r.time(v, what)
	p.memory, p.storage = r.count(v, "memory_in_mb"), r.count(v, "storage_in_mb")
	p.nodes = r.count(v, "number_of_nodes")
	for _, c := range r.list(v, "components") {
		x := r.component(c, what)
		if slices.ContainsFunc(p.components, func(other component) bool { return other.name == x.name }) {
			r.problem(c.offset, "%s: component %q stands twice; rename one", what, clip(x.name))
		}
		p.components = append(p.components, x)
	}
	if len(p.components) == 0 {
		r.problem(v.offset, "%s has no components", what)
	}
	return p
}

// count reads a size; none is 0, as in paas-billing.
func (r *reader) count(of *value, name string) uint64 {
	v := of.get(name)
	if v == nil {
		return 0
	}
	n, err := strconv.ParseUint(v.text, 10, 32)
	if err != nil || v.kind != number {
		r.problem(v.offset, "%s must be a whole number, 0 or more, not %q", name, clip(v.text))
	}
	return n
}

func (r *reader) component(v *value, what string) component {
	c := component{at: v.offset}
	c.name, _ = r.text(v, "name", "a component of "+what)
	what += ", component " + strconv.Quote(clip(c.name))
	r.known(v, what, "name", "formula", "currency_code", "vat_code", "credit")
	c.currency, _ = r.text(v, "currency_code", what)
	c.vat, _ = r.text(v, "vat_code", what)
	if credit := v.get("credit"); credit != nil && r.is(credit, "credit", truth) {
		c.credit = credit.text == "true"
	}
	var at *value
	if c.formula, at = r.text(v, "formula", what); at == v || at.kind != text {
		return c
	}
	c.at = at.offset
	f, notes, err := formula.ParsePaas(c.formula)
	var wrong *formula.Error
	switch {
	case errors.As(err, &wrong):
		r.problem(r.behind(at, wrong.Column), "%s: formula: %s", what, wrong.Message)
		return c
	case err != nil:
		r.problem(at.offset, "%s: formula: %v", what, err)
		return c
	}
	c.usesNodes = f.Uses("instances")
	for _, n := range notes {
		r.note(r.behind(at, n.Column), "%s: %s", what, n.Message)
	}
	return c
}

// behind is the offset of a column of a text in the file; that of the text where escapes hide it.
func (r *reader) behind(v *value, column int) int {
	start := v.offset + 1
	if !strings.HasPrefix(string(r.data[start:min(start+len(v.text), len(r.data))]), v.text) {
		return v.offset
	}
	for i := range v.text {
		if column--; column == 0 {
			return start + i
		}
	}
	return start + len(v.text)
}
