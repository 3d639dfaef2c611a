package postgres

import (
	"context"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/standing"
	"github.com/daybook-billing/daybook/ledger"
)

// subject is what the messages of a batch say about a subject of METERED.
type subject struct {
	subject            string
	source, foundation string
	tenant             string
	standing.Subject
	// whole: one of them lists everything. Else the resources that they tell of are told.
	whole bool
	told  map[string]bool
}

// usage takes the listings of messages of METERED, with the anomalies and the metered horizons
// among them.
func (p *posting) usage(ctx context.Context, b *ledger.Batch) error {
	if len(b.Running)+len(b.Metered) == 0 {
		return nil
	}
	all, err := loadHorizons(ctx, p.tx)
	if err != nil {
		return err
	}
	watch, err := p.watch(ctx, b, &all)
	if err != nil {
		return err
	}
	subjects := map[string]*subject{}
	moved := 0
	for i := range b.Running {
		for ; moved < min(b.Running[i].Horizons, len(b.Metered)); moved++ {
			all.Meter(&b.Metered[moved], watch.standing)
		}
		r := &b.Running[i]
		now := all.Now(ledger.Foundation{Source: r.Source, Name: r.Foundation})
		for i := range r.Anomalies {
			watch.standing.Add(r.Subject, &r.Anomalies[i], now)
		}
		if r.Subject == "" {
			continue
		}
		s := subjects[r.Subject]
		if s == nil {
			s = &subject{
				subject: r.Subject, source: r.Source, foundation: r.Foundation, tenant: r.Tenant,
				told: map[string]bool{},
			}
			subjects[r.Subject] = s
		}
		tells := s.apply(r)
		watch.standing.Listed(r.Subject, &s.Subject, tells)
	}
	for ; moved < len(b.Metered); moved++ {
		all.Meter(&b.Metered[moved], watch.standing)
	}
	if err := p.saveHorizons(ctx, b.Metered, &all); err != nil {
		return err
	}
	if err := watch.save(ctx, p); err != nil {
		return err
	}
	return p.saveSubjects(ctx, subjects)
}

// apply takes a message, and reports of which resources it tells.
func (s *subject) apply(r *ledger.Running) (tells func(resource string) bool) {
	m := events.Metered{
		Running: r.Spans, RunningOmitted: r.SpansOmitted, Held: r.Held, HeldOmitted: r.HeldOmitted, Ended: r.Ended,
	}
	s.Apply(&m)
	if !standing.Partial(&m) {
		s.whole = true
		return func(string) bool { return true }
	}
	told := map[string]bool{}
	for i := range m.Running {
		told[m.Running[i].Resource] = true
	}
	for i := range m.Held {
		told[m.Held[i].Resource] = true
	}
	for _, id := range m.Ended {
		told[id] = true
	}
	for id := range told {
		s.told[id] = true
	}
	return func(resource string) bool { return told[resource] }
}

// row is a row with its subject.
type row[T any] struct {
	of *subject
	is T
}

var (
	subjectColumns = []string{"subject", "source", "foundation", "tenant", "running", "held"}
	runningColumns = []string{
		"subject", "source", "foundation", "tenant", "space", "app", "kind", "resource", "name", "start_time", "since",
		"content",
	}
	holdColumns = []string{
		"subject", "id", "source", "foundation", "tenant", "kind", "resource", "code", "start_time", "end_time",
		"reason", "content",
	}
)

func subjectRow(s **subject) []any {
	x := *s
	return []any{x.subject, x.source, x.foundation, x.tenant, x.Running(), x.Held()}
}

func runningRow(r *row[events.Span]) []any {
	x := &r.is
	return []any{
		r.of.subject, r.of.source, r.of.foundation, x.Tenant, x.Space, x.App, x.Kind, x.Resource, x.Name, at(&x.Start),
		at(&x.Since), x.AppendJSON(nil),
	}
}

func holdRow(r *row[events.Hold]) []any {
	x := &r.is
	return []any{
		r.of.subject, x.ID, r.of.source, r.of.foundation, r.of.tenant, x.Kind, x.Resource, x.Code, at(&x.Start),
		at(&x.End), x.Reason, x.AppendJSON(nil),
	}
}

