package catalogue

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/formula"
)

// Check reads a catalogue that is not published yet, and refuses everything that it can tell to be
// wrong. The file's name is for messages only. The error is of type Problems and lists all
// mistakes, each with line, column and the way to correct it.
func Check(file string, data []byte) (*Catalogue, error) {
	return parse(&reader{file: file, strict: true}, data)
}

// Parse reads a catalogue that was published, perhaps by a version with fewer checks: it stays in
// force although Check would refuse a price of it, and what a price cannot compute is unrated. The
// file's name and the error are as of Check.
func Parse(file string, data []byte) (*Catalogue, error) {
	return parse(&reader{file: file}, data)
}

func parse(r *reader, data []byte) (*Catalogue, error) {
	c := &Catalogue{
		digest: Digest(data), vat: map[string]Rates{}, currencies: map[string]Rates{},
		chosen: map[Resource]choices{},
	}
	if root := r.document(data); root != nil {
		r.catalogue(c, root)
	}
	if len(r.problems) > 0 {
		return nil, r.problems.sorted()
	}
	c.link()
	return c, nil
}

func (r *reader) catalogue(c *Catalogue, root *yaml.Node) {
	o := r.object(root, "the catalogue", "currency", "vat_rates", "currency_rates", "plans")
	if o == nil {
		return
	}
	c.Currency, _ = r.currency(o.require("currency", "name the billing currency, such as currency: GBP"), "currency")
	r.rates(o.values["vat_rates"], "vat_rates", c.vat, func(n *yaml.Node, x events.Decimal) {
		if x.Cmp(events.NewDecimal(1, 0)) > 0 {
			r.problem(n, "the VAT rate %s is more than 100 %%; 20 %% is written \"0.2\"", x)
		}
	})
	if c.Currency != "" {
		c.currencies[c.Currency] = Rates{{Code: c.Currency, Value: events.NewDecimal(1, 0)}}
	}
	r.rates(o.values["currency_rates"], "currency_rates", c.currencies, func(n *yaml.Node, x events.Decimal) {
		if x.IsZero() {
			r.problem(n, "the currency rate is 0; it says what one unit is worth in the billing currency and must be "+
				"positive")
		}
	})
	plans := o.require("plans", "add at least one plan")
	items := r.list(plans, "plans")
	if plans != nil && plans.Kind == yaml.SequenceNode && len(items) == 0 {
		r.problem(plans, "plans is an empty list; add at least one plan")
	}
	seen := map[string]*yaml.Node{}
	for _, n := range items {
		r.plan(c, n, seen)
	}
}

// rates reads a list of rates into the map by code.
func (r *reader) rates(n *yaml.Node, list string, into map[string]Rates, check func(*yaml.Node, events.Decimal)) {
	type key struct {
		code string
		from time.Time
	}
	seen := map[key]int{}
	for _, item := range r.list(n, list) {
		o := r.object(item, "an entry of "+list, "code", "valid_from", "rate")
		if o == nil {
			continue
		}
		codeNode := o.require("code", "name it, such as code: Standard")
		read := r.text
		if list == "currency_rates" {
			read = r.currency
		}
		code, okCode := read(codeNode, "code")
		from, okFrom := r.time(o.require("valid_from", "say from when the rate holds"), "valid_from")
		rateNode := o.require("rate", "write a decimal such as rate: \"0.2\"")
		x, okRate := r.decimal(rateNode, "rate")
		if okRate {
			check(rateNode, x)
		}
		if !okCode {
			continue
		}
		if !okFrom {
			into[code] = append(into[code], Rate{Code: code}) // so that its use is not reported as undefined too
			continue
		}
		if line := seen[key{code, from}]; line != 0 {
			r.problem(item, "%s from %s stands twice in %s, first in line %d; keep one", code, events.FormatTime(from),
				list, line)
		}
		seen[key{code, from}] = item.Line
		into[code] = append(into[code], Rate{Code: code, ValidFrom: from, Value: x})
	}
	for code := range into {
		into[code] = merged(into[code])
	}
}

