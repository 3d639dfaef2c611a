package memory

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// days are the sums by day, resource and component. A charge counts on the day (UTC) on which it
// begins, and the charges of a task with its app, as in the subject: tasks are as many as events.
// Those of a restored snapshot stay as its bytes until somebody needs them: a bill by month does
// not.
type days struct {
	resources  map[resourceKey]*resource
	components map[component]uint32 // their numbers
	list       []component          // by number
	packed     []byte               // of a snapshot, not yet added
}

// resourceKey is what charges are summed by, beside time and component.
type resourceKey struct {
	tenant, space, app, kind, resource string
	place                              place
}

// place is what a database runs on, and where.
type place struct{ datastore, region, zone string }

// component is a component of a plan.
type component struct{ plan, component, unit, currency string }

// resource is the sums of one resource, the latest last: mostly those are added to.
type resource struct{ cells []cell }

// cell is a sum over the charges of one day, month of posting, and component.
type cell struct {
	day                   int32  // days since 1970-01-01
	month                 int32  // of posting: 12 × year + month − 1
	component             uint32 // its number
	charges               uint32 // entries, reversals included
	quantity, amount, vat events.Decimal
}

func newDays() days {
	return days{resources: map[resourceKey]*resource{}, components: map[component]uint32{}}
}

// monthForm is the form of a month.
const monthForm = "2006-01"

// monthNumber is the number of a month, YYYY-MM.
func monthNumber(period string) int32 {
	t, err := time.Parse(monthForm, period)
	if err != nil {
		return 0
	}
	return int32(12*t.Year() + int(t.Month()) - 1) //nolint:gosec // four digits
}

const secondsOfDay = 24 * 60 * 60

// dayNumber is the number of a day; those before 1970 count as its first one.
func dayNumber(t time.Time) int32 {
	return int32(max(t.Unix(), 0) / secondsOfDay) //nolint:gosec // years have four digits
}

// correctionOf is the month of a day, where it is before the month of posting; empty else, and
// without a day.
func correctionOf(day, posted int32) string {
	if day == 0 {
		return ""
	}
	at := time.Unix(int64(day)*secondsOfDay, 0).UTC()
	if year, month, _ := at.Date(); int32(12*year+int(month)-1) >= posted { //nolint:gosec // four digits
		return ""
	}
	return at.Format(monthForm)
}

func (d *days) number(c component) uint32 {
	n, ok := d.components[c]
	if !ok {
		n = uint32(len(d.list)) //nolint:gosec // far below 2^32
		d.components[c] = n
		d.list = append(d.list, c)
	}
	return n
}

// add takes a charge.
func (d *days) add(c *events.Charge) {
	key := resourceKey{
		c.Tenant, c.Space, c.App, c.Kind, c.Resource, place{c.Datastore, c.Region, c.AvailabilityZone},
	}
	if c.Kind == events.KindTask {
		key.resource = c.App
	}
	d.merge(key, &cell{
		day: dayNumber(c.Start), month: monthNumber(c.Period),
		component: d.number(component{c.Plan, c.Component, c.Unit, c.Currency}), charges: 1, quantity: c.Quantity,
		amount: c.Amount, vat: c.VAT,
	})
}

// merge adds a cell to the one of the same day, month and component.
func (d *days) merge(key resourceKey, c *cell) {
	r := d.resources[key]
	if r == nil {
		r = &resource{}
		d.resources[key] = r
	}
	for i := len(r.cells) - 1; i >= 0; i-- {
		have := &r.cells[i]
		if have.day == c.day && have.month == c.month && have.component == c.component {
			have.charges += c.charges
			have.quantity, have.amount = have.quantity.Add(c.quantity), have.amount.Add(c.amount)
			have.vat = have.vat.Add(c.vat)
			return
		}
	}
	r.cells = append(r.cells, *c)
}

// unpack puts the sums of the restored snapshot before those since. With an error nothing changes.
func (d *days) unpack() error {
	if d.packed == nil {
		return nil
	}
	r := &reader{b: d.packed}
	whole := newDays()
	components := r.length()
	for range components {
		whole.number(component{r.text(), r.text(), r.text(), r.text()})
	}
	for range r.length() {
		key := resourceKey{
			r.text(), r.text(), r.text(), r.text(), r.once(), place{r.text(), r.text(), r.text()},
		}
		all := &resource{}
		for range r.length() {
			c := cell{day: int32(r.small()), month: int32(r.small())}     //nolint:gosec // 31 bits
			c.component, c.charges = uint32(r.small()), uint32(r.small()) //nolint:gosec // 31 bits
			c.quantity, c.amount, c.vat = r.decimal(), r.decimal(), r.decimal()
			if int(c.component) >= components {
				r.fail()
			}
			all.cells = append(all.cells, c)
		}
		whole.resources[key] = all
	}
	if r.damaged || len(r.b) > 0 || len(whole.list) != components {
		return errDamaged
	}
	for key, since := range d.resources {
		for i := range since.cells {
			c := since.cells[i]
			c.component = whole.number(d.list[c.component])
			whole.merge(key, &c)
		}
	}
	*d = whole
	return nil
}