// saveSubjects replaces what runs and is held under subjects: everything, or what the messages tell
// of.
func (p *posting) saveSubjects(ctx context.Context, subjects map[string]*subject) error {
	if len(subjects) == 0 {
		return nil
	}
	var names, whole, partly, resources []string
	var left []*subject
	var running []row[events.Span]
	var held []row[events.Hold]
	for name, s := range subjects {
		names = append(names, name)
		if s.whole {
			whole = append(whole, name)
		} else {
			for id := range s.told {
				partly, resources = append(partly, name), append(resources, id)
			}
		}
		if !s.Empty() {
			left = append(left, s)
		}
		for _, id := range s.Resources() {
			spans, holds := s.Of(id)
			for i := range spans {
				running = append(running, row[events.Span]{s, spans[i]})
			}
			for i := range holds {
				held = append(held, row[events.Hold]{s, holds[i]})
			}
		}
	}
	if _, err := p.tx.Exec(ctx, "DELETE FROM subjects WHERE subject = ANY($1)", names); err != nil {
		return err
	}
	for _, table := range []string{"running", "holds"} {
		if _, err := p.tx.Exec(ctx, "DELETE FROM "+table+" WHERE subject = ANY($1)", whole); err != nil {
			return err
		}
		if len(partly) == 0 {
			continue
		}
		if _, err := p.tx.Exec(ctx, "DELETE FROM "+table+` AS x
			USING unnest($1::text[], $2::text[]) AS told(subject, resource)
			WHERE x.subject = told.subject AND x.resource = told.resource`, partly, resources); err != nil {
			return err
		}
	}
	if err := p.savePlaces(ctx, subjects); err != nil {
		return err
	}
	if err := copyRows(ctx, p, "subjects", subjectColumns, left, subjectRow); err != nil {
		return err
	}
	if err := copyRows(ctx, p, "running", runningColumns, running, runningRow); err != nil {
		return err
	}
	return copyRows(ctx, p, "holds", holdColumns, held, holdRow)
}

// savePlaces notes where something of tenants was metered.
func (p *posting) savePlaces(ctx context.Context, subjects map[string]*subject) error {
	var places [][3]string
	for _, s := range subjects {
		if at := [3]string{s.tenant, s.source, s.foundation}; !slices.Contains(places, at) {
			places = append(places, at)
		}
	}
	var columns [3][]string
	for _, at := range places {
		for i := range at {
			columns[i] = append(columns[i], at[i])
		}
	}
	_, err := p.tx.Exec(ctx, `INSERT INTO places (tenant, source, foundation)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING`, columns[0], columns[1],
		columns[2])
	return err
}

var unratedColumns = []string{
	"id", "period", "source", "foundation", "tenant", "space", "kind", "resource", "name", "start_time", "end_time",
	"reason", "content",
}

func unratedRow(u *ledger.Unrated) []any {
	return []any{
		u.ID, u.PostedTo(), u.Source, u.Foundation, u.Tenant, u.Space, u.Kind, u.Resource, u.Name, at(&u.Start),
		at(&u.End), u.Reason, u.AppendJSON(nil),
	}
}

// unrated adds parts without a price, and drops the settled ones.
func (p *posting) unrated(ctx context.Context, b *ledger.Batch) error {
	last := map[string]int{}
	gone := slices.Clone(b.Settled)
	for i := range b.Unrated {
		last[b.Unrated[i].ID] = i
		gone = append(gone, b.Unrated[i].ID)
	}
	if len(gone) == 0 {
		return nil
	}
	var left []ledger.Unrated
	for i := range b.Unrated {
		if id := b.Unrated[i].ID; last[id] == i && !slices.Contains(b.Settled, id) { // behind Unrated: see ledger.Batch
			left = append(left, b.Unrated[i])
		}
	}
	if _, err := p.tx.Exec(ctx, "DELETE FROM unrated WHERE id = ANY($1)", gone); err != nil {
		return err
	}
	return copyRows(ctx, p, "unrated", unratedColumns, left, unratedRow)
}
