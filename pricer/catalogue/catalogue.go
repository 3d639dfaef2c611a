// Package catalogue reads the price catalogue and chooses the plan of a resource.
//
// The catalogue is a YAML file:
//
//	currency: GBP                          # the billing currency
//	vat_rates:
//	  - {code: Standard, valid_from: 2017-01-01, rate: "0.2"}
//	currency_rates:                        # one unit of code in the billing currency
//	  - {code: USD, valid_from: 2017-01-01, rate: "0.8"}
//	plans:
//	  - name: app-java
//	    match: {kind: app, buildpack: "java*"}
//	    valid_from: 2017-01-01T00:00:00Z
//	    defaults: {instances: 1, memory_mb: 0, storage_mb: 0, volume_gb: 0}
//	    restart: month                     # or never
//	    components:
//	      - {name: instance, formula: "ceil(seconds / 3600) * 0.01", currency: USD, vat: Standard}
//	      - {name: memory, quantity: "memory_mb / 1024 * seconds / 3600", unit: GiB-hour,
//	         unit_price: "0.004"}
//
// Required are currency, plans and, in a plan, name, match, valid_from and components. A component
// has either a formula or quantity, unit and unit_price; its currency is the billing currency
// unless it says another, and without vat there is no VAT. Only one with credit: true has negative
// amounts. Times are RFC 3339 or dates (UTC midnight). Anchors, aliases and a second document are
// refused.
//
// A plan of alphagov/paas-billing keeps its plan_guid, and its components are marked dialect:
// paas-billing: their formulas stand as they were written (see formula.ParsePaas). A formula with
// a variable of it, such as $time_in_seconds, is in that dialect without the mark, too.
//
// # Versions
//
// Entries of one name are versions of one plan, as entries of one code are of one rate: each is in
// force from its valid_from until the next one's. The billing currency's own rate is 1 until
// currency_rates lists one for it.
//
// # Matching
//
// The fields of a match are kind, tenant, foundation and, by kind,
//
//	app, task, staging   buildpack process_type space
//	service              plan offering broker space
//	instance             flavor datastore region availability_zone
//	volume               datastore region availability_zone
//
// each a glob, compared with the name and with the guid or id.
//
// A plan matches a resource when every field of its match does. Of the matching plans in force, the
// one with more fields wins, then the one with more literal characters in them, then the later one
// in the file.
package catalogue

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/formula"
)

// MaxSize is how many bytes a catalogue file may have.
const MaxSize = 4 << 20

// Catalogue is a checked price catalogue. It is immutable but for a cache of
// choices, and can be used by several goroutines at once.
type Catalogue struct {
	Currency string  // the billing currency
	Plans    []*Plan // every version, in the order of the file

	digest     string
	vat        map[string]Rates
	currencies map[string]Rates
	relevant   [fields]bool // the fields in the match of any plan
	index      *index

	mu     sync.RWMutex         // guards chosen
	chosen map[Resource]choices // by the relevant fields of the resource; at most maxChosen
}

// Plan is one version of a plan.
type Plan struct {
	Name       string
	GUID       string // of paas-billing, empty for none
	ValidFrom  time.Time
	Until      time.Time // when the next version takes over; zero for the last one
	Match      []Constraint
	Defaults   Defaults
	Restart    Restart
	Components []*Component
	Line       int // in the file

	position int // in Catalogue.Plans
	literal  int // literal characters in Match
	rated    time.Time
	unrated  string // why the plan prices nothing before rated
}

// Restart is where the pieces of a plan begin, beside changes of its prices.
type Restart string

// The restarts. Without one a change of a currency's rate or of VAT begins a piece. With
// RestartMonthly each calendar month (UTC) does, too, as if a new run began there. With
// RestartNever a change of rates begins none: it divides the conversion and the tax alone.
const (
	RestartAtRates Restart = ""
	RestartMonthly Restart = "month"
	RestartNever   Restart = "never"
)

// Defaults stand in for absent counts of a footprint.
type Defaults struct {
	Instances events.Decimal // 1 unless the plan says otherwise
	MemoryMB  events.Decimal
	StorageMB events.Decimal
	VolumeGB  events.Decimal

	given []string // the names of those that the plan says, sorted
}

// Gives reports whether the plan itself says a default, 0 too. One that it does not say is no size
// for a resource whose size is not known.
func (d *Defaults) Gives(variable string) bool { return slices.Contains(d.given, variable) }

// Component is one addend of a plan's price.
type Component struct {
	Name    string
	Dialect Dialect // of Formula or Quantity
	// Formula is the price itself, in Currency; nil where the price is Quantity × UnitPrice.
	Formula   *formula.Formula
	Quantity  *formula.Formula
	Unit      string // of the quantity; empty with a formula
	UnitPrice events.Decimal
	Credit    bool // amounts may be negative
	Currency  string
	VAT       string // code; empty for no VAT
	// CurrencyRates and VATRates are the rates of Currency and VAT; VATRates is nil for no VAT.
	CurrencyRates Rates
	VATRates      Rates

	terms string
}

// Dialect is the language in which a formula is written.
type Dialect string

// DialectPaas is alphagov/paas-billing's. Empty is Daybook's own.
const DialectPaas Dialect = "paas-billing"