// pack writes the sums, in order of the resources.
func (d *days) pack() ([]byte, error) {
	if err := d.unpack(); err != nil {
		return nil, err
	}
	w := newWriter(1 << 16)
	w.length(len(d.list))
	for _, c := range d.list {
		w.text(c.plan)
		w.text(c.component)
		w.text(c.unit)
		w.text(c.currency)
	}
	keys := slices.SortedFunc(maps.Keys(d.resources), func(x, y resourceKey) int {
		return cmp.Or(cmp.Compare(x.tenant, y.tenant), cmp.Compare(x.space, y.space), cmp.Compare(x.app, y.app),
			cmp.Compare(x.kind, y.kind), cmp.Compare(x.resource, y.resource), x.place.compare(y.place))
	})
	w.length(len(keys))
	for _, key := range keys {
		w.text(key.tenant)
		w.text(key.space)
		w.text(key.app)
		w.text(key.kind)
		w.once(key.resource)
		w.text(key.place.datastore)
		w.text(key.place.region)
		w.text(key.place.zone)
		cells := d.resources[key].cells
		w.length(len(cells))
		for i := range cells {
			c := &cells[i]
			w.number(uint64(c.day))   //nolint:gosec // not negative
			w.number(uint64(c.month)) //nolint:gosec // as above
			w.number(uint64(c.component))
			w.number(uint64(c.charges))
			w.decimal(c.quantity)
			w.decimal(c.amount)
			w.decimal(c.vat)
		}
	}
	return w.b, nil
}

// sums lists the sums of a tenant and a month of posting, in their order; of all where they are
// empty.
func (d *days) sums(q ledger.Query) ([]ledger.Day, error) {
	list, err := d.unordered(q)
	slices.SortFunc(list, func(a, b ledger.Day) int {
		return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Plan, b.Plan), cmp.Compare(a.Component, b.Component),
			cmp.Compare(a.Period, b.Period), cmp.Compare(a.Space, b.Space), cmp.Compare(a.App, b.App),
			cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Currency, b.Currency),
			place{a.Datastore, a.Region, a.AvailabilityZone}.compare(place{b.Datastore, b.Region, b.AvailabilityZone}))
	})
	return list, err
}

func (d *days) unordered(q ledger.Query) ([]ledger.Day, error) {
	if err := d.unpack(); err != nil {
		return nil, err
	}
	var list []ledger.Day
	for key, r := range d.resources {
		if q.Tenant != "" && q.Tenant != key.tenant {
			continue
		}
		for i := range r.cells {
			c := &r.cells[i]
			of := d.list[c.component]
			period := time.Date(int(c.month/12), time.Month(c.month%12+1), 1, 0, 0, 0, 0, time.UTC).Format(monthForm)
			if q.Period != "" && q.Period != period {
				continue
			}
			list = append(list, ledger.Day{
				Day:   time.Unix(int64(c.day)*secondsOfDay, 0).UTC(),
				Space: key.space, App: key.app, Resource: key.resource, Datastore: key.place.datastore,
				Region: key.place.region, AvailabilityZone: key.place.zone,
				Line: ledger.Line{
					Period: period, Of: correctionOf(c.day, c.month), Tenant: key.tenant, Kind: key.kind,
					Plan: of.plan, Component: of.component, Unit: of.unit, Currency: of.currency,
					Charges: int(c.charges), Quantity: c.quantity,
					Amount: c.amount, VAT: c.vat,
				},
			})
		}
	}
	return list, nil
}

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.datastore, o.datastore), cmp.Compare(p.region, o.region), cmp.Compare(p.zone, o.zone))
}

// lines are the sums of a query by month and its dimensions, in no order.
func (d *days) lines(q ledger.Query) ([]ledger.Line, error) {
	list, err := d.unordered(q)
	if err != nil {
		return nil, err
	}
	type divided struct {
		lineKey
		group string
	}
	at := map[divided]int{}
	var out []ledger.Line
	for i := range list {
		day := &list[i]
		group := make([]string, len(q.By))
		for j, by := range q.By {
			group[j] = day.Value(by)
		}
		key := divided{
			lineKey{period: day.Period, of: day.Of, tenant: day.Tenant, currency: day.Currency},
			strings.Join(group, "\x00"),
		}
		n, known := at[key]
		if !known {
			at[key] = len(out)
			day.Group = group
			day.Kind, day.Plan, day.Component = "", "", ""
			out = append(out, day.Line)
			continue
		}
		out[n].Add(&day.Line)
	}
	return out, nil
}
