package projector

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/standing"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/internal/stage/missing"
	"github.com/daybook-billing/daybook/internal/stage/sides"
)

// comparer implements stage.Comparer for METERED: which spans are closed and not retracted, and
// what runs and is held under each subject, which catalogue version is in force, and which seals
// there are. Horizons, gaps and anomalies belong to their moment and are not published again. Its
// memory is a digest of each span, and the differences and what runs in full.
type comparer struct {
	closings map[origin]*closings
	seed     maphash.Seed
	spans    *sides.Comparison[string]    // by id: spans that are closed and not retracted
	subjects *sides.Comparison[string]    // by subject: what runs and is held
	stands   [2]map[string]*digested      // by sides.Side and subject: what runs and is held, in digests
	runs     map[string]*standing.Subject // in the second round: what runs and is held as derived
	inForce  [2]events.Catalogue          // by sides.Side
	seals    missing.Messages

	differs map[string]*difference // by subject
	decoded events.Metered
	text    []byte
}

// origin is a source in a foundation: months are closed for each.
type origin struct{ source, foundation string }

// closings are the months of an origin that are closed, by sides.Side.
type closings struct {
	open    [2]string        // first month that is open, YYYY-MM
	derived []events.Closing // of the months that stand closed
}

// closing takes a closing, in JSON.
func (r *comparer) closing(side sides.Side, text []byte) error {
	var c events.Closing
	if err := c.DecodeJSON(text); err != nil {
		return err
	}
	of := r.closingsOf(c.Source, c.Foundation)
	_, err := time.Parse(events.MonthForm, c.Month)
	switch {
	case err != nil:
		return err
	case c.Reopened:
		of.open[side] = c.Month
	default:
		of.open[side] = events.MonthAfter(c.Month, 1)
	}
	if side == sides.Derived {
		of.derived = slices.DeleteFunc(of.derived, func(o events.Closing) bool { return o.Month == c.Month })
		if !c.Reopened {
			of.derived = append(of.derived, c)
		}
	}
	return nil
}

// digested is what runs and is held under a subject, in digests by resource.
type digested struct {
	of  map[string]uint64
	sum uint64
}

func (d *digested) set(resource string, digest uint64) {
	d.sum += digest - d.of[resource]
	if d.of[resource] = digest; digest == 0 {
		delete(d.of, resource)
	}
}

// difference is all that a replay publishes on one subject.
type difference struct {
	frame events.Metered            // without spans
	spans [2]map[string]events.Span // by sides.Side and id: to be retracted, and to be closed
}

// NewComparer returns the comparer of METERED for one replay.
func NewComparer() stage.Comparer {
	return &comparer{
		closings: map[origin]*closings{}, seed: maphash.MakeSeed(),
		spans: sides.New[string](), subjects: sides.New[string](),
		stands: [2]map[string]*digested{{}, {}}, runs: map[string]*standing.Subject{},
		differs: map[string]*difference{}, seals: missing.Messages{Type: statement.SealType, Ordered: true},
	}
}

func (r *comparer) closingsOf(source, foundation string) *closings {
	key := origin{source, foundation}
	if r.closings[key] == nil {
		r.closings[key] = &closings{}
	}
	return r.closings[key]
}

// Derived implements stage.Comparer.
func (r *comparer) Derived(out *stage.Output) error {
	r.seals.Derived(out)
	if out.Type == events.TypeClosing && !r.spans.Second() {
		r.text = out.Body.AppendJSON(r.text[:0])
		return r.closing(sides.Derived, r.text)
	}
	if out.Type == events.TypeCatalogue {
		return r.inForce[sides.Derived].DecodeJSON(out.Body.AppendJSON(nil))
	}
	if out.Type != events.TypeMetered {
		return nil
	}
	if m, ok := out.Body.(*events.Metered); ok {
		r.add(sides.Derived, out.Subject, m)
		return nil
	}
	r.text = out.Body.AppendJSON(r.text[:0])
	if err := r.decoded.DecodeJSON(r.text); err != nil {
		return err
	}
	r.add(sides.Derived, out.Subject, &r.decoded)
	return nil
}

