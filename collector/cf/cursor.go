package cf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/collector/cf/usageevent"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// entry is an event at its place in the API's order.
type entry struct {
	guid     string // empty for the head of the table
	created  time.Time
	sequence uint64 // in USAGE; 0 when it is not there
	reseeded bool   // its guid is the resource's: it may come again as another event
}

func entryOf(e *cfapi.Event) *entry { return &entry{guid: e.GUID, created: e.Created} }

func (x *entry) is(e *cfapi.Event) bool { return x.guid == e.GUID && x.created.Equal(e.Created) }

// openGap is a published gap, with no fact in order behind it.
type openGap struct {
	events.Gap
	sequence uint64 // in USAGE; 0 before it is there
}

// cursor is the state of a list in USAGE. It is made when the state is read, follows each stored
// batch, and is thrown away when USAGE may hold something else. It belongs to the goroutine of the
// list's poll.
type cursor struct {
	last   *entry // the last event in order; nil before the first
	lastID string // of the fact of last, when the state was read
	// gap was published by a rescan, and no fact in order has followed it.
	gap    *openGap
	window window
	// known has the facts of the list, as far back as the table goes: nil but for a rescan, and
	// until the walk after it has reached the end.
	known   map[appender.Key]uint64
	scanned time.Time // of the last overlap, by the API's clock
}

func newCursor() *cursor {
	c := &cursor{}
	c.window.clear()
	return c
}

// has reports whether USAGE has a fact.
func (c *cursor) has(k appender.Key) bool {
	_, ok := c.sequence(k)
	return ok
}

// sequence is the sequence of a fact in USAGE.
func (c *cursor) sequence(k appender.Key) (uint64, bool) {
	if sequence, ok := c.window.ids[k]; ok {
		return sequence, true
	}
	sequence, ok := c.known[k]
	return sequence, ok
}

// follow moves the cursor behind a stored fact.
func (c *cursor) follow(x *published) {
	if c.known != nil {
		c.known[x.id] = x.entry.sequence
	}
	switch x.order {
	case behindAll:
		if len(c.window.order) == 0 {
			c.window.start(x.entry.sequence)
		}
		c.window.push(&x.entry, x.id, true)
		last := x.entry
		c.last, c.gap = &last, nil
	case behindKnown:
		c.window.push(&x.entry, x.id, false)
	case stillListed:
	}
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

// stored is one fact of a list in USAGE.
type stored struct {
	entry
	text    string // the fact's id
	id      appender.Key
	late    bool // stands behind the fact with AfterSequence; listed facts do, too
	listed  bool
	problem error // why the fact cannot be a cursor
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
		return s, unreadableMessage(m, err)
	}
	guid := usageevent.GUID(d.u.Raw)
	s.entry = entry{guid: guid, created: d.u.Time, sequence: m.Sequence, reseeded: guid == d.u.Resource}
	s.late = d.u.AfterSequence > 0 || d.u.AfterGUID != ""
	s.listed = !d.u.Listed.IsZero()
	if guid == "" {
		s.problem = errors.New("its event has no guid")
	}
	return s, nil
}

func unreadableMessage(m *bus.Stored, err error) error {
	return fmt.Errorf("message %d of %s cannot be read: %w", m.Sequence, events.StreamUsage, err)
}

// loadCursor reads the state of a list from USAGE, up to a sequence: the last event, the window
// before it, and the gap behind it.
func loadCursor(ctx context.Context, f *poller, list string, upTo uint64) (*cursor, error) {
	c := newCursor()
	filters := factFilters(f.Name, list)
	end := uint64(0)
	for _, filter := range filters {
		sequence, err := lastSequence(ctx, f.store, events.StreamUsage, filter)
		if err != nil {
			return c, err
		}
		end = max(end, min(sequence, upTo))
	}
	// An earlier run may have overlooked late commits in the time before the last event.
	reach := f.Overlap + f.OverlapEvery
	var all []stored
	var decode decoder
	whole := true
	err := backwards(ctx, f.store, events.StreamUsage, filters, end, decode.stored, func(s stored) bool {
		if s.problem != nil || s.listed {
			return false
		}
		if c.last == nil && !s.late {
			c.last, c.lastID = &s.entry, s.text
		}
		all = append(all, s)
		if c.last != nil && (len(all) >= MaxWindow || !s.late && s.created.Before(c.last.created.Add(-reach))) {
			whole = false
			return true
		}
		return false
	})
	if err != nil || c.last == nil {
		return c, err
	}
	slices.Reverse(all)
	if whole {
		c.window.start(all[0].sequence)
	}
	for i := range all {
		c.window.push(&all[i].entry, all[i].id, !all[i].late)
	}
	c.scanned = c.last.created.Add(-f.OverlapEvery)
	return c, c.loadGap(ctx, f, list, upTo)
}

// loadGap finds the newest gap of the list behind its last event: it tells how far a rescan has
// come.
func (c *cursor) loadGap(ctx context.Context, f *poller, list string, upTo uint64) error {
	scan := Scan{
		Filters: []string{events.UsageGapSubject(events.SourceCF, f.Name)}, From: c.last.sequence + 1, To: upTo,
	}
	return f.store.Scan(ctx, events.StreamUsage, scan, func(m *bus.Stored) error {
		var g events.Gap
		if err := g.DecodeJSON(m.Data); err != nil {
			return unreadableMessage(m, err)
		}
		if g.List == list && g.Cursor == c.last.guid {
			c.gap = &openGap{Gap: g, sequence: m.Sequence}
		}
		return nil
	})
}
