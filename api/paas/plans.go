package paas

import (
	"cmp"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// Guids of paas-billing for usage without a service plan. Source: paas-billing,
// eventstore/sql/create_events.sql.
const (
	guidApp     = "f4d4b95a-f55e-4593-8d54-3364c25798c4"
	guidTask    = "ebfa9453-ef66-450c-8c37-d53dfd931038"
	guidStaging = "9d071c77-7a68-4346-9981-e8dafac95b6f"
	guidUnknown = "d5091c33-2f9d-4b15-82dc-4ad69717fc03"
	guidCompute = "4f6f0a18-cdd4-4e51-8b6b-dc39b696e61b" // the service of apps, tasks and stagings
)

// compute is the name of the service of apps, tasks and stagings.
const compute = "app"

// plans are a catalogue's plans by the guids of clients.
type plans struct {
	*catalogue.Catalogue // nil: none is in force

	guids map[string]string // by the plan's name
}

func newPlans(cat *catalogue.Catalogue) *plans {
	p := &plans{Catalogue: cat, guids: map[string]string{}}
	if cat == nil {
		return p
	}
	kinds := map[string]map[string]bool{} // names of a kind's plans without a guid
	for _, plan := range cat.Plans {
		guid := cmp.Or(plan.GUID, literal(plan, "plan"))
		if guid != "" && isGUID(guid) {
			p.guids[plan.Name] = guid
			continue
		}
		kind := literal(plan, "kind")
		if kinds[kind] == nil {
			kinds[kind] = map[string]bool{}
		}
		kinds[kind][plan.Name] = true
	}
	for kind, names := range kinds {
		for name := range names {
			if special := special(kind); special != "" && len(names) == 1 {
				p.guids[name] = special
			} else {
				p.guids[name] = events.ID("plan", name)
			}
		}
	}
	return p
}

// guid is the guid of a plan, of this catalogue or an earlier one.
func (p *plans) guid(name string) string { return cmp.Or(p.guids[name], events.ID("plan", name)) }

// special is the guid of paas-billing for a kind; empty for services and databases.
func special(kind string) string {
	return map[string]string{
		events.KindApp: guidApp, events.KindTask: guidTask, events.KindStaging: guidStaging,
	}[kind]
}

// literal is the value of a field in a plan's match, where it is a single one.
func literal(plan *catalogue.Plan, field string) string {
	for _, c := range plan.Match {
		if c.Field == field && !strings.ContainsAny(c.Glob, "*?") {
			return c.Glob
		}
	}
	return ""
}

func isGUID(text string) bool {
	_, is := events.ParseID(text)
	return is
}

// of is the plan of a span at its beginning; nil: none.
func (p *plans) of(x *ledger.Span) *catalogue.Plan {
	if p.Catalogue == nil {
		return nil
	}
	var plan *catalogue.Plan
	for _, c := range p.Choices(resourceOf(x)) {
		if !c.From.After(x.Start) {
			plan = c.Plan
		}
	}
	return plan
}

func resourceOf(x *ledger.Span) *catalogue.Resource {
	return &catalogue.Resource{
		Foundation: x.Foundation, Tenant: x.Tenant, Space: x.Space, SpaceName: x.SpaceName, Kind: x.Kind,
		Footprint: x.Footprint,
	}
}

// named is the plan of a name at a time; nil: there is none.
func (p *plans) named(name string, at time.Time) (plan *catalogue.Plan) {
	if p.Catalogue == nil {
		return nil
	}
	for _, v := range p.Plans {
		if v.Name == name && !v.ValidFrom.After(at) && (plan == nil || v.ValidFrom.After(plan.ValidFrom)) {
			plan = v
		}
	}
	return plan
}

// size is what a resource has, with the defaults of its plan: instances, MiB of memory, MiB of
// storage; nil where nothing says it.
type size struct{ nodes, memory, storage *int64 }

func sizeOf(f *events.Footprint, plan *catalogue.Plan) (s size) {
	if plan != nil {
		s.nodes, s.memory, s.storage = whole(plan.Defaults.Instances), whole(plan.Defaults.MemoryMB),
			whole(plan.Defaults.StorageMB)
	}
	set := func(to **int64, c events.Count, times int64) {
		if n, known := c.Get(); known {
			value := int64(n) * times
			*to = &value
		}
	}
	const mebibytes = 1024 // of a GiB
	set(&s.nodes, f.Instances, 1)
	set(&s.memory, f.MemoryMB, 1)
	set(&s.storage, f.VolumeGB, mebibytes)
	return s
}

// whole is a decimal without its fraction.
func whole(d events.Decimal) *int64 {
	var n int64
	for _, digit := range strings.SplitN(d.String(), ".", 2)[0] {
		if digit < '0' || digit > '9' {
			return nil
		}
		n = n*10 + int64(digit-'0')
	}
	return &n
}