// currency reads an ISO 4217 code.
func (r *reader) currency(n *yaml.Node, name string) (string, bool) {
	s, ok := r.text(n, name)
	if ok && (len(s) != 3 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		r.problem(n, "%s %q is not a currency code of three capital letters such as GBP", name, clip(s))
		return "", false
	}
	return s, ok
}

func (r *reader) plan(c *Catalogue, n *yaml.Node, seen map[string]*yaml.Node) {
	o := r.object(n, "a plan", "name", "plan_guid", "match", "valid_from", "defaults", "restart", "components")
	if o == nil {
		return
	}
	p := &Plan{Line: n.Line, Defaults: Defaults{Instances: events.NewDecimal(1, 0)}}
	name, okName := r.text(o.require("name", "name it; entries of one name are versions of one plan"), "name")
	if okName {
		p.Name, o.name = name, "plan "+name
	}
	if guid := o.values["plan_guid"]; guid != nil {
		p.GUID, _ = r.text(guid, "plan_guid")
	}
	var okFrom bool
	p.ValidFrom, okFrom = r.time(o.require("valid_from", "say from when its prices hold"), "valid_from")
	if okName && okFrom {
		key := name + "\x00" + events.FormatTime(p.ValidFrom)
		if first := seen[key]; first != nil {
			r.problem(o.keys["name"], "plan %s from %s stands twice, first in line %d; change one name or valid_from",
				name, events.FormatTime(p.ValidFrom), first.Line)
		}
		seen[key] = n
	}
	if match := o.require("match", "say which resources it prices, such as match: {kind: app}"); match != nil {
		p.Match = r.match(match)
	}
	if defaults := o.values["defaults"]; defaults != nil {
		r.defaults(&p.Defaults, defaults)
	}
	if restart := o.values["restart"]; restart != nil {
		s, ok := r.text(restart, "restart")
		p.Restart = Restart(s)
		if ok && p.Restart != RestartMonthly && p.Restart != RestartNever {
			r.problem(restart, "restart %q is unknown; known are month (each month begins a piece) and never (no "+
				"change of rates does)", clip(s))
		}
	}
	components := o.require("components", `add at least one; a plan that is free has one with formula: "0"`)
	items := r.list(components, "components")
	if components != nil && components.Kind == yaml.SequenceNode && len(items) == 0 {
		r.problem(components, `%s has no components; a plan that is free has one with formula: "0"`, o.name)
	}
	names := map[string]int{}
	for _, item := range items {
		r.component(c, p, item, names)
	}
	c.Plans = append(c.Plans, p)
}

func (r *reader) match(n *yaml.Node) []Constraint {
	o := r.object(n, "match", fieldNames[:]...)
	if o == nil {
		return nil
	}
	var out []Constraint
	kind := ""
	for f := field(0); f < fields; f++ {
		value, ok := r.text(o.values[fieldNames[f]], fieldNames[f])
		if !ok {
			continue
		}
		if f == fieldKind {
			if !slices.Contains(kinds, value) {
				r.problem(o.values["kind"], "%s", unknown("kind", value, kinds))
				continue
			}
			kind = value
		}
		if kind != "" && !f.has(kind) {
			r.problem(o.keys[fieldNames[f]], "a resource of kind %s has no %s, so the plan would never match; remove "+
				"one of them", kind, fieldNames[f])
		}
		out = append(out, newConstraint(f, value))
	}
	return out
}

func (r *reader) defaults(d *Defaults, n *yaml.Node) {
	o := r.object(n, "defaults", "instances", "memory_mb", "storage_mb", "volume_gb")
	if o == nil {
		return
	}
	for key, into := range map[string]*events.Decimal{
		"instances": &d.Instances, "memory_mb": &d.MemoryMB, "storage_mb": &d.StorageMB, "volume_gb": &d.VolumeGB,
	} {
		if x, ok := r.decimal(o.values[key], key); ok {
			*into = x
			d.given = append(d.given, key)
		}
	}
	slices.Sort(d.given)
}

