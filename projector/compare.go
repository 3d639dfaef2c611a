package projector

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// comparer implements stage.Comparer for METERED: which spans are closed and not retracted, and
// what runs and is held under each subject, and which catalogue version is in force. Horizons, gaps
// and anomalies belong to their moment and are not published again. Its memory is a digest of each
// span, and the differences in full.
type comparer struct {
	logic    string // of the projector that derives
	stored   string // of the batch that the stored message is in
	months   map[origin]*months
	seed     maphash.Seed
	spans    *stage.Comparison[string] // by id: spans that are closed and not retracted
	subjects *stage.Comparison[string] // by subject: what runs and is held
	inForce  [2]events.Catalogue       // by stage.Side

	differs map[string]*difference // by subject
	decoded events.Metered
	text    []byte
}

// origin is a source in a foundation: months are closed for each.
type origin struct{ source, foundation string }

// months are the months of an origin, of which the early ones are closed.
type months struct {
	horizons [2]time.Time // by stage.Side
	open     string       // first month that is open, YYYY-MM
}

// close closes the months whose end a horizon has passed by the grace that a logic names. None is
// opened again.
func (m *months) close(horizon time.Time, logic string) {
	if horizon.IsZero() {
		return
	}
	for setting := range strings.FieldsSeq(logic) {
		if text, ok := strings.CutPrefix(setting, "grace="); ok {
			if grace, err := time.ParseDuration(text); err == nil {
				m.open = max(m.open, monthOf(horizon.Add(-grace)))
			}
		}
	}
}

func monthOf(t time.Time) string { return t.UTC().Format("2006-01") }

// difference is all that a replay publishes on one subject.
type difference struct {
	frame events.Metered            // without spans
	spans [2]map[string]events.Span // by stage.Side and id: to be retracted, and to be closed
	now   events.Metered            // running and held
}

// NewComparer returns the comparer of METERED for one replay. logic is that of the projector that
// derives, with its settings: stage.Config.Logic.
func NewComparer(logic string) stage.Comparer {
	return &comparer{
		logic: logic, months: map[origin]*months{}, seed: maphash.MakeSeed(),
		spans: stage.NewComparison[string](), subjects: stage.NewComparison[string](),
		differs: map[string]*difference{},
	}
}

func (r *comparer) monthsOf(source, foundation string) *months {
	key := origin{source, foundation}
	if r.months[key] == nil {
		r.months[key] = &months{}
	}
	return r.months[key]
}

// horizon takes a horizon, in JSON.
func (r *comparer) horizon(side stage.Side, text []byte) error {
	var h events.Horizon
	if err := h.DecodeJSON(text); err != nil {
		return err
	}
	r.monthsOf(h.Source, h.Foundation).horizons[side] = h.Time
	return nil
}

// Derived implements stage.Comparer.
func (r *comparer) Derived(out *stage.Output) error {
	if out.Type == events.TypeHorizon && !r.spans.Second() {
		r.text = out.Body.AppendJSON(r.text[:0])
		return r.horizon(stage.Derived, r.text)
	}
	if out.Type == events.TypeCatalogue {
		return r.inForce[stage.Derived].DecodeJSON(out.Body.AppendJSON(nil))
	}
	if out.Type != events.TypeMetered {
		return nil
	}
	if m, ok := out.Body.(*events.Metered); ok {
		r.add(stage.Derived, out.Subject, m)
		return nil
	}
	r.text = out.Body.AppendJSON(r.text[:0])
	if err := r.decoded.DecodeJSON(r.text); err != nil {
		return err
	}
	r.add(stage.Derived, out.Subject, &r.decoded)
	return nil
}

// Stored implements stage.Comparer.
func (r *comparer) Stored(in *bus.Stored) error {
	if logic := in.Header(stage.HeaderLogic); logic != "" { // a batch begins, and the one before it is over
		r.closeStored()
		r.stored = logic
	}
	var err error
	switch in.Header(events.HeaderType) {
	case events.TypeMetered:
		if err = r.decoded.DecodeJSON(in.Data); err != nil {
			break
		}
		r.add(stage.Stored, in.Subject, &r.decoded)
		if m := &r.decoded; m.Correction != "" {
			known := r.monthsOf(m.Source, m.Foundation)
			known.open = max(known.open, m.Correction)
		}
	case events.TypeHorizon:
		err = r.horizon(stage.Stored, in.Data)
	case events.TypeCatalogue:
		err = r.inForce[stage.Stored].DecodeJSON(in.Data)
	}
	if err != nil {
		return stage.Unreadable(events.StreamMetered, in, err)
	}
	return nil
}

// closeStored closes the months that the batches so far have closed.
func (r *comparer) closeStored() {
	for _, m := range r.months {
		m.close(m.horizons[stage.Stored], r.stored)
	}
}

