package cf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// mark is a place in the API's order: an event that was seen there.
type mark struct {
	guid     string // empty for the head of the table
	created  time.Time
	sequence uint64 // in USAGE; 0 when it is not there
	reseeded bool   // its guid is that of the resource, so that it may come again as another event
}

func (m *mark) is(r *cfapi.Event) bool { return m.guid == r.GUID && m.created.Equal(r.Created) }

// stored is one fact of a list in USAGE.
type stored struct {
	mark
	text    string // the fact's id
	id      appender.Key
	late    bool // placed by what it follows; listed facts are too
	listed  bool
	problem error // why the fact cannot be a cursor
}

// factFilters match the facts of a list.
func factFilters(foundation, list string) []string {
	kinds := []string{events.KindApp, events.KindTask, events.KindStaging}
	if list == events.ListService {
		kinds = []string{events.KindService}
	}
	filters := make([]string, len(kinds))
	for i, kind := range kinds {
		filters[i] = events.UsageKindFilter(events.SourceCF, foundation, kind)
	}
	return filters
}

// decoder reads facts out of USAGE.
type decoder struct{ u events.Usage }

func (d *decoder) stored(m *bus.Stored) (stored, error) {
	id := m.Header(events.HeaderID)
	s := stored{text: id, id: appender.KeyOf(id)}
	if m.Header(events.HeaderType) != events.TypeUsage {
		s.problem = errors.New("it is no fact")
		return s, nil
	}
	if err := d.u.DecodeJSON(m.Data); err != nil {
		return s, fmt.Errorf("message %d of %s cannot be read: %w", m.Sequence, events.StreamUsage, err)
	}
	doc := jsondoc.Borrow()
	defer doc.Return()
	guid := ""
	if err := doc.Parse(d.u.Raw); err == nil {
		guid = doc.Root().Get("guid").Text()
	}
	s.mark = mark{guid: guid, created: d.u.Time, sequence: m.Sequence, reseeded: guid == d.u.Resource}
	s.late = d.u.AfterSequence > 0 || d.u.AfterGUID != ""
	s.listed = !d.u.Listed.IsZero()
	if guid == "" {
		s.problem = errors.New("its event has no guid")
	}
	return s, nil
}

// load reads where the foundation stands, from USAGE alone: all of it, or the list alone that has
// lost track, up to where the writer knows USAGE.
func (f *foundation) load(ctx context.Context) error {
	last := f.writer.seen()
	if !f.loaded {
		f.quarantine.begin()
		var err error
		if last, err = lastSequence(ctx, f.store, events.StreamUsage, events.UsageFilter(events.SourceCF,
			f.Name)); err != nil {
			return err
		}
	}
	for _, l := range f.lists {
		if f.loaded && l.loaded {
			continue
		}
		if err := l.load(ctx, last); err != nil {
			return fmt.Errorf("reading where the %s events of foundation %q stand: %w", l.name, f.Name, err)
		}
		l.loaded = true
	}
	if f.loaded {
		return nil
	}
	said, complete, err := f.lastHorizon(ctx, last)
	if err != nil {
		return fmt.Errorf("reading the horizon of foundation %q: %w", f.Name, err)
	}
	f.mu.Lock()
	f.said, f.complete = said, complete
	f.mu.Unlock()
	f.writer.begin(last)
	f.loaded = true
	return nil
}

// lastHorizon is the horizon that this collector published last, and the newest that was published
// since then by any: where the lists stand in USAGE is common to all, whatever their names. What a
// retired collector said last counts for none.
func (f *foundation) lastHorizon(ctx context.Context, last uint64) (said, newest time.Time, err error) {
	subject := events.UsageHorizonSubject(events.SourceCF, f.Name)
	end, err := lastSequence(ctx, f.store, events.StreamUsage, subject)
	if err != nil {
		return said, newest, err
	}
	err = backwards(ctx, f.store, events.StreamUsage, []string{subject},
		min(end, last), func(m *bus.Stored) (h events.Horizon, err error) {
			if err = h.DecodeJSON(m.Data); err != nil {
				err = fmt.Errorf("message %d of %s cannot be read: %w", m.Sequence, events.StreamUsage, err)
			}
			return h, err
		}, func(h events.Horizon) bool {
			if h.Retired {
				return false
			}
			if h.Time.After(newest) {
				newest = h.Time
			}
			if h.Collector != f.Collector {
				return false
			}
			said = h.Time
			return true
		})
	return said, newest, err
}