// Uses reports whether the price depends on a variable, given by its name.
func (c *Component) Uses(variable string) bool {
	return c.Formula != nil && c.Formula.Uses(variable) || c.Quantity != nil && c.Quantity.Uses(variable)
}

// Monthly reports whether the price depends on the month: then each calendar month (UTC) begins a
// piece.
func (c *Component) Monthly() bool {
	return c.Formula != nil && c.Formula.Monthly() || c.Quantity != nil && c.Quantity.Monthly()
}

// SameTerms reports whether two components price alike whenever their rates do: same plan name,
// component name, prices, defaults, codes and restart. A run goes on across plan versions for
// components with the same terms.
func (c *Component) SameTerms(other *Component) bool { return c == other || c.terms == other.terms }

// Component is a component of the version of a plan that is in force at a time, by their names; nil
// for none.
func (c *Catalogue) Component(plan, component string, at time.Time) *Component {
	for _, p := range c.Plans {
		if p.Name != plan || p.ValidFrom.After(at) || !p.Until.IsZero() && !at.Before(p.Until) {
			continue
		}
		if i := slices.IndexFunc(p.Components, func(x *Component) bool { return x.Name == component }); i >= 0 {
			return p.Components[i]
		}
	}
	return nil
}

// Rate is a value in force from a time on.
type Rate struct {
	Code      string
	ValidFrom time.Time
	Value     events.Decimal
	Text      string // Value as it is written
}

// Rates are the values of one code, by time. Neighbours differ in value.
type Rates []Rate

// At returns the rate in force at t and when it is replaced: zero for never. It is nil before the
// first one.
func (r Rates) At(t time.Time) (rate *Rate, until time.Time) {
	n := len(r)
	for n > 0 && r[n-1].ValidFrom.After(t) {
		n-- // from the end, because most questions are about the present
	}
	if n < len(r) {
		until = r[n].ValidFrom
	}
	if n == 0 {
		return nil, until
	}
	return &r[n-1], until
}

// Digest is Digest of the catalogue's text. It is the default name of a catalogue version.
func (c *Catalogue) Digest() string { return c.digest }

// VATRates returns the rates of a VAT code and whether the catalogue has it.
func (c *Catalogue) VATRates(code string) (Rates, bool) {
	r, ok := c.vat[code]
	return r, ok
}

// CurrencyRates returns the rates of a currency and whether the catalogue has it. The billing
// currency always has.
func (c *Catalogue) CurrencyRates(code string) (Rates, bool) {
	r, ok := c.currencies[code]
	return r, ok
}

// link computes the ends of versions, the terms of components, and from when a plan can be rated.
func (c *Catalogue) link() {
	byName := map[string][]*Plan{}
	for i, p := range c.Plans {
		p.position = i
		for _, m := range p.Match {
			p.literal += m.literal()
			c.relevant[m.field] = true
		}
		for _, component := range p.Components {
			component.CurrencyRates = c.currencies[component.Currency]
			p.ratedFrom(component.CurrencyRates, "the currency "+component.Currency)
			if component.VAT != "" {
				component.VATRates = c.vat[component.VAT]
				p.ratedFrom(component.VATRates, "the VAT code "+component.VAT)
			}
			component.terms = p.terms(component)
		}
		byName[p.Name] = append(byName[p.Name], p)
	}
	c.index = newIndex(c.Plans)
	for _, versions := range byName {
		slices.SortFunc(versions, func(a, b *Plan) int { return a.ValidFrom.Compare(b.ValidFrom) })
		for i := range versions[1:] {
			versions[i].Until = versions[i+1].ValidFrom
		}
	}
}

func (p *Plan) ratedFrom(rates Rates, of string) {
	if first := rates[0].ValidFrom; first.After(p.rated) {
		p.rated = first
		p.unrated = "plan " + p.Name + ": " + of + " has no rate before " + events.FormatTime(first)
	}
}

// terms is a text, equal for components of equal prices. Its parts are separated by a byte of no
// name.
func (p *Plan) terms(c *Component) string {
	var price string
	if c.Formula != nil {
		price = "formula\x00" + c.Formula.String()
	} else {
		price = "quantity\x00" + c.Quantity.String() + "\x00" + c.Unit + "\x00" + c.UnitPrice.String()
	}
	d := &p.Defaults
	credit := ""
	if c.Credit {
		credit = "credit"
	}
	text := ""
	for _, part := range []string{
		p.Name, c.Name, price, d.Instances.String(), d.MemoryMB.String(), d.StorageMB.String(), d.VolumeGB.String(),
		strings.Join(d.given, " "), string(p.Restart), credit, c.Currency, c.VAT,
	} {
		text += part + "\x00"
	}
	return text
}

// merged sorts rates by time and drops repetitions of the value before them, so that every boundary
// is a change.
func merged(rates []Rate) Rates {
	for i := range rates {
		rates[i].Text = rates[i].Value.String()
	}
	slices.SortStableFunc(rates, func(a, b Rate) int { return a.ValidFrom.Compare(b.ValidFrom) })
	return slices.CompactFunc(rates, func(a, b Rate) bool { return a.Value.Cmp(b.Value) == 0 })
}

// Digest identifies a text: the first 12 hexadecimal digits of its SHA-256.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}
