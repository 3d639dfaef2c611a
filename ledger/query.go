package ledger

import (
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Query selects charges, and the facts about their completeness. Empty fields select everything.
type Query struct {
	// Owners are the owners in the asker's sight; nil: everybody. Nothing of other owners
	// has any part in an answer.
	Owners     []events.Owner
	Foundation string
	Tenant     string
	Period     string // month of posting, YYYY-MM

	// The fields below select charges alone, by their content.
	Space, App, Resource, Kind, Plan, Component string
	// From and To select charges by their beginning, on the days [From, To), UTC; zero: no limit.
	From, To time.Time

	// Upto and Known select the charges posted up to a sequence of BILLING, and the ones
	// with a cause stored up to a sequence of USAGE; 0: all. Bill knows neither.
	Upto, Known uint64

	// By are the dimensions of the sums. None stands, in a Bill, for kind, plan,
	// component and unit.
	By []Dimension
}

// Within returns the beginning and the end of the query's month (UTC); zero times without one.
func (q *Query) Within() (from, to time.Time) {
	return events.MonthTime(q.Period)
}

// Touches reports whether a time [start, end) touches the query's month; a zero end is none.
func (q *Query) Touches(start, end time.Time) bool {
	from, to := q.Within()
	return to.IsZero() || start.Before(to) && (end.IsZero() || end.After(from))
}

// Has reports whether the query is about a tenant of a foundation.
func (q *Query) Has(foundation, tenant string) bool {
	return (q.Foundation == "" || q.Foundation == foundation) && (q.Tenant == "" || q.Tenant == tenant) &&
		(q.Owners == nil || events.Owns(q.Owners, foundation, tenant))
}

// Whole reports whether the query is about all tenants of its foundations.
func (q *Query) Whole() bool { return q.Owners == nil && q.Tenant == "" }

// Narrow reports whether the query asks for other charges than those of a month and a tenant.
func (q *Query) Narrow() bool {
	return q.Space+q.App+q.Resource+q.Kind+q.Plan+q.Component != "" || !q.From.IsZero() || !q.To.IsZero()
}

// Takes reports whether the query selects a charge.
func (q *Query) Takes(c *Charge) bool {
	is := func(wanted, value string) bool { return wanted == "" || wanted == value }
	return q.Has(c.Foundation, c.Tenant) && is(q.Period, c.Period) &&
		is(q.Space, c.Space) && is(q.App, c.App) && is(q.Resource, c.SummedBy()) && is(q.Kind, c.Kind) &&
		is(q.Plan, c.Plan) && is(q.Component, c.Component) && q.on(c.Start) &&
		(q.Upto == 0 || c.Place.Sequence <= q.Upto) && (q.Known == 0 || c.Usage <= q.Known)
}

// TakesSpan reports whether the query selects a span of a foundation, whatever its times.
func (q *Query) TakesSpan(foundation string, x *events.Span) bool {
	is := func(wanted, value string) bool { return wanted == "" || wanted == value }
	return q.Has(foundation, x.Tenant) && is(q.Space, x.Space) && is(q.App, x.App) && is(q.Resource, x.Resource) &&
		is(q.Kind, x.Kind)
}

// TakesHold reports whether the query selects a hold of its tenants. Holds have neither a space nor
// an app.
func (q *Query) TakesHold(h *events.Hold) bool {
	is := func(wanted, value string) bool { return wanted == "" || wanted == value }
	return is(q.Resource, h.Resource) && is(q.Kind, h.Kind)
}

// on reports whether a time is on one of the query's days.
func (q *Query) on(at time.Time) bool {
	return (q.From.IsZero() || !at.Before(q.From)) && (q.To.IsZero() || at.Before(q.To))
}

// Dimension is a property of charges for dividing sums. Its value is empty where charges
// have none.
type Dimension string

// The dimensions.
const (
	ByFoundation       Dimension = "foundation"
	ByTenant           Dimension = "tenant"
	ByMonth            Dimension = "month" // of posting, YYYY-MM
	ByKind             Dimension = "kind"
	BySpace            Dimension = "space" // guid
	ByApp              Dimension = "app"   // guid
	ByResource         Dimension = "resource"
	ByPlan             Dimension = "plan"
	ByComponent        Dimension = "component"
	ByDay              Dimension = "day" // of a charge's beginning, YYYY-MM-DD
	ByDatastore        Dimension = "datastore"
	ByRegion           Dimension = "region"
	ByAvailabilityZone Dimension = "availability_zone"
)

// Dimensions are all dimensions of a bill, beside tenant and month.
func Dimensions() []Dimension {
	return []Dimension{
		ByApp, BySpace, ByResource, ByPlan, ByComponent, ByDay, ByKind, ByDatastore, ByRegion, ByAvailabilityZone,
		ByFoundation,
	}
}

// Value is a charge's value of a dimension.
func (c *Charge) Value(by Dimension) string {
	switch by {
	case ByFoundation:
		return c.Foundation
	case ByTenant:
		return c.Tenant
	case ByMonth:
		return c.Period
	case ByKind:
		return c.Kind
	case BySpace:
		return c.Space
	case ByApp:
		return c.App
	case ByResource:
		return c.SummedBy()
	case ByPlan:
		return c.Plan
	case ByComponent:
		return c.Component
	case ByDay:
		return c.Start.Format(time.DateOnly)
	case ByDatastore:
		return c.Datastore
	case ByRegion:
		return c.Region
	case ByAvailabilityZone:
		return c.AvailabilityZone
	}
	return ""
}