// load finds the cursor, the window before it, and the gap behind it.
func (l *list) load(ctx context.Context, last uint64) error {
	l.reset()
	filters := factFilters(l.f.Name, l.name)
	end := uint64(0)
	for _, filter := range filters {
		sequence, err := lastSequence(ctx, l.f.store, events.StreamUsage, filter)
		if err != nil {
			return err
		}
		end = max(end, min(sequence, last))
	}
	// What an earlier run may have overlooked: events that were committed late while it did not
	// run.
	reach := l.f.Overlap + l.f.OverlapEvery
	var all []stored
	var decode decoder
	whole := true
	err := backwards(ctx, l.f.store, events.StreamUsage, filters, end, decode.stored, func(s stored) bool {
		if s.problem != nil || s.listed {
			return false
		}
		if l.cursor == nil && !s.late {
			l.cursor, l.after = &s.mark, s.text
		}
		all = append(all, s)
		if l.cursor != nil && (len(all) >= MaxWindow || !s.late && s.created.Before(l.cursor.created.Add(-reach))) {
			whole = false
			return true
		}
		return false
	})
	if err != nil || l.cursor == nil {
		return err
	}
	slices.Reverse(all)
	if whole {
		l.window.start(all[0].sequence)
	}
	for i := range all {
		l.window.push(&all[i].mark, all[i].id, !all[i].late)
	}
	l.scanned = l.cursor.created.Add(-l.f.OverlapEvery)
	return l.loadGap(ctx, last)
}

// loadGap finds the newest gap of the list behind its cursor: it tells how far a rescan has come.
func (l *list) loadGap(ctx context.Context, last uint64) error {
	subject := events.UsageGapSubject(events.SourceCF, l.f.Name)
	return l.f.store.Scan(ctx, events.StreamUsage, Scan{
		Filters: []string{subject}, From: l.cursor.sequence + 1,
		To: last,
	}, func(m *bus.Stored) error {
		var g events.Gap
		if err := g.DecodeJSON(m.Data); err != nil {
			return fmt.Errorf("message %d of %s cannot be read: %w", m.Sequence, events.StreamUsage, err)
		}
		if g.List == l.name && g.Cursor == l.cursor.guid {
			at, err := events.ParseTime(m.Header(events.HeaderTime))
			if err != nil {
				return fmt.Errorf("message %d of %s: header %s: %w", m.Sequence, events.StreamUsage, events.HeaderTime,
					err)
			}
			l.gap = &openGap{Gap: g, said: at, sequence: m.Sequence}
		}
		return nil
	})
}

// openGap is a gap that was published, and no fact in order since.
type openGap struct {
	events.Gap
	said     time.Time // by the API's clock
	sequence uint64    // in USAGE; 0 before it is there
}

// window is what is known of the newest events of a list, in the API's order: enough to find what
// was committed late.
type window struct {
	order []mark                  // in order, oldest first; the first may be the head of the table
	ids   map[appender.Key]uint64 // sequence in USAGE of these and of late ones between them
	keys  []appender.Key          // of ids, oldest first
	times []time.Time             // of keys
}

// start begins a window at the head of the table, before the message with the sequence.
func (w *window) start(sequence uint64) {
	w.clear()
	w.order = append(w.order, mark{sequence: max(sequence, 2) - 1})
}

// clear forgets everything.
func (w *window) clear() { *w = window{ids: map[appender.Key]uint64{}} }

// push adds an event that was published; inOrder: behind all that are here.
func (w *window) push(m *mark, id appender.Key, inOrder bool) {
	if _, ok := w.ids[id]; !ok {
		w.keys, w.times = append(w.keys, id), append(w.times, m.created)
	}
	w.ids[id] = m.sequence
	if inOrder {
		w.order = append(w.order, *m)
	}
}

// forget drops what is older than the cutoff, but for the newest of these, which is where a re-scan
// begins.
func (w *window) forget(cutoff time.Time) {
	n := 0
	for n+1 < len(w.order) && (w.order[n+1].created.Before(cutoff) || len(w.order)-n > MaxWindow) {
		n++
	}
	w.order = cutFront(w.order, n)
	// Late ones stand among their neighbours by when they were published, so that an id may stay a
	// little longer than its time.
	n = 0
	for n < len(w.keys) && (w.times[n].Before(cutoff) && w.ids[w.keys[n]] < w.oldest() || len(w.keys)-n > 2*MaxWindow) {
		delete(w.ids, w.keys[n])
		n++
	}
	w.keys, w.times = cutFront(w.keys, n), cutFront(w.times, n)
}

// keep leaves, of the events that a re-scan may begin at, those that are listed, and the head of
// the table; the cursor is the last.
func (w *window) keep(listed map[uint64]struct{}, cursor *mark) {
	w.order = slices.DeleteFunc(w.order, func(m mark) bool {
		_, ok := listed[m.sequence]
		return !ok && m.guid != ""
	})
	if n := len(w.order); n == 0 || w.order[n-1].sequence < cursor.sequence {
		w.order = append(w.order, *cursor)
	}
}

func (w *window) oldest() uint64 {
	if len(w.order) == 0 {
		return 0
	}
	return w.order[0].sequence
}

// cutFront drops the first n; the array is left behind when most of it is unused, so that appending
// does not grow it for ever.
func cutFront[T any](s []T, n int) []T {
	if n == 0 {
		return s
	}
	if rest := s[n:]; len(rest) > cap(s)/4 {
		return rest
	}
	return slices.Clone(s[n:])
}

// anchor is where a re-scan that is to cover everything from the cutoff on begins.
func (w *window) anchor(cutoff time.Time) (mark, bool) {
	if len(w.order) == 0 {
		return mark{}, false
	}
	i := 0
	for i+1 < len(w.order) && w.order[i+1].created.Before(cutoff) {
		i++
	}
	return w.order[i], true
}