// Stored implements stage.Comparer.
func (r *comparer) Stored(in *bus.Stored) error {
	r.seals.Stored(in)
	var err error
	switch in.Header(events.HeaderType) {
	case events.TypeMetered:
		if err = r.decoded.DecodeJSON(in.Data); err != nil {
			break
		}
		r.add(sides.Stored, in.Subject, &r.decoded)
	case events.TypeClosing:
		if !r.spans.Second() {
			err = r.closing(sides.Stored, in.Data)
		}
	case events.TypeCatalogue:
		err = r.inForce[sides.Stored].DecodeJSON(in.Data)
	}
	if err != nil {
		return stage.Unreadable(events.StreamMetered, in, err)
	}
	return nil
}

// add takes a message: its digests in the first round, its differences in the second.
func (r *comparer) add(side sides.Side, subject string, m *events.Metered) {
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
	r.subjects.Set(side, subject, r.stand(side, subject, m))
}

// stand takes what a message tells to run and to be held. It returns a digest of all that there is
// under the subject; 0 where that is nothing.
func (r *comparer) stand(side sides.Side, subject string, m *events.Metered) uint64 {
	now := r.stands[side][subject]
	if now == nil || !standing.Partial(m) {
		now = &digested{of: map[string]uint64{}}
		r.stands[side][subject] = now
	}
	var told standing.Subject
	told.Apply(m)
	for _, id := range told.Resources() {
		running, held := told.Of(id)
		now.set(id, r.digest(subject, &events.Metered{Running: running, Held: held}))
	}
	for _, id := range m.Ended {
		now.set(id, 0)
	}
	if len(now.of) == 0 {
		delete(r.stands[side], subject)
	}
	return now.sum
}

// digest is never 0.
func (r *comparer) digest(subject string, m *events.Metered) uint64 {
	r.text = append(append(r.text[:0], subject...), 0)
	r.text = m.AppendJSON(r.text)
	return max(1, maphash.Bytes(r.seed, r.text))
}

// Compare implements stage.Comparer. The second round keeps the spans and subjects that differ.
func (r *comparer) Compare() (again bool, err error) {
	spans, subjects := r.spans.Close(), r.subjects.Close()
	return spans || subjects, nil
}

// keep takes a message of the second round.
func (r *comparer) keep(side sides.Side, subject string, m *events.Metered) {
	for i := range m.Closed {
		s := m.Closed[i]
		if r.spans.Digest(side, s.ID) == 0 {
			continue
		}
		d := r.on(subject, m)
		s.Evidence = slices.Clone(s.Evidence)
		if side == sides.Stored { // it is to be retracted
			s.Publication, s.Correction = m.ID, m.Correction
		}
		d.spans[side][s.ID] = s
	}
	if r.subjects.Differs(subject) {
		r.on(subject, m)
	}
	if side == sides.Stored {
		return
	}
	now := r.runs[subject]
	if now == nil {
		now = &standing.Subject{}
		r.runs[subject] = now
	}
	now.Apply(&events.Metered{
		Running: cloneSpans(m.Running), RunningOmitted: m.RunningOmitted, Held: m.Held, HeldOmitted: m.HeldOmitted,
		Ended: m.Ended,
	})
	if now.Empty() {
		delete(r.runs, subject)
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
	c, s := r.inForce[sides.Derived], &r.inForce[sides.Stored]
	if c.Version != "" && (c.Version != s.Version || c.YAML != s.YAML) {
		c.Reprice = nil
		emit(stage.Output{
			Subject: events.MeteredCatalogueSubject, Type: events.TypeCatalogue,
			ID: events.ID("metered", cause.ID, events.MeteredCatalogueSubject), Body: &c,
		})
	}
	r.close(cause, emit)
	r.seals.Emit(emit)
	for _, subject := range slices.Sorted(maps.Keys(r.differs)) {
		d := r.differs[subject]
		retract, closing := sortedSpans(d.spans[sides.Stored]), sortedSpans(d.spans[sides.Derived])
		if !r.subjects.Differs(subject) && len(retract)+len(closing) == 0 {
			continue
		}
		reversed, posted = reversed+len(retract), posted+len(closing)
		r.publish(subject, cause, retract, closing, func(m *events.Metered) {
			emit(stage.Output{Subject: subject, Type: events.TypeMetered, ID: m.ID, Body: m})
		})
	}
	return reversed, posted, nil
}

// close puts out the closings of the months that are open in what is stored. None is opened again.
func (r *comparer) close(cause events.Cause, emit func(stage.Output)) {
	for _, key := range slices.SortedFunc(maps.Keys(r.closings), func(a, b origin) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.foundation, b.foundation))
	}) {
		of := r.closings[key]
		for i := range of.derived {
			c := of.derived[i]
			if c.Month >= of.open[sides.Stored] {
				c.ID, c.Cause = events.ID("closing", cause.ID, c.Source, c.Foundation, c.Month), cause
				closingOutput(emit)(&c)
			}
		}
	}
}

