package cf

import (
	"context"
	"net/url"
	"time"

	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/reconcile"
)

// process looks at a process. It runs if its app is started, and was started behind its making.
func (l *look) process(ctx context.Context, m *reconcile.Material) (reconcile.Sight, error) {
	of := l.history(target(m))
	a, err := l.ask(ctx, "processes", m.Resource)
	if err != nil {
		return reconcile.Sight{}, err
	}
	if a.gone {
		return gone(a.seen, of.processEnd(m.Resource, m.Proof), of.with(notFound("process"))), nil
	}
	p, err := readProcess(a.raw)
	if err != nil {
		return reconcile.Sight{}, err
	}
	of = l.history(p.app)
	owner, err := l.once(ctx, l.apps, "apps", p.app)
	if err != nil {
		return reconcile.Sight{}, err
	}
	if owner.gone {
		return gone(a.seen, of.processEnd(p.guid, m.Proof), of.with(answer{"process", a.raw}, notFound("app"))), nil
	}
	app, err := readApp(owner.raw)
	if err != nil {
		return reconcile.Sight{}, err
	}
	answers := of.with(answer{"process", a.raw}, answer{"app", owner.raw})
	if !app.started {
		w := of.processEnd(p.guid, m.Proof)
		if w.at.IsZero() {
			w.notAfter = earlier(w.notAfter, p.changed) // it was changed by the stop, or later
		}
		return told(gone(a.seen, w, answers)), nil
	}
	if err := l.doubt(ctx, &p, of); err != nil {
		return reconcile.Sight{}, err
	}
	material := ofProcess(&p, &app)
	if err := l.where(ctx, app.space, &material); err != nil {
		return reconcile.Sight{}, err
	}
	if err := l.pack(ctx, &app, &material); err != nil {
		return reconcile.Sight{}, err
	}
	return here(a.seen, of.processBegin(&p, m), material, answers), nil
}

// doubt tells whether a process of a started app may be stopped.
func (l *look) doubt(ctx context.Context, p *process, of *history) error {
	if p.guid == p.app || of.startedSince(p.created) {
		return nil
	}
	down, told, err := down(ctx, l.errand, p.guid)
	switch {
	case err != nil:
		return err
	case !told:
		p.doubt = doubtUntold
	case down:
		p.doubt = doubtDown
	}
	return nil
}

// pack fills in the buildpack of an app's current droplet.
func (l *look) pack(ctx context.Context, of *app, m *reconcile.Material) (err error) {
	if !l.buildpacks || of.droplet == "" {
		return nil
	}
	if l.packs == nil {
		if l.packs, err = buildpacks(ctx, l.errand); err != nil {
			return err
		}
	}
	r, err := l.errand.Resource(ctx, "droplets/"+url.PathEscape(of.droplet), nil)
	if cfapi.NotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	p, err := readPack(r.Raw, l.packs)
	m.Footprint.Buildpack, m.Footprint.BuildpackGUID = p.of(of)
	return err
}

// task looks at a task.
func (l *look) task(ctx context.Context, m *reconcile.Material) (reconcile.Sight, error) {
	of := l.history(target(m))
	a, err := l.ask(ctx, "tasks", m.Resource)
	if err != nil {
		return reconcile.Sight{}, err
	}
	if a.gone {
		return gone(a.seen, of.taskEnd(m.Resource, m.Proof), of.with(notFound("task"))), nil
	}
	t, err := readTask(a.raw)
	if err != nil {
		return reconcile.Sight{}, err
	}
	answers := l.history(t.app).with(answer{"task", a.raw})
	switch {
	case t.state == "PENDING":
		return reconcile.Sight{
			Seen: a.seen, Doubt: "it is PENDING, and has not run yet", Evidence: evidence(answers),
		}, nil
	case !t.there():
		w := l.history(t.app).taskEnd(t.guid, m.Proof)
		w.notAfter = earlier(w.notAfter, t.changed)
		return told(gone(a.seen, w, answers)), nil
	}
	material := ofTask(&t)
	owner, err := l.once(ctx, l.apps, "apps", t.app)
	if err != nil {
		return reconcile.Sight{}, err
	}
	if owner.gone {
		w := l.history(t.app).taskEnd(t.guid, m.Proof)
		return gone(a.seen, w, append(answers, notFound("app"))), nil
	}
	app, err := readApp(owner.raw)
	if err != nil {
		return reconcile.Sight{}, err
	}
	if err := l.where(ctx, app.space, &material); err != nil {
		return reconcile.Sight{}, err
	}
	return here(a.seen, when{notBefore: t.created, notAfter: t.changed}, material, answers), nil
}

// service looks at a service instance.
func (l *look) service(ctx context.Context, m *reconcile.Material) (reconcile.Sight, error) {
	of := l.history(m.Resource)
	a, err := l.ask(ctx, "service_instances", m.Resource)
	if err != nil {
		return reconcile.Sight{}, err
	}
	if a.gone {
		return gone(a.seen, of.serviceEnd(m.Proof), of.with(notFound("service_instance"))), nil
	}
	s, err := readService(a.raw)
	if err != nil {
		return reconcile.Sight{}, err
	}
	answers := of.with(answer{"service_instance", a.raw})
	if s.kind != managed {
		return reconcile.Sight{
			Seen: a.seen, Doubt: "it is user-provided, and nothing that is metered", Evidence: evidence(answers),
		}, nil
	}
	if err := l.offers.fill(ctx, l.errand, s.plan); err != nil {
		return reconcile.Sight{}, err
	}
	material := ofService(&s, l.offers)
	if err := l.where(ctx, s.space, &material); err != nil {
		return reconcile.Sight{}, err
	}
	return here(a.seen, of.serviceBegin(&s, m), material, answers), nil
}

// earlier is the earlier of two bounds; a zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
