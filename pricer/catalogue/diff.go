package catalogue

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Difference is a difference between two catalogues, in words.
type Difference struct {
	// Of is the thing that differs, such as "plan app, from 2017-01-01".
	Of string
	// Text says what becomes of it, such as "component fee is new: "1" in GBP".
	Text string
}

// Differences says what becomes of a catalogue with the next one: the currency, the rates, then the
// plans in the order of the next catalogue, and those that are gone. Two texts without a difference
// of prices have none.
func Differences(c, next *Catalogue) []Difference {
	d := &differ{c: c, next: next}
	if c.Currency != next.Currency {
		d.say("the billing currency", "goes from %s to %s", c.Currency, next.Currency)
	}
	d.rates("VAT rate", c.vat, next.vat)
	d.rates("currency rate", c.currencies, next.currencies)
	d.plans()
	return d.found
}

type differ struct {
	c, next *Catalogue
	found   []Difference
}

func (d *differ) say(of, format string, args ...any) {
	d.found = append(d.found, Difference{of, fmt.Sprintf(format, args...)})
}

// day is a time, a date where it is midnight.
func day(t time.Time) string { return strings.TrimSuffix(events.FormatTime(t), "T00:00:00Z") }

// rates compares the rates of all codes.
func (d *differ) rates(what string, before, after map[string]Rates) {
	codes := maps.Clone(before)
	maps.Copy(codes, after)
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		of := what + " " + code
		old, fresh := before[code], after[code]
		switch {
		case old == nil:
			d.say(of, "is new: %s", fresh.text())
		case fresh == nil:
			d.say(of, "is gone; it was %s", old.text())
		case old.text() != fresh.text():
			d.say(of, "goes from %s to %s", old.text(), fresh.text())
		}
	}
}

// text is such as "0.2 from 2017-01-01, 0.25 from 2026-01-01".
func (r Rates) text() string {
	var parts []string
	for i := range r {
		if r[i].ValidFrom.IsZero() {
			parts = append(parts, r[i].Value.String())
			continue
		}
		parts = append(parts, r[i].Value.String()+" from "+day(r[i].ValidFrom))
	}
	return strings.Join(parts, ", ")
}

// plans compares the versions of all plans, by name and the time from which they hold.
func (d *differ) plans() {
	type key struct{ name, from string }
	before := map[key]*Plan{}
	for _, p := range d.c.Plans {
		before[key{p.Name, day(p.ValidFrom)}] = p
	}
	var common []*Plan
	for _, p := range d.next.Plans {
		k := key{p.Name, day(p.ValidFrom)}
		if old := before[k]; old != nil {
			d.plan(old, p)
			delete(before, k)
			common = append(common, old)
			continue
		}
		d.say(p.title(), "is new, for %s", p.matchText())
		for _, c := range p.Components {
			d.say(p.title(), "component %s is new: %s", c.Name, c.price())
		}
	}
	gone := slices.SortedFunc(maps.Values(before), func(a, b *Plan) int { return cmp.Compare(a.position, b.position) })
	for _, p := range gone {
		d.say(p.title(), "is gone; it was for %s", p.matchText())
	}
	if !slices.IsSortedFunc(common, func(a, b *Plan) int { return cmp.Compare(a.position, b.position) }) {
		d.say("the order of the plans", "differs: of two plans that are equally specific the later one in the file "+
			"wins")
	}
}

func (p *Plan) title() string { return "plan " + p.Name + ", from " + day(p.ValidFrom) }

func (p *Plan) matchText() string {
	if len(p.Match) == 0 {
		return "everything"
	}
	var parts []string
	for i := range p.Match {
		parts = append(parts, p.Match[i].Field+" "+p.Match[i].Glob)
	}
	return strings.Join(parts, ", ")
}

// plan compares two versions of one plan that hold from the same time.
func (d *differ) plan(old, p *Plan) {
	of := p.title()
	if a, b := old.matchText(), p.matchText(); a != b {
		d.say(of, "is for %s, and was for %s", b, a)
	}
	if a, b := cmp.Or(old.GUID, "none"), cmp.Or(p.GUID, "none"); a != b {
		d.say(of, "plan_guid goes from %s to %s", a, b)
	}
	if a, b := old.defaultsText(), p.defaultsText(); a != b {
		d.say(of, "the defaults go from %s to %s", a, b)
	}
	if a, b := cmp.Or(string(old.Restart), "none"), cmp.Or(string(p.Restart), "none"); a != b {
		d.say(of, "restart goes from %s to %s", a, b)
	}
	before := map[string]*Component{}
	for _, c := range old.Components {
		before[c.Name] = c
	}
	for _, c := range p.Components {
		if was := before[c.Name]; was != nil {
			d.component(of, was, c)
			delete(before, c.Name)
			continue
		}
		d.say(of, "component %s is new: %s", c.Name, c.price())
	}
	for _, c := range old.Components {
		if before[c.Name] != nil {
			d.say(of, "component %s is gone; it was %s", c.Name, c.price())
		}
	}
}

func (p *Plan) defaultsText() string {
	if len(p.Defaults.given) == 0 {
		return "none"
	}
	var parts []string
	for _, name := range p.Defaults.given {
		value := map[string]events.Decimal{
			"instances": p.Defaults.Instances, "memory_mb": p.Defaults.MemoryMB, "storage_mb": p.Defaults.StorageMB,
			"volume_gb": p.Defaults.VolumeGB,
		}[name]
		parts = append(parts, name+" "+value.String())
	}
	return strings.Join(parts, ", ")
}

// component compares two components of one name. Where one part of the price differs, that alone is
// said.
func (d *differ) component(of string, old, c *Component) {
	alike := old.Dialect == c.Dialect && old.Currency == c.Currency && old.VAT == c.VAT &&
		old.Credit == c.Credit && old.Unit == c.Unit
	switch {
	case old.price() == c.price():
	case alike && old.Formula != nil && c.Formula != nil:
		d.say(of, "component %s: the formula goes from %q to %q", c.Name, old.Formula, c.Formula)
	case alike && old.Quantity != nil && c.Quantity != nil && old.Quantity.String() == c.Quantity.String():
		d.say(of, "component %s: the unit price goes from %s to %s %s per %s", c.Name, old.UnitPrice, c.UnitPrice,
			c.Currency, c.Unit)
	default:
		d.say(of, "component %s goes from %s to %s", c.Name, old.price(), c.price())
	}
}

// price is the price in words.
func (c *Component) price() string {
	var text string
	if c.Formula != nil {
		text = fmt.Sprintf("%q in %s", c.Formula, c.Currency)
	} else {
		text = fmt.Sprintf("%s %s per %s of %q", c.UnitPrice, c.Currency, c.Unit, c.Quantity)
	}
	if c.Dialect != "" {
		text += " in the dialect " + string(c.Dialect)
	}
	if c.VAT != "" {
		text += ", VAT " + c.VAT
	}
	if c.Credit {
		text += ", a credit"
	}
	return text
}
