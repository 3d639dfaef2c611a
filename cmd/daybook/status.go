package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

type statusCmd struct {
	natsFlags
	Foundation string `help:"Only this foundation."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// maxGaps and maxUnreadable are how many gaps and unreadable messages of a foundation are listed,
// the newest.
const (
	maxGaps       = 20
	maxUnreadable = 5
)

// foundationStatus is what is known of one collector: from itself, and from USAGE.
type foundationStatus struct {
	status.Status
	// Silent is set when only USAGE tells of it: a file, or a collector that never told.
	Silent bool        `json:"silent,omitempty"`
	Gaps   []gapStatus `json:"gaps"`
	// GapsOmitted counts older gaps.
	GapsOmitted int `json:"gaps_omitted,omitempty"`
	// Unreadable are the messages of USAGE that the projector could not read, the newest: what they
	// say is on no bill.
	Unreadable        []string `json:"unreadable,omitempty"`
	UnreadableOmitted int      `json:"unreadable_omitted,omitempty"`
}

type gapStatus struct {
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
	List     string    `json:"list,omitempty"`
	Reason   string    `json:"reason"`
	Sequence uint64    `json:"sequence"` // in USAGE
}

// Run prints how the collectors are doing.
func (c *statusCmd) Run(e *env) error {
	b, err := c.open(e.ctx, "status", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	all, err := c.gather(e.ctx, b)
	return errors.Join(c.print(e.stdout, all, err == nil), err) // what is known is shown first
}

func (c *statusCmd) print(w io.Writer, all []*foundationStatus, complete bool) error {
	if len(all) == 0 && complete && c.Format != "json" {
		_, err := fmt.Fprintln(w, "Nothing has been collected yet.")
		return err
	}
	for i, f := range all {
		if c.Format == "json" {
			if err := printJSON(w, f); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := printTable(w, f.rows(time.Now())); err != nil {
			return err
		}
	}
	return nil
}

// gather puts together what the collectors say and what USAGE holds. What it could read is returned
// with an error, too.
func (c *statusCmd) gather(ctx context.Context, b *bus.Bus) ([]*foundationStatus, error) {
	told, unread := status.Read(ctx, b)
	var all []*foundationStatus
	now := time.Now()
	for _, s := range told {
		if c.Foundation == "" || s.Foundation == c.Foundation {
			aged(&s, now)
			all = append(all, &foundationStatus{Status: s, Gaps: []gapStatus{}})
		}
	}
	find := func(source, foundation string) *foundationStatus {
		for _, f := range all {
			if f.Source == source && f.Foundation == foundation {
				return f
			}
		}
		f := &foundationStatus{Status: status.Status{Source: source, Foundation: foundation}, Silent: true,
			Gaps: []gapStatus{}}
		all = append(all, f)
		return f
	}
	foreigners := 0
	foreign := func(stream string, m *bus.Stored, err error) { // somebody else's message hides no other
		if foreigners++; foreigners <= maxUnreadable {
			unread = errors.Join(unread, fmt.Errorf("message %d of %s (%s) cannot be read: %w", m.Sequence, stream,
				m.Subject, err))
		}
	}
	err := b.Latest(ctx, events.StreamUsage, []string{events.UsageHorizonFilter(c.Foundation)},
		func(m *bus.Stored) error {
			var h events.Horizon
			if err := h.DecodeJSON(m.Data); err != nil {
				foreign(events.StreamUsage, m, err)
				return nil
			}
			if f := find(h.Source, h.Foundation); f.Silent {
				f.Horizon = h.Time
			}
			return nil
		})
	if err == nil {
		_, err = b.Each(ctx, events.StreamUsage, 1, bus.End,
			bus.ReadOptions{Filters: []string{events.UsageGapFilter(c.Foundation)}}, func(m *bus.Stored) error {
				var g events.Gap
				if err := g.DecodeJSON(m.Data); err != nil {
					foreign(events.StreamUsage, m, err)
					return nil
				}
				f := find(g.Source, g.Foundation)
				f.Gaps = append(f.Gaps, gapStatus{g.From, g.To, g.List, g.Reason, m.Sequence})
				if len(f.Gaps) > maxGaps {
					f.Gaps, f.GapsOmitted = f.Gaps[1:], f.GapsOmitted+1
				}
				return nil
			})
	}
	if err == nil {
		anomalies := bus.ReadOptions{Filters: []string{events.MeteredAnomalyFilter(c.Foundation)}}
		_, err = b.Each(ctx, events.StreamMetered, 1, bus.End, anomalies, func(m *bus.Stored) error {
			var a events.AnomalyNotice
			if err := a.DecodeJSON(m.Data); err != nil {
				foreign(events.StreamMetered, m, err)
				return nil
			}
			if a.Anomaly.Code == events.AnomalyUnreadable {
				f := find(a.Source, a.Foundation)
				f.Unreadable = append(f.Unreadable, a.Anomaly.Message)
				if len(f.Unreadable) > maxUnreadable {
					f.Unreadable, f.UnreadableOmitted = f.Unreadable[1:], f.UnreadableOmitted+1
				}
			}
			return nil
		})
	}
	if errors.Is(err, bus.ErrNotFound) {
		err = nil // no streams yet
	}
	return all, errors.Join(err, unread)
}

// quiet is how long a collector may tell nothing before that is worth saying; one that polls seldom
// has three polls.
const quiet = 15 * time.Minute

// aged makes of what a collector told once what it means now: one that has stopped tells nothing
// more, and falls behind.
func aged(s *status.Status, now time.Time) {
	silence := now.Sub(s.Updated)
	if silence < 0 {
		return
	}
	s.LagSeconds += int64(silence / time.Second)
	if s.Problem == "" && silence > max(quiet, 3*time.Duration(s.ScheduleSeconds)*time.Second) {
		s.Problem = "has told nothing since " + events.FormatTime(s.Updated.Truncate(time.Second)) + ": is it running?"
	}
}

// rows are the lines that are printed, a name and a value each.
func (f *foundationStatus) rows(now time.Time) [][]string {
	title := f.Foundation
	if f.Collector != "" {
		title += " (" + f.Collector + ")"
	}
	rows := [][]string{{f.Source, title}}
	add := func(name, value string) { rows = append(rows, []string{"  " + name, value}) }
	switch {
	case f.Silent:
		add("state", "no collector has told how it is doing")
	case f.Problem != "":
		add("state", f.Problem)
	default:
		add("state", "collecting")
	}
	add("horizon", orNever(timeOrEmpty(f.Horizon)))
	if !f.Silent {
		lag := "unknown"
		if !f.Horizon.IsZero() {
			lag = (time.Duration(f.LagSeconds) * time.Second).String()
		}
		add("lag", lag)
		add("last poll", ago(f.LastPoll, now))
		add("told", ago(f.Updated, now))
	}
	for _, l := range f.Lists {
		cursor := "nothing collected"
		if l.CursorGUID != "" {
			cursor = l.CursorGUID + " of " + events.FormatTime(l.CursorTime)
		}
		add(l.Name+" cursor", cursor)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Details)) {
		add(name, f.Details[name])
	}
	if f.LastError != "" {
		add("last error", ago(f.LastErrorTime, now)+": "+f.LastError)
	}
	if n := len(f.Gaps) + f.GapsOmitted; n > 0 {
		add("gaps", strconv.Itoa(n))
	}
	for _, g := range f.Gaps {
		from := "the beginning"
		if !g.From.IsZero() {
			from = events.FormatTime(g.From)
		}
		add("gap "+g.List, from+" to "+timeOrEmpty(g.To)+": "+g.Reason)
	}
	if n := len(f.Unreadable) + f.UnreadableOmitted; n > 0 {
		add("not metered", strconv.Itoa(n)+" messages of "+events.StreamUsage+" that are no facts")
	}
	for _, text := range f.Unreadable {
		add("unreadable", text)
	}
	return rows
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return events.FormatTime(t.Truncate(time.Second)) + " (" + now.Sub(t).Truncate(time.Second).String() + " ago)"
}