// add takes a message: its digests in the first round, its differences in the second.
func (r *comparer) add(side stage.Side, subject string, m *events.Metered) {
	if r.spans.Second() {
		r.keep(side, subject, m)
		return
	}
	for i := range m.Retracted {
		r.spans.Set(side, m.Retracted[i].ID, 0)
	}
	for i := range m.Closed {
		r.spans.Set(side, m.Closed[i].ID, r.digest(subject, &events.Metered{Closed: m.Closed[i : i+1]}))
	}
	var digest uint64
	if len(m.Running)+len(m.Held) > 0 || m.RunningOmitted+m.HeldOmitted > 0 {
		digest = r.digest(subject, present(m))
	}
	r.subjects.Set(side, subject, digest)
}

// present is the part of a message that tells of the present.
func present(m *events.Metered) *events.Metered {
	return &events.Metered{
		Running: m.Running, RunningOmitted: m.RunningOmitted, Held: m.Held,
		HeldOmitted: m.HeldOmitted,
	}
}

// digest is never 0.
func (r *comparer) digest(subject string, m *events.Metered) uint64 {
	r.text = append(append(r.text[:0], subject...), 0)
	r.text = m.AppendJSON(r.text)
	return max(1, maphash.Bytes(r.seed, r.text))
}

// Compare implements stage.Comparer. The second round keeps the spans and subjects that differ.
func (r *comparer) Compare() (again bool, err error) {
	r.closeStored()
	spans, subjects := r.spans.Close(), r.subjects.Close()
	return spans || subjects, nil
}

// keep takes a message of the second round.
func (r *comparer) keep(side stage.Side, subject string, m *events.Metered) {
	d := r.differs[subject]
	for i := range m.Closed {
		s := m.Closed[i]
		if r.spans.Digest(side, s.ID) == 0 {
			continue
		}
		d = r.on(subject, m)
		s.Evidence = slices.Clone(s.Evidence)
		d.spans[side][s.ID] = s
	}
	if r.subjects.Differs(subject) {
		d = r.on(subject, m)
	}
	if side == stage.Derived && d != nil {
		d.now = *present(m)
		d.now.Running, d.now.Held = cloneSpans(m.Running), slices.Clone(m.Held)
	}
}

func cloneSpans(list []events.Span) []events.Span {
	list = slices.Clone(list)
	for i := range list {
		list[i].Evidence = slices.Clone(list[i].Evidence)
	}
	return list
}

// on returns the difference on a subject, and makes it from a message there.
func (r *comparer) on(subject string, m *events.Metered) *difference {
	d := r.differs[subject]
	if d == nil {
		d = &difference{
			frame: events.Metered{
				Source: m.Source, Foundation: m.Foundation, Tenant: m.Tenant, Kind: m.Kind, Resource: m.Resource,
			},
			spans: [2]map[string]events.Span{{}, {}},
		}
		r.differs[subject] = d
	}
	return d
}

// Difference implements stage.Comparer.
func (r *comparer) Difference(cause events.Cause, emit func(stage.Output)) (reversed, posted int, err error) {
	if c := r.inForce[stage.Derived]; c != r.inForce[stage.Stored] && c != (events.Catalogue{}) {
		emit(stage.Output{
			Subject: events.MeteredCatalogueSubject, Type: events.TypeCatalogue,
			ID: events.ID("metered", cause.ID, events.MeteredCatalogueSubject), Body: &c,
		})
	}
	for _, subject := range slices.Sorted(maps.Keys(r.differs)) {
		d := r.differs[subject]
		retract, closing := sortedSpans(d.spans[stage.Stored]), sortedSpans(d.spans[stage.Derived])
		if !r.subjects.Differs(subject) && len(retract)+len(closing) == 0 {
			continue
		}
		correction := r.correction(d)
		reversed, posted = reversed+len(retract), posted+len(closing)
		for part := 0; part == 0 || len(retract)+len(closing) > 0; part++ {
			m := d.now
			m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource = d.frame.Source, d.frame.Foundation, d.frame.Tenant,
				d.frame.Kind, d.frame.Resource
			m.ID = events.ID("metered", cause.ID, subject, strconv.Itoa(part))
			m.Cause, m.Correction = cause, correction
			_, retract, closing = m.Fill(maxSpans, nil, retract, closing)
			emit(stage.Output{Subject: subject, Type: events.TypeMetered, ID: m.ID, Body: &m})
		}
	}
	return reversed, posted, nil
}

// correction is the first open month, if a stored or derived span of the difference starts in a
// closed one; else it is empty.
func (r *comparer) correction(d *difference) string {
	m := r.monthsOf(d.frame.Source, d.frame.Foundation)
	m.close(m.horizons[stage.Derived], r.logic)
	for _, spans := range d.spans {
		for id := range spans {
			if monthOf(spans[id].Start) < m.open {
				return m.open
			}
		}
	}
	return ""
}

func sortedSpans(spans map[string]events.Span) []events.Span {
	return slices.SortedFunc(maps.Values(spans), func(a, b events.Span) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Resource, b.Resource), a.Start.Compare(b.Start),
			cmp.Compare(a.ID, b.ID))
	})
}
