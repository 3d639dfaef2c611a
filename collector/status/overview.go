package status

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Limits of the lists in an Overview: the newest are kept.
const (
	maxGaps       = 20
	maxUnreadable = 5
)

// Overview is everything known about one collector: from itself, and from the streams.
type Overview struct {
	Status
	// Silent is set when only the streams tell of it: a file, or a collector without a status.
	Silent bool `json:"silent,omitempty"`
	// Retired is set when the collector, or with Ended its foundation, is retired and has told
	// nothing since.
	Retired bool      `json:"retired,omitempty"`
	Ended   time.Time `json:"ended,omitzero"` // when a retired foundation ended
	// MeteredThrough is how far the projector has come with the source, as the bill shows it.
	MeteredThrough time.Time `json:"metered_through,omitzero"`
	Gaps           []Gap     `json:"gaps"`
	// GapsOmitted counts older gaps.
	GapsOmitted int `json:"gaps_omitted,omitempty"`
	// Unreadable has the newest messages of USAGE without a meaning to the projector. They are on
	// no bill.
	Unreadable        []string `json:"unreadable,omitempty"`
	UnreadableOmitted int      `json:"unreadable_omitted,omitempty"`
	// Quarantined is how many inputs have no last word, those of an unknown source included.
	Quarantined int `json:"quarantined,omitempty"`
}

// Gap is a stretch of time with facts missing; From is zero for the beginning of time.
type Gap struct {
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
	List     string    `json:"list,omitempty"`
	Reason   string    `json:"reason"`
	Sequence uint64    `json:"sequence"` // in USAGE
}

// Bus is Gather's need of the bus.
type Bus interface {
	Reader
	// Each gives the messages of a stream in order, as bus.Each does.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(m *bus.Stored) error) (last uint64, err error)
	// Latest gives the last message of each subject, as bus.Latest does.
	Latest(ctx context.Context, stream string, filters []string, yield func(m *bus.Stored) error) error
}

// Gather puts the collectors' statuses together with the horizons and gaps of USAGE and the
// unreadable messages reported in METERED, for one foundation, or for all where it is empty. now is
// the end of all ages. With an error Gather returns the part of the answer before it. A message of
// somebody else's among Daybook's is in the error and hides no other.
func Gather(ctx context.Context, b Bus, foundation string, now time.Time) ([]*Overview, error) {
	g := gathering{foundation: foundation, told: map[place]uint64{}}
	statuses, unread := Read(ctx, b)
	for i := range statuses {
		if s := statuses[i]; foundation == "" || s.Foundation == foundation {
			s.age(now)
			g.all = append(g.all, &Overview{Status: s, Gaps: []Gap{}})
		}
	}
	var err error
	for _, gather := range []func(context.Context, Bus) error{
		g.horizons, g.metered, g.retirements, g.gaps, g.unreadable, g.quarantined,
	} {
		if err = gather(ctx, b); err != nil {
			break
		}
	}
	if errors.Is(err, bus.ErrNotFound) {
		err = nil // no streams yet
	}
	return g.all, errors.Join(err, errors.Join(append([]error{unread}, g.foreign...)...))
}

// gathering is one call of Gather.
type gathering struct {
	foundation string
	all        []*Overview
	told       map[place]uint64 // sequence of the last horizon
	foreign    []error          // the first messages of somebody else's
}

// place is a source of a foundation.
type place struct{ source, foundation string }

// of finds the overview of a foundation, the first where it has several collectors, and makes one
// for want of any.
func (g *gathering) of(source, foundation string) *Overview {
	for _, o := range g.all {
		if o.Foundation == foundation && (o.Source == source || source == collector.SourceUnknown) {
			return o
		}
	}
	o := &Overview{Status: Status{Source: source, Foundation: foundation}, Silent: true, Gaps: []Gap{}}
	g.all = append(g.all, o)
	return o
}

func (g *gathering) unread(stream string, m *bus.Stored, err error) {
	if len(g.foreign) < maxUnreadable {
		g.foreign = append(g.foreign, fmt.Errorf("message %d of %s (%s) cannot be read: %w", m.Sequence, stream,
			m.Subject, err))
	}
}

func (g *gathering) horizons(ctx context.Context, b Bus) error {
	return b.Latest(ctx, events.StreamUsage, []string{events.UsageHorizonFilter(g.foundation)},
		func(m *bus.Stored) error {
			var h events.Horizon
			if err := h.DecodeJSON(m.Data); err != nil {
				g.unread(events.StreamUsage, m, err)
				return nil
			}
			g.told[place{h.Source, h.Foundation}] = m.Sequence
			if o := g.of(h.Source, h.Foundation); o.Silent {
				o.Horizon = h.Time
			}
			return nil
		})
}