func (r *reader) component(c *Catalogue, p *Plan, n *yaml.Node, names map[string]int) {
	o := r.object(n, "a component", "name", "dialect", "formula", "quantity", "unit", "unit_price", "credit",
		"currency", "vat")
	if o == nil {
		return
	}
	component := &Component{Currency: c.Currency}
	if name, ok := r.text(o.require("name", "name it; the name stands on the bill"), "name"); ok {
		component.Name, o.name = name, "component "+name
		if line := names[name]; line != 0 {
			r.problem(o.keys["name"], "component %s stands twice in its plan, first in line %d; rename one", name, line)
		}
		names[name] = n.Line
	}
	if dialect := o.values["dialect"]; dialect != nil {
		s, ok := r.text(dialect, "dialect")
		component.Dialect = Dialect(s)
		if ok && component.Dialect != DialectPaas {
			r.problem(dialect, "dialect %q is unknown; known is %s, and without dialect a formula is Daybook's own",
				clip(s), DialectPaas)
		}
	}
	if credit := o.values["credit"]; credit != nil {
		component.Credit = r.truth(credit, "credit")
	}
	switch {
	case o.values["formula"] != nil:
		for _, key := range []string{"quantity", "unit", "unit_price"} {
			if o.keys[key] != nil {
				r.problem(o.keys[key], "%s has a formula and %s; a formula is the whole price, so remove one of them",
					o.name, key)
			}
		}
		component.Formula = r.formula(component, o.values["formula"], "formula")
		r.computable(p, component, component.Formula, o.values["formula"], "formula")
	case o.values["quantity"] != nil:
		component.Quantity = r.formula(component, o.values["quantity"], "quantity")
		component.Unit, _ = r.text(o.require("unit", "name what quantity counts, such as unit: GiB-hour"), "unit")
		component.UnitPrice, _ = r.number(o.require("unit_price", "say what one unit costs"), "unit_price",
			component.Credit)
		r.computable(p, component, component.Quantity, o.values["quantity"], "quantity")
	default:
		r.problem(n, "%s has no price; give it a formula, or quantity, unit and unit_price", o.name)
	}
	if node := o.values["currency"]; node != nil {
		if code, ok := r.currency(node, "currency"); ok {
			component.Currency = code
			if c.currencies[code] == nil {
				r.problem(node, "%s, or add its rate to currency_rates", unknown("currency", code,
					slices.Sorted(maps.Keys(c.currencies))))
			}
		}
	}
	if node := o.values["vat"]; node != nil {
		if code, ok := r.text(node, "vat"); ok {
			component.VAT = code
			if c.vat[code] == nil {
				r.problem(node, "%s, or add its rate to vat_rates", unknown("VAT code", code,
					slices.Sorted(maps.Keys(c.vat))))
			}
		}
	}
	p.Components = append(p.Components, component)
}

// formula reads a formula and puts its error where it stands in the file. A formula with a variable
// of paas-billing's is in its dialect.
func (r *reader) formula(c *Component, n *yaml.Node, name string) (f *formula.Formula) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.ShortTag() == "!!bool" {
		r.problem(n, `%s must be a formula such as "ceil(seconds / 3600) * 0.01", not %s`, name, nodeName(n))
		return nil
	}
	var err error
	if c.Dialect == "" && formula.IsPaas(n.Value) {
		c.Dialect = DialectPaas
	}
	if c.Dialect == DialectPaas {
		f, _, err = formula.ParsePaas(n.Value)
	} else {
		f, err = formula.Parse(n.Value)
	}
	if err != nil {
		r.wrong(n, name, err)
		return nil
	}
	return f
}

// wrong reports the error of a formula where it stands in the file.
func (r *reader) wrong(n *yaml.Node, name string, err error) {
	var wrong *formula.Error
	if errors.As(err, &wrong) {
		line, column := within(r.lines, n, wrong.Offset)
		r.at(line, column, "%s: %s", name, wrong.Message)
		return
	}
	r.problem(n, "%s", fmt.Errorf("%s: %w", name, err))
}
