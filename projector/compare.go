package projector

import (
	"cmp"
	"fmt"
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

// maxSpans is how many retracted and closed spans one message lists at the most, as in the
// projector's own.
const maxSpans = 250

// comparer implements stage.Comparer for METERED. It remembers a digest of each span that stands,
// about 100 bytes, and in full only what differs.
type comparer struct {
	logic    string // of today's projector
	months   map[origin]*months
	seed     maphash.Seed
	spans    map[string]sides // by span id; not those that are in neither
	subjects map[string]sides // by subject: what runs and is held

	closer  bool // the second round
	differs map[string]*difference
	decoded events.Metered
	text    []byte
}

// origin is a source in a foundation: months are closed for each.
type origin struct{ source, name string }

// months says which are closed.
type months struct {
	stored, derived time.Time // horizons
	open            string    // first month that is open, YYYY-MM
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

// sides are digests of what is stored and of what is derived; 0 is nothing.
type sides struct{ stored, derived uint64 }

// difference is all that a replay publishes on one subject.
type difference struct {
	frame   events.Metered // without spans
	retract map[string]events.Span
	close   map[string]events.Span
	now     events.Metered // what runs and is held
}

// NewComparer returns the comparer of METERED for one replay. logic is that of the projector that
// derives, with its settings: stage.Config.Logic.
func NewComparer(logic string) stage.Comparer {
	return &comparer{
		logic: logic, months: map[origin]*months{}, seed: maphash.MakeSeed(),
		spans: map[string]sides{}, subjects: map[string]sides{}, differs: map[string]*difference{},
	}
}

func (r *comparer) monthsOf(source, name string) *months {
	key := origin{source, name}
	if r.months[key] == nil {
		r.months[key] = &months{}
	}
	return r.months[key]
}

// horizon takes a horizon, in JSON.
func (r *comparer) horizon(text []byte, derived bool) error {
	var h events.Horizon
	if err := h.DecodeJSON(text); err != nil {
		return err
	}
	m := r.monthsOf(h.Source, h.Foundation)
	if derived {
		m.derived = h.Time
	} else {
		m.stored = h.Time
	}
	return nil
}

// Derived implements stage.Comparer.
func (r *comparer) Derived(out *stage.Output) error {
	if out.Type == events.TypeHorizon && !r.closer {
		r.text = out.Body.AppendJSON(r.text[:0])
		return r.horizon(r.text, true)
	}
	if out.Type != events.TypeMetered {
		return nil
	}
	if m, ok := out.Body.(*events.Metered); ok {
		r.take(out.Subject, m, true)
		return nil
	}
	r.text = out.Body.AppendJSON(r.text[:0])
	if err := r.decoded.DecodeJSON(r.text); err != nil {
		return err
	}
	r.take(out.Subject, &r.decoded, true)
	return nil
}

// Stored implements stage.Comparer.
func (r *comparer) Stored(in *bus.Stored) error {
	var err error
	switch in.Header(events.HeaderType) {
	case events.TypeMetered:
		if err = r.decoded.DecodeJSON(in.Data); err != nil {
			break
		}
		r.take(in.Subject, &r.decoded, false)
		if m := &r.decoded; m.Correction != "" {
			known := r.monthsOf(m.Source, m.Foundation)
			known.open = max(known.open, m.Correction)
		}
	case events.TypeHorizon:
		err = r.horizon(in.Data, false)
	}
	if err != nil {
		return fmt.Errorf("cannot be read: %w. Remove it (nats stream rmm %s %d) and run the replay again", err,
			events.StreamMetered, in.Sequence)
	}
	if logic := in.Header(stage.HeaderLogic); logic != "" { // that of the batch which ends here
		for _, m := range r.months {
			m.close(m.stored, logic)
		}
	}
	return nil
}

func (r *comparer) take(subject string, m *events.Metered, derived bool) {
	if r.closer {
		r.look(subject, m, derived)
		return
	}
	for i := range m.Retracted {
		r.set(r.spans, m.Retracted[i].ID, 0, derived)
	}
	for i := range m.Closed {
		r.set(r.spans, m.Closed[i].ID, r.digest(subject, &events.Metered{Closed: m.Closed[i : i+1]}), derived)
	}
	var state uint64
	if len(m.Running)+len(m.Held) > 0 || m.RunningOmitted+m.HeldOmitted > 0 {
		state = r.digest(subject, present(m))
	}
	r.set(r.subjects, subject, state, derived)
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

func (r *comparer) set(of map[string]sides, key string, digest uint64, derived bool) {
	s := of[key]
	if derived {
		s.derived = digest
	} else {
		s.stored = digest
	}
	if s == (sides{}) {
		delete(of, key)
		return
	}
	of[key] = s
}

// Compare implements stage.Comparer. The second round looks at the spans and subjects that differ.
func (r *comparer) Compare() (again bool, err error) {
	if r.closer {
		return false, nil
	}
	same := func(_ string, s sides) bool { return s.stored == s.derived }
	maps.DeleteFunc(r.spans, same)
	maps.DeleteFunc(r.subjects, same)
	r.closer = true
	return len(r.spans)+len(r.subjects) > 0, nil
}

// look takes a message of the second round.
func (r *comparer) look(subject string, m *events.Metered, derived bool) {
	_, state := r.subjects[subject]
	c := r.differs[subject]
	for i := range m.Closed {
		s := m.Closed[i]
		sides, differs := r.spans[s.ID]
		if !differs || derived && sides.derived == 0 || !derived && sides.stored == 0 {
			continue
		}
		c = r.on(subject, m)
		s.Evidence = slices.Clone(s.Evidence)
		if derived {
			c.close[s.ID] = s
		} else {
			c.retract[s.ID] = s
		}
	}
	if state {
		c = r.on(subject, m)
	}
	if derived && c != nil {
		c.now = *present(m)
		c.now.Running, c.now.Held = cloneSpans(m.Running), slices.Clone(m.Held)
	}
}

func cloneSpans(list []events.Span) []events.Span {
	list = slices.Clone(list)
	for i := range list {
		list[i].Evidence = slices.Clone(list[i].Evidence)
	}
	return list
}

func (r *comparer) on(subject string, m *events.Metered) *difference {
	c := r.differs[subject]
	if c == nil {
		c = &difference{
			frame: events.Metered{
				Source: m.Source, Foundation: m.Foundation, Tenant: m.Tenant, Kind: m.Kind,
				Resource: m.Resource,
			},
			retract: map[string]events.Span{}, close: map[string]events.Span{},
		}
		r.differs[subject] = c
	}
	return c
}

// Difference implements stage.Comparer.
func (r *comparer) Difference(cause events.Cause, at time.Time, emit func(stage.Output)) (back, anew int, err error) {
	for _, subject := range slices.Sorted(maps.Keys(r.differs)) {
		c := r.differs[subject]
		_, state := r.subjects[subject]
		if !state && len(c.retract)+len(c.close) == 0 {
			continue
		}
		retract, closing := sortedSpans(c.retract), sortedSpans(c.close)
		correction := r.correction(c)
		back, anew = back+len(retract), anew+len(closing)
		for part := 0; part == 0 || len(retract)+len(closing) > 0; part++ {
			m := c.now
			m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource = c.frame.Source, c.frame.Foundation, c.frame.Tenant,
				c.frame.Kind, c.frame.Resource
			m.ID = events.ID("metered", cause.ID, subject, strconv.Itoa(part))
			m.Cause, m.Correction = cause, correction
			n := min(len(retract), maxSpans)
			m.Retracted, retract = retract[:n], retract[n:]
			n = 0
			if len(retract) == 0 { // all of a subject is taken back before anything is published anew
				n = min(len(closing), maxSpans-len(m.Retracted))
			}
			m.Closed, closing = closing[:n], closing[n:]
			emit(stage.Output{Subject: subject, Type: events.TypeMetered, ID: m.ID, Time: at, Body: &m})
		}
	}
	return back, anew, nil
}

// correction is the first month that is open where a change concerns one that is closed, by what is
// stored or by what is derived; else it is empty.
func (r *comparer) correction(c *difference) string {
	m := r.monthsOf(c.frame.Source, c.frame.Foundation)
	m.close(m.derived, r.logic)
	for _, spans := range []map[string]events.Span{c.retract, c.close} {
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
