package memory

import (
	"bytes"
	"cmp"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/internal/snapshot"
	"github.com/daybook-billing/daybook/ledger"
)

// days are the sums by day, resource and component, by month of posting. A charge counts on the day
// (UTC) on which it begins, and the charges of a task with its app, as in the subject: tasks are as
// many as events. Few charges are posted to any but the two newest months: the others are packed.
type days struct {
	months map[int32]*month // by number
	newest int32
}

// openMonths is how many months are not packed.
const openMonths = 2

// month is the sums of the entries posted to a month: the packed ones, and those since.
type month struct {
	packed []byte // of pack; nil for none
	sums
}

// sums are the sums of a month by resource and component.
type sums struct {
	resources  map[resourceKey]*resource
	components map[component]uint32 // their numbers
	list       []component          // by number
}

// resourceKey is what charges are summed by, beside time and component.
type resourceKey struct {
	source, foundation, tenant, space, app, kind, resource string

	place place
}

// place is what a database runs on, and where.
type place struct{ datastore, region, zone string }

// component is a component of a plan.
type component struct{ plan, component, unit, currency string }

// resource is the sums of one resource, the latest last: mostly those are added to.
type resource struct{ cells []cell }

// cell is a sum over the charges of one day and component.
type cell struct {
	day                   int32  // days since 1970-01-01
	component             uint32 // its number
	charges               uint32 // entries, reversals included
	quantity, amount, vat money.Sum
}

func newDays() days { return days{months: map[int32]*month{}} }

func newSums() sums {
	return sums{resources: map[resourceKey]*resource{}, components: map[component]uint32{}}
}

// monthNumber is events.MonthNumber.
func monthNumber(month string) int32 {
	return int32(events.MonthNumber(month)) //nolint:gosec // years have four digits
}

const secondsOfDay = 24 * 60 * 60

// dayNumber is the number of a day; those before 1970 count as its first one.
func dayNumber(t time.Time) int32 {
	return int32(max(t.Unix(), 0) / secondsOfDay) //nolint:gosec // years have four digits
}

func (s *sums) number(c component) uint32 {
	n, ok := s.components[c]
	if !ok {
		n = uint32(len(s.list)) //nolint:gosec // far below 2^32
		s.components[c] = n
		s.list = append(s.list, c)
	}
	return n
}

// add takes a charge.
func (d *days) add(c *ledger.Charge) {
	key := resourceKey{
		c.Source, c.Foundation, c.Tenant, c.Space, c.App, c.Kind, c.SummedBy(),
		place{c.Datastore, c.Region, c.AvailabilityZone},
	}
	posted := monthNumber(c.Period)
	m := d.months[posted]
	if m == nil {
		m = &month{sums: newSums()}
		d.months[posted] = m
	}
	one := cell{
		day: dayNumber(c.Start), component: m.number(component{c.Plan, c.Component, c.Unit, c.Currency}), charges: 1,
	}
	one.quantity.Add(c.Quantity)
	one.amount.Add(c.Amount)
	one.vat.Add(c.VAT)
	m.merge(key, &one)
	if posted > d.newest {
		d.newest = posted
		d.settle()
	}
}

// merge adds a cell to the one of the same day and component.
func (s *sums) merge(key resourceKey, c *cell) {
	r := s.resources[key]
	if r == nil {
		r = &resource{}
		s.resources[key] = r
	}
	for i := len(r.cells) - 1; i >= 0; i-- {
		have := &r.cells[i]
		if have.day == c.day && have.component == c.component {
			have.charges += c.charges
			have.quantity.Add(c.quantity.Decimal())
			have.amount.Add(c.amount.Decimal())
			have.vat.Add(c.vat.Decimal())
			return
		}
	}
	r.cells = append(r.cells, *c)
}

// settle packs all but the newest months. Where that fails, whoever asks for the month is told.
func (d *days) settle() {
	numbers := slices.Sorted(maps.Keys(d.months))
	for _, n := range numbers[:max(len(numbers)-openMonths, 0)] {
		m := d.months[n]
		if len(m.resources) == 0 {
			continue
		}
		if packed, err := m.pack(); err == nil {
			*m = month{packed: packed, sums: newSums()}
		}
	}
}

// whole are all sums of the month. They are not kept.
func (m *month) whole() (*sums, error) {
	if m.packed == nil {
		return &m.sums, nil
	}
	whole, err := unpack(m.packed)
	if err != nil {
		return nil, err
	}
	for key, since := range m.resources {
		for i := range since.cells {
			c := since.cells[i]
			c.component = whole.number(m.list[c.component])
			whole.merge(key, &c)
		}
	}
	return whole, nil
}

// unpack is the inverse of pack.
func unpack(packed []byte) (*sums, error) {
	from, err := snapshot.Open(packed)
	if err != nil {
		return nil, errDamaged
	}
	defer from.Close() //nolint:errcheck // it reads memory
	text, err := io.ReadAll(from)
	if err != nil {
		return nil, errDamaged
	}
	r := &reader{b: text}
	s := newSums()
	components := r.length()
	for range components {
		s.number(component{r.text(), r.text(), r.text(), r.text()})
	}
	for range r.length() {
		key := resourceKey{
			r.text(), r.text(), r.text(), r.text(), r.text(), r.text(), r.once(), place{r.text(), r.text(), r.text()},
		}
		all := &resource{cells: make([]cell, r.length())}
		for i := range all.cells {
			c := &all.cells[i]
			c.day = int32(r.small())                                      //nolint:gosec // 31 bits
			c.component, c.charges = uint32(r.small()), uint32(r.small()) //nolint:gosec // 31 bits
			c.quantity.Add(r.decimal())
			c.amount.Add(r.decimal())
			c.vat.Add(r.decimal())
			if int(c.component) >= components {
				r.fail()
			}
		}
		s.resources[key] = all
	}
	if r.damaged || len(r.b) > 0 || len(s.list) != components {
		return nil, errDamaged
	}
	return &s, nil
}

