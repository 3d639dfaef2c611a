package print

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// Status prints a block of lines for each collector; now is the end of every "ago".
func Status(w io.Writer, all []*status.Overview, now time.Time) error {
	for i, o := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := Table(w, statusRows(o, now)); err != nil {
			return err
		}
	}
	return nil
}

// Foundations prints how far foundations are metered and charged.
func Foundations(w io.Writer, all []answer.FoundationState, asJSON bool) error {
	out := newList(w, asJSON, "SOURCE", "FOUNDATION", "METERED THROUGH", "CHARGED THROUGH", "ENDED")
	for i := range all {
		f := &all[i]
		if err := out.add(f, f.Source, f.Foundation, orNever(f.MeteredThrough), orNever(f.ChargedThrough),
			f.Ended); err != nil {
			return err
		}
	}
	return out.end()
}

// Platforms prints whether METERED agrees with the sums of platforms.
func Platforms(w io.Writer, all []ledger.Comparison, asJSON bool) error {
	if !asJSON {
		Comparisons(w, all)
		return nil
	}
	for i := range all {
		if err := JSON(w, struct {
			Platform *ledger.Comparison `json:"platform"`
		}{&all[i]}); err != nil {
			return err
		}
	}
	return nil
}

// statusRows are the lines of one collector, a name and a value each.
func statusRows(o *status.Overview, now time.Time) [][]string {
	title := o.Foundation
	if o.Collector != "" {
		title += " (" + o.Collector + ")"
	}
	rows := [][]string{{o.Source, title}}
	add := func(name, value string) { rows = append(rows, []string{"  " + name, value}) }
	switch {
	case !o.Ended.IsZero():
		add("state", "retired: the foundation ended at "+events.FormatTime(o.Ended))
	case o.Retired:
		add("state", "retired")
	case o.Silent:
		add("state", "no collector has told how it is doing")
	case o.Problem != "":
		add("state", o.Problem)
	default:
		add("state", "collecting")
	}
	add("horizon", orNever(Time(o.Horizon)))
	add("metered through", orNever(Time(o.MeteredThrough)))
	if !o.Silent && !o.Retired {
		lag := "unknown"
		if !o.Horizon.IsZero() {
			lag = (time.Duration(o.LagSeconds) * time.Second).String()
		}
		add("lag", lag)
		add("last poll", ago(o.LastPoll, now))
		add("told", ago(o.Updated, now))
	}
	for _, l := range o.Lists {
		cursor := "nothing collected"
		if l.CursorGUID != "" {
			cursor = l.CursorGUID + " of " + events.FormatTime(l.CursorTime)
		}
		add(l.Name+" cursor", cursor)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Details)) {
		add(name, o.Details[name])
	}
	if o.LastError != "" {
		add("last error", ago(o.LastErrorTime, now)+": "+o.LastError)
	}
	return append(rows, losses(o)...)
}

// losses are the lines about gaps and unreadable messages.
func losses(o *status.Overview) (rows [][]string) {
	add := func(name, value string) { rows = append(rows, []string{"  " + name, value}) }
	if n := len(o.Gaps) + o.GapsOmitted; n > 0 {
		add("gaps", strconv.Itoa(n))
	}
	for _, g := range o.Gaps {
		from := "the beginning"
		if !g.From.IsZero() {
			from = events.FormatTime(g.From)
		}
		add("gap "+g.List, from+" to "+Time(g.To)+": "+g.Reason)
	}
	if o.Quarantined > 0 {
		add("quarantined", strconv.Itoa(o.Quarantined)+" inputs; daybook quarantine list shows them")
	}
	if n := len(o.Unreadable) + o.UnreadableOmitted; n > 0 {
		add("not metered", strconv.Itoa(n)+" messages of "+events.StreamUsage+" that are no facts")
	}
	for _, text := range o.Unreadable {
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
