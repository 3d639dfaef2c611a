package quarantine

import (
	"context"
	"maps"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Board knows which inputs count as quarantined: those of QUARANTINE without a last word. It keeps
// 17 bytes of each input, and the last words. It is for one goroutine.
type Board struct {
	filter            Filter
	quarantine, usage uint64 // the last messages that were read
	seen              map[appender.Key]bool
	words             map[appender.Key]Word
	counts            map[Filter]int // by source and foundation
}

// Word is the last word on an input.
type Word struct {
	Outcome string // Stored, Known, Ignored, or "discarded"
	By      string // the person
	Note    string // the reason
	Time    time.Time
}

// NewBoard returns a board of the selected inputs, before its first Look.
func NewBoard(f Filter) *Board {
	return &Board{
		filter: f, seen: map[appender.Key]bool{}, words: map[appender.Key]Word{}, counts: map[Filter]int{},
	}
}

func keyOf(source, foundation, id string) appender.Key {
	return appender.KeyOf(source + "/" + foundation + "/" + id)
}

// Look reads what was added to the streams since the last Look.
func (b *Board) Look(ctx context.Context, r Streams) error {
	last, err := r.Each(ctx, events.StreamQuarantine, b.quarantine+1, bus.End, bus.ReadOptions{},
		func(m *bus.Stored) error {
			if m.Header(events.HeaderType) == events.TypeAct {
				b.word(m)
				return nil
			}
			e := read(m)
			b.input(&e)
			return nil
		})
	if err != nil {
		return err
	}
	b.quarantine = max(b.quarantine, last)
	options := bus.ReadOptions{Filters: []string{events.ActFilter(events.ActDiscard, b.filter.Foundation)}}
	last, err = r.Each(ctx, events.StreamUsage, b.usage+1, bus.End, options, func(m *bus.Stored) error {
		b.word(m)
		return nil
	})
	b.usage = max(b.usage, last)
	return err
}

func (b *Board) input(e *Entry) {
	key := keyOf(e.Source, e.Foundation, e.ID)
	if b.seen[key] || !b.filter.has(e.Source, e.Foundation) {
		return
	}
	b.seen[key] = true
	place := Filter{e.Source, e.Foundation}
	b.counts[place] += 0 // the place is known from here on
	if _, settled := b.words[key]; !settled {
		b.counts[place]++
	}
}

// word takes an act. Messages of somebody else's are none.
func (b *Board) word(m *bus.Stored) {
	var a events.Act
	if m.Header(events.HeaderType) != events.TypeAct || a.DecodeJSON(m.Data) != nil ||
		m.Subject != wordSubject(&a) || !b.filter.has(a.Source, a.Foundation) {
		return
	}
	key := keyOf(a.Source, a.Foundation, a.Input.ID)
	if _, settled := b.words[key]; settled {
		return // the first one counts
	}
	b.words[key] = Word{a.Input.Outcome, a.By, a.Note, a.Time}
	if b.seen[key] {
		b.counts[Filter{a.Source, a.Foundation}]--
	}
}

// wordSubject is where an act about an input belongs.
func wordSubject(a *events.Act) string {
	if a.Kind == events.ActResubmission {
		return events.SettledSubject(a.Source, a.Foundation)
	}
	return events.ActSubject(events.ActDiscard, a.Source, a.Foundation)
}

// Word returns the last word on an entry; false where it counts as quarantined.
func (b *Board) Word(e *Entry) (Word, bool) {
	w, settled := b.words[keyOf(e.Source, e.Foundation, e.ID)]
	return w, settled
}

// Counts are the numbers of quarantined inputs by source and foundation: 0 where all have a last
// word.
func (b *Board) Counts() map[Filter]int { return maps.Clone(b.counts) }

// Total is the number of quarantined inputs.
func (b *Board) Total() int {
	total := 0
	for _, n := range b.counts {
		total += n
	}
	return total
}

// Count is the number of quarantined inputs at this moment.
func Count(ctx context.Context, r Streams) (int, error) {
	b := NewBoard(Filter{})
	err := b.Look(ctx, r)
	return b.Total(), err
}
