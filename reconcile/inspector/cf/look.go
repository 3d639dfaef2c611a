package cf

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/reconcile"
)

// Look asks for resources alone, one after the other. They are materials of a blueprint or of a
// floorplan: Kind and Resource name each, App is where its audit events stand, Proof is the last
// time at which it is known to have run. buildpacks asks for those of apps, too.
//
// The scope is proven before the first of them and behind every 50: only what stands between two
// proofs counts. An error comes with the sights so far, for one when the rate limit allows no more.
func (i *Inspector) Look(ctx context.Context, of []reconcile.Material, buildpacks bool) ([]reconcile.Sight, error) {
	e := i.client.Errand(requestsLook + requestsEach*len(of))
	if _, err := e.Summary(ctx); err != nil {
		return nil, err
	}
	l := &look{errand: e, buildpacks: buildpacks}
	var err error
	if l.oldest, err = oldestAudit(ctx, e); err != nil {
		return nil, err
	}
	var sights []reconcile.Sight
	for group := range slices.Chunk(of, lookAtOnce) {
		seen, err := l.group(ctx, group)
		if err != nil {
			return sights, err
		}
		if _, err := e.Summary(ctx); err != nil {
			return sights, err
		}
		sights = append(sights, seen...)
	}
	return sights, nil
}

// look is a look under way.
type look struct {
	errand     *cfapi.Errand
	buildpacks bool
	oldest     time.Time // of the audit events that are kept; zero for none
	audits     map[string][]audit

	// These are for the resources of one group: nothing older is believed.
	apps   map[string]*asked
	spaces map[string]*asked
	offers *offers
	packs  map[[2]string]offer
}

// asked is the answer about one resource.
type asked struct {
	raw  []byte
	seen time.Time
	gone bool
}

// oldestAudit is the time of the oldest audit event that the foundation keeps.
func oldestAudit(ctx context.Context, e *cfapi.Errand) (oldest time.Time, err error) {
	query := url.Values{"order_by": {"created_at"}, "per_page": {"1"}}
	r, err := e.Resource(ctx, "audit_events", query)
	if err != nil {
		return time.Time{}, err
	}
	err = read(r.Raw, "audit events", func(_ *rowReader, v jsondoc.Value) {
		v.Get("resources").Each(func(_ []byte, one jsondoc.Value) {
			if at, err := events.ParseTime(one.Get("created_at").Text()); err == nil {
				oldest = at
			}
		})
	})
	return oldest, err
}

// group looks at some resources between two proofs of the scope.
func (l *look) group(ctx context.Context, of []reconcile.Material) ([]reconcile.Sight, error) {
	l.apps, l.spaces, l.offers = map[string]*asked{}, map[string]*asked{}, newOffers()
	if err := l.takeAudits(ctx, of); err != nil {
		return nil, err
	}
	sights := make([]reconcile.Sight, 0, len(of))
	for i := range of {
		s, err := l.one(ctx, &of[i])
		if err != nil {
			return nil, err
		}
		s.Key = of[i].Key()
		sights = append(sights, s)
	}
	return sights, nil
}

// takeAudits asks for the audit events of a group's apps and service instances, in one list.
func (l *look) takeAudits(ctx context.Context, of []reconcile.Material) error {
	l.audits = map[string][]audit{}
	targets := map[string]bool{}
	for i := range of {
		targets[target(&of[i])] = true
	}
	query := url.Values{
		"target_guids": {strings.Join(slices.Sorted(mapKeys(targets)), ",")},
		"types":        {strings.Join(auditTypes(), ",")},
	}
	_, err := l.errand.List(ctx, "audit_events", query, ignore, func(r cfapi.Row) error {
		a, err := readAudit(r.Raw)
		if err == nil {
			l.audits[a.target] = append(l.audits[a.target], a)
		}
		return err
	})
	return err
}

// target is the guid that the audit events of a material are about.
func target(m *reconcile.Material) string {
	if m.Kind == events.KindService || m.App == "" {
		return m.Resource // the first web process of an app has its guid
	}
	return m.App
}

func (l *look) history(of string) *history { return &history{l.audits[of], l.oldest} }

// ask asks for one resource.
func (l *look) ask(ctx context.Context, collection, guid string) (*asked, error) {
	r, err := l.errand.Resource(ctx, collection+"/"+url.PathEscape(guid), nil)
	if cfapi.NotFound(err) {
		return &asked{gone: true, seen: l.errand.Seen()}, nil
	}
	return &asked{raw: r.Raw, seen: r.Date}, err
}

// once asks for a resource of several materials, once in a group.
func (l *look) once(ctx context.Context, known map[string]*asked, collection, guid string) (*asked, error) {
	if a := known[guid]; a != nil {
		return a, nil
	}
	a, err := l.ask(ctx, collection, guid)
	known[guid] = a
	return a, err
}

// one looks at one resource.
func (l *look) one(ctx context.Context, m *reconcile.Material) (reconcile.Sight, error) {
	switch m.Kind {
	case events.KindApp:
		return l.process(ctx, m)
	case events.KindTask:
		return l.task(ctx, m)
	case events.KindService:
		return l.service(ctx, m)
	}
	return reconcile.Sight{Doubt: "no inventory lists its kind"}, nil
}

// gone is the sight of a resource that is not there.
func gone(seen time.Time, w when, answers []answer) reconcile.Sight {
	return reconcile.Sight{
		Seen: seen, Told: !w.at.IsZero(), Ended: w.at, NotBefore: w.notBefore, NotAfter: w.notAfter,
		Evidence: evidence(answers),
	}
}

// told is the sight of a resource, shown as ended.
func told(s reconcile.Sight) reconcile.Sight {
	s.Told = true
	return s
}

// here is the sight of a resource that is there.
func here(seen time.Time, w when, m reconcile.Material, answers []answer) reconcile.Sight {
	m.Evidence = evidence(answers)
	return reconcile.Sight{
		There: m.Doubt == "", Doubt: m.Doubt, Seen: seen, Material: m, Began: w.at, NotBefore: w.notBefore,
		NotAfter: w.notAfter, Evidence: m.Evidence,
	}
}

// notFound is the evidence of a 404 of Cloud Controller.
func notFound(of string) answer { return answer{of, []byte(`{"status":404,"code":10010}`)} }

// with adds the newest audit events to answers, as evidence.
func (h *history) with(answers ...answer) []answer {
	const most = 10
	for _, a := range h.audits[max(0, len(h.audits)-most):] {
		answers = append(answers, answer{"audit_event " + events.FormatTime(a.at) + " " + a.kind, a.raw})
	}
	return answers
}

// where fills in the space and the tenant.
func (l *look) where(ctx context.Context, guid string, m *reconcile.Material) error {
	a, err := l.once(ctx, l.spaces, "spaces", guid)
	if err != nil {
		return err
	}
	if a.gone {
		m.Doubt = "the API shows it, and not its space"
		return nil
	}
	of, err := readSpace(a.raw)
	m.Space, m.SpaceName, m.Tenant = of.guid, of.name, of.tenant
	return err
}