// pack packs all sums of the month.
func (m *month) pack() ([]byte, error) {
	s, err := m.whole()
	if err != nil {
		return nil, err
	}
	return snapshot.Seal(func(to io.Writer) error {
		w := newWriter(to)
		s.write(w)
		return w.flush()
	})
}

// write writes the sums in order of the resources.
func (s *sums) write(w *writer) {
	w.length(len(s.list))
	for _, c := range s.list {
		w.text(c.plan)
		w.text(c.component)
		w.text(c.unit)
		w.text(c.currency)
	}
	keys := slices.SortedFunc(maps.Keys(s.resources), func(x, y resourceKey) int {
		return cmp.Or(cmp.Compare(x.source, y.source), cmp.Compare(x.foundation, y.foundation),
			cmp.Compare(x.tenant, y.tenant), cmp.Compare(x.space, y.space), cmp.Compare(x.app, y.app),
			cmp.Compare(x.kind, y.kind), cmp.Compare(x.resource, y.resource), x.place.compare(y.place))
	})
	w.length(len(keys))
	for _, key := range keys {
		w.text(key.source)
		w.text(key.foundation)
		w.text(key.tenant)
		w.text(key.space)
		w.text(key.app)
		w.text(key.kind)
		w.once(key.resource)
		w.text(key.place.datastore)
		w.text(key.place.region)
		w.text(key.place.zone)
		cells := s.resources[key].cells
		w.length(len(cells))
		for i := range cells {
			c := &cells[i]
			w.number(uint64(c.day)) //nolint:gosec // not negative
			w.number(uint64(c.component))
			w.number(uint64(c.charges))
			w.decimal(c.quantity.Decimal())
			w.decimal(c.amount.Decimal())
			w.decimal(c.vat.Decimal())
		}
	}
}

// write writes all months, the packed ones as they are.
func (d *days) write(w *writer) error {
	w.length(len(d.months))
	for _, n := range slices.Sorted(maps.Keys(d.months)) {
		m := d.months[n]
		packed := m.packed
		if len(m.resources) > 0 {
			var err error
			if packed, err = m.pack(); err != nil {
				return err
			}
		}
		w.number(uint64(n)) //nolint:gosec // not negative
		w.bytes(packed)
	}
	return nil
}

// read is the reverse of write.
func (d *days) read(r *reader) {
	for range r.length() {
		n := int32(r.small()) //nolint:gosec // 31 bits
		d.months[n] = &month{packed: bytes.Clone(r.bytes()), sums: newSums()}
		d.newest = max(d.newest, n)
	}
}

// each gives the sums of a query in no order, one month in memory at a time: each as a charge at
// the beginning of its day, of so many entries.
func (d *days) each(q *ledger.Query, yield func(c *ledger.Charge, entries int)) error {
	for n, m := range d.months {
		period := events.MonthText(uint32(n)) //nolint:gosec // not negative
		if q.Period != "" && q.Period != period {
			continue
		}
		s, err := m.whole()
		if err != nil {
			return err
		}
		for key, r := range s.resources {
			if !q.Has(key.foundation, key.tenant) {
				continue
			}
			c := ledger.Charge{Source: key.source, Foundation: key.foundation, Charge: events.Charge{
				Period: period, Tenant: key.tenant, Space: key.space, App: key.app, Kind: key.kind,
				Resource: key.resource, Datastore: key.place.datastore, Region: key.place.region,
				AvailabilityZone: key.place.zone,
			}}
			for i := range r.cells {
				cell := &r.cells[i]
				of := s.list[cell.component]
				c.Start = time.Time{}
				if cell.day != 0 {
					c.Start = time.Unix(int64(cell.day)*secondsOfDay, 0).UTC()
				}
				c.Plan, c.Component, c.Unit, c.Currency = of.plan, of.component, of.unit, of.currency
				c.Quantity, c.Amount, c.VAT = cell.quantity.Decimal(), cell.amount.Decimal(), cell.vat.Decimal()
				if q.Takes(&c) {
					yield(&c, int(cell.charges))
				}
			}
		}
	}
	return nil
}

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.datastore, o.datastore), cmp.Compare(p.region, o.region), cmp.Compare(p.zone, o.zone))
}

// lines are the sums of a query for a bill, in no order: by month, tenant, currency and its
// dimensions or, without any, by kind, plan, component and unit.
func (d *days) lines(q *ledger.Query) (out []ledger.Line, err error) {
	type divided struct {
		lineKey
		group string
	}
	at := map[divided]int{}
	err = d.each(q, func(c *ledger.Charge, entries int) {
		line := lineOf(c)
		line.Charges, line.Quantity, line.Amount, line.VAT = entries, c.Quantity, c.Amount, c.VAT
		key := divided{lineKey: keyOf(&line)}
		if len(q.By) > 0 {
			line.Group = ledger.Group(c, q.By)
			line.Kind, line.Plan, line.Component = "", "", ""
			key = divided{
				lineKey{period: line.Period, of: line.Of, tenant: line.Tenant, currency: line.Currency},
				strings.Join(line.Group, "\x00"),
			}
		}
		n, known := at[key]
		if !known {
			at[key] = len(out)
			out = append(out, line)
			return
		}
		out[n].Add(&line)
	})
	return out, err
}