// publish puts out the difference on a subject: the spans of closed months as a correction, then
// the others, and everything that runs and is held.
func (r *comparer) publish(subject string, cause events.Cause, retract, closing []events.Span,
	emit func(*events.Metered),
) {
	frame := r.differs[subject].frame
	of := r.closingsOf(frame.Source, frame.Foundation)
	open := max(of.open[sides.Stored], of.open[sides.Derived])
	now := r.listing(subject)
	part := 0
	group := func(correction string, last bool, such func(*events.Span) bool) {
		retract, closing := only(retract, such), only(closing, such)
		if len(retract)+len(closing) == 0 && (!last || now.told) {
			return
		}
		for done := false; !done; part++ {
			m := frame
			m.ID, m.Cause, m.Correction = events.ID("metered", cause.ID, subject, strconv.Itoa(part)), cause, correction
			now.fill(&m)
			frame = m // the next part tells the same of what runs, or more
			_, retract, closing = m.Fill(maxSpans, nil, retract, closing)
			emit(&m)
			done = len(retract)+len(closing) == 0 && (!last || now.told)
		}
	}
	old := func(s *events.Span) bool { return s.Start.Format(events.MonthForm) < open }
	group(open, false, old)
	group("", true, func(s *events.Span) bool { return !old(s) })
}

func only(spans []events.Span, such func(*events.Span) bool) (some []events.Span) {
	for i := range spans {
		if such(&spans[i]) {
			some = append(some, spans[i])
		}
	}
	return some
}

// listing is everything that runs and is held under a subject as derived, and the resources of the
// stored messages of which nothing does.
func (r *comparer) listing(subject string) (l listing) {
	now := r.runs[subject]
	if now != nil {
		l.running, l.held = uint32(now.Running()), uint32(now.Held()) //nolint:gosec // far below 2^32
		for _, id := range now.Resources() {
			running, held := now.Of(id)
			l.spans, l.holds = append(l.spans, running...), append(l.holds, held...)
			l.entries = append(l.entries, listed{len(l.spans), len(l.holds)})
		}
	}
	stored := r.stands[sides.Stored][subject]
	if stored == nil || len(l.entries) == 0 {
		return l
	}
	for _, id := range slices.Sorted(maps.Keys(stored.of)) {
		if running, held := now.Of(id); len(running)+len(held) == 0 {
			l.ended = append(l.ended, id)
		}
	}
	return l
}

func sortedSpans(spans map[string]events.Span) []events.Span {
	return slices.SortedFunc(maps.Values(spans), func(a, b events.Span) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Resource, b.Resource), a.Start.Compare(b.Start),
			cmp.Compare(a.ID, b.ID))
	})
}
