package answer

import (
	"context"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// maxRange is the longest range of days.
const maxRange = 366 * 24 * time.Hour

// Whose selects tenants.
type Whose struct {
	Foundation string `query:"foundation" json:"foundation,omitempty" maxLength:"1024" doc:"Only this foundation."`
	Tenant     string `query:"tenant" json:"tenant,omitempty" maxLength:"1024" doc:"Only this tenant (organization guid, tenant id)."`
}

// What selects resources.
type What struct {
	Space    string `query:"space" json:"space,omitempty" maxLength:"1024" doc:"Only this space (guid)."`
	App      string `query:"app" json:"app,omitempty" maxLength:"1024" doc:"Only this app (guid)."`
	Resource string `query:"resource" json:"resource,omitempty" maxLength:"1024" doc:"Only this resource: process, app of tasks and builds, service instance, database."`
	Kind     string `query:"kind" json:"kind,omitempty" enum:"app,task,staging,service,instance,volume" doc:"Only this kind."`
}

// Selection selects charges.
type Selection struct {
	Whose
	What
	Month     string `query:"month" json:"month,omitempty" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" example:"2026-10" doc:"Only this month of posting."`
	Plan      string `query:"plan" json:"plan,omitempty" maxLength:"1024" doc:"Only this plan."`
	Component string `query:"component" json:"component,omitempty" maxLength:"1024" doc:"Only this component."`
	From      string `query:"from" json:"from,omitempty" format:"date" doc:"Only charges that begin on this day (UTC) or later."`
	To        string `query:"to" json:"to,omitempty" format:"date" doc:"Only charges that begin before this day (UTC); at most 366 days behind from."`
}

// query is the query of an asker about tenants, within a scope of theirs. It is the only
// place to set Owners. Error: errNobody.
func (w *Whose) query(scope *Scope) (ledger.Query, error) {
	q := ledger.Query{Foundation: w.Foundation, Tenant: w.Tenant}
	if !scope.Names(w.Foundation, w.Tenant) {
		return q, errNobody
	}
	q.Owners = scope.owners()
	return q, nil
}

// queried is whose.query with a choice of resources.
func (w *What) queried(whose *Whose, scope *Scope) (ledger.Query, error) {
	q, err := whose.query(scope)
	q.Space, q.App, q.Resource, q.Kind = w.Space, w.App, w.Resource, w.Kind
	return q, err
}

// query is the query of an asker about the money in a selection.
func (s *Selection) query(asker *Asker) (ledger.Query, error) {
	q, err := s.queried(&s.Whose, &asker.Money)
	if err != nil {
		return q, err
	}
	q.Period, q.Plan, q.Component = s.Month, s.Plan, s.Component
	if q.From, err = day("from", s.From); err != nil {
		return q, err
	}
	if q.To, err = day("to", s.To); err != nil {
		return q, err
	}
	switch {
	case !q.To.IsZero() && !q.To.After(q.From):
		return q, invalid("to is not behind from: it is the first day that is left out")
	case !q.From.IsZero() && !q.To.IsZero() && q.To.Sub(q.From) > maxRange:
		return q, invalid("from and to are more than 366 days apart: ask for less")
	}
	return q, nil
}

// day reads a day; zero for an empty one.
func day(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return at, invalid("%s is not a day such as 2026-10-31", name)
	}
	return at, nil
}

// heard is errNobody where a query names an unknown tenant, or an unknown foundation. Call
// it when nothing was found.
func (a *Answers) heard(ctx context.Context, q *ledger.Query) error {
	mine := func(o events.Owner) bool {
		return (q.Foundation == "" || q.Foundation == o.Foundation) && (q.Tenant == "" || q.Tenant == o.Tenant)
	}
	if q.Foundation == "" && q.Tenant == "" || slices.ContainsFunc(q.Owners, mine) {
		return nil // the asker's own tenants exist
	}
	named := ledger.Query{Owners: q.Owners, Foundation: q.Foundation, Tenant: q.Tenant}
	sums, err := a.reader.Totals(ctx, named)
	if err != nil || len(sums) > 0 {
		return err
	}
	bill, err := a.reader.Bill(ctx, named)
	if err == nil && bill.Running+bill.Held+bill.Unrated+len(bill.Horizons) == 0 {
		return errNobody
	}
	return err
}