// metered reads how far the projector has come.
func (g *gathering) metered(ctx context.Context, b Bus) error {
	err := b.Latest(ctx, events.StreamMetered, []string{events.MeteredHorizonFilter(g.foundation)},
		func(m *bus.Stored) error {
			var h events.Horizon
			if err := h.DecodeJSON(m.Data); err != nil {
				g.unread(events.StreamMetered, m, err)
				return nil
			}
			g.of(h.Source, h.Foundation)
			for _, o := range g.all {
				if o.Source == h.Source && o.Foundation == h.Foundation {
					o.MeteredThrough = h.Time
				}
			}
			return nil
		})
	if errors.Is(err, bus.ErrNotFound) {
		return nil // no projector has worked yet
	}
	return err
}

// retirements marks retired collectors. An end of a foundation holds until its next horizon, and
// the retirement of one of several collectors until it tells of itself again.
func (g *gathering) retirements(ctx context.Context, b Bus) error {
	return acts.List(ctx, b, events.ActRetirement, g.foundation, func(a *acts.Act) error {
		ended := a.Retirement.At
		for _, o := range g.all {
			switch {
			case o.Source != a.Source || o.Foundation != a.Foundation:
			case !ended.IsZero() && a.Sequence > g.told[place{a.Source, a.Foundation}]:
				o.Retired, o.Ended, o.Problem = true, ended, ""
			case ended.IsZero() && o.Collector == a.Retirement.Collector && !o.Updated.After(a.Time):
				o.Retired, o.Problem = true, ""
			}
		}
		return nil
	})
}

func (g *gathering) gaps(ctx context.Context, b Bus) error {
	options := bus.ReadOptions{Filters: []string{events.UsageGapFilter(g.foundation)}}
	_, err := b.Each(ctx, events.StreamUsage, 1, bus.End, options, func(m *bus.Stored) error {
		var gap events.Gap
		if err := gap.DecodeJSON(m.Data); err != nil {
			g.unread(events.StreamUsage, m, err)
			return nil
		}
		o := g.of(gap.Source, gap.Foundation)
		o.Gaps = append(o.Gaps, Gap{gap.From, gap.To, gap.List, gap.Reason, m.Sequence})
		if len(o.Gaps) > maxGaps {
			o.Gaps, o.GapsOmitted = o.Gaps[1:], o.GapsOmitted+1
		}
		return nil
	})
	return err
}

func (g *gathering) unreadable(ctx context.Context, b Bus) error {
	options := bus.ReadOptions{Filters: []string{events.MeteredAnomalyFilter(g.foundation)}}
	_, err := b.Each(ctx, events.StreamMetered, 1, bus.End, options, func(m *bus.Stored) error {
		var a events.AnomalyNotice
		if err := a.DecodeJSON(m.Data); err != nil {
			g.unread(events.StreamMetered, m, err)
			return nil
		}
		if a.Anomaly.Code == events.AnomalyUnreadable {
			o := g.of(a.Source, a.Foundation)
			o.Unreadable = append(o.Unreadable, a.Anomaly.Message)
			if len(o.Unreadable) > maxUnreadable {
				o.Unreadable, o.UnreadableOmitted = o.Unreadable[1:], o.UnreadableOmitted+1
			}
		}
		return nil
	})
	return err
}

func (g *gathering) quarantined(ctx context.Context, b Bus) error {
	board := quarantine.NewBoard(quarantine.Filter{Foundation: g.foundation})
	if err := board.Look(ctx, b); err != nil {
		return err
	}
	counts := board.Counts()
	for _, place := range slices.SortedFunc(maps.Keys(counts), func(a, b quarantine.Filter) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Foundation, b.Foundation))
	}) {
		if counts[place] > 0 {
			g.of(place.Source, place.Foundation).Quarantined += counts[place]
		}
	}
	return nil
}

// quiet is the silence of a collector worth mentioning; a collector with a slow schedule has
// three polls.
const quiet = 15 * time.Minute

// age brings a status up to date: a stopped collector falls behind without a new status.
func (s *Status) age(now time.Time) {
	silence := now.Sub(s.Updated)
	if silence < 0 {
		return
	}
	s.LagSeconds += int64(silence / time.Second)
	if s.Problem == "" && silence > max(quiet, 3*time.Duration(s.ScheduleSeconds)*time.Second) {
		s.Problem = "has told nothing since " + events.FormatTime(s.Updated.Truncate(time.Second)) + ": is it running?"
	}
}
