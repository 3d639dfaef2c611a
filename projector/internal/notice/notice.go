// Package notice makes the anomalies on METERED of no one resource.
package notice

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/limit"
	"github.com/daybook-billing/daybook/internal/stage"
)

// Undecided is the anomaly of a decision without a hold.
func Undecided(d *events.Act, sequence uint64) stage.Output {
	word := &d.Decision
	return refused(d, sequence, events.AnomalyUnknownHold, word.Resource, fmt.Sprintf("%q of hold %s of %s %s: there "+
		"is no such hold, or no such action. `daybook holds list` lists what is held", word.Action, word.Hold,
		word.Kind, word.Resource))
}

// RefusedMonth is the anomaly of an act about a month without an effect.
func RefusedMonth(a *events.Act, sequence uint64, reason error) stage.Output {
	return refused(a, sequence, events.AnomalyRefusedMonth, "", fmt.Sprintf("the %s by %s changes nothing: %v. "+
		"`daybook month list` lists the months", a.Kind, a.By, reason))
}

// UnknownPlan is the anomaly of a reversion that takes nothing back.
func UnknownPlan(a *events.Act, sequence uint64) stage.Output {
	return refused(a, sequence, events.AnomalyUnknownPlan, "", fmt.Sprintf("the reversion of plan %s by %s changes "+
		"nothing: there is no observation of it, or it is too old to be taken back", a.Observation.Plan, a.By))
}

// refused is the anomaly of an act without an effect.
func refused(a *events.Act, sequence uint64, code, resource, message string) stage.Output {
	return output(&events.AnomalyNotice{
		ID: events.ID("anomaly", a.ID, fmt.Sprint(sequence)), Source: a.Source, Foundation: a.Foundation,
		Cause:   events.Cause{ID: a.ID, Sequence: sequence, Event: a.Kind, Time: a.Time},
		Anomaly: events.Anomaly{Code: code, Resource: resource, Time: a.Time, Message: message},
	})
}

// output is the message of an anomaly of no resource.
func output(n *events.AnomalyNotice) stage.Output {
	return stage.Output{
		Subject: events.MeteredAnomalySubject(cmp.Or(n.Source, "all"), cmp.Or(n.Foundation, "all")),
		Type:    events.TypeAnomaly, ID: n.ID, Body: n,
	}
}

// LongLabel is the anomaly of a fact with cut labels.
func LongLabel(u *events.Usage, sequence uint64, labels []string) stage.Output {
	notice := events.AnomalyNotice{
		ID: events.ID("anomaly", u.ID, fmt.Sprint(sequence)), Source: u.Source, Foundation: u.Foundation,
		Cause: events.Cause{ID: u.ID, Sequence: sequence, Event: u.Event, Time: u.Time},
		Anomaly: events.Anomaly{
			Code: events.AnomalyLongLabel, Resource: u.Resource, Time: u.Time,
			Message: fmt.Sprintf("%s of %s %s: longer than %d bytes, and cut. Message %d of %s has the event as it was",
				strings.Join(labels, ", "), u.Kind, u.Resource, limit.MaxLabel, sequence, events.StreamUsage),
		},
	}
	return output(&notice)
}

// TooLong is the message of the anomaly in place of one too large for some server.
func TooLong(out *stage.Output, cause events.Cause, a events.Anomaly) stage.Output {
	source, foundation := originOf(out.Subject)
	notice := events.AnomalyNotice{
		ID: events.ID("anomaly", out.ID), Source: source, Foundation: foundation, Cause: cause, Anomaly: a,
	}
	return output(&notice)
}

// originOf is the source and the foundation in a subject.
func originOf(subject string) (source, foundation string) {
	if tokens := strings.Split(subject, "."); len(tokens) > 2 {
		return tokens[1], tokens[2]
	}
	return "unknown", "unknown"
}

// Unreadable is the anomaly of a message that no collector published: it must neither stop
// everybody's bill nor go unseen.
func Unreadable(in *bus.Stored, cause error) stage.Output {
	source, foundation := originOf(in.Subject)
	at := in.Time.UTC()
	id := limit.Label(in.Header(events.HeaderID))
	reason := limit.Label(cause.Error())
	notice := events.AnomalyNotice{
		ID: events.ID("anomaly", in.Header(events.HeaderID), fmt.Sprint(in.Sequence)), Source: source,
		Foundation: foundation,
		Cause:      events.Cause{ID: id, Sequence: in.Sequence, Event: "unreadable", Time: at},
		Anomaly: events.Anomaly{
			Code: events.AnomalyUnreadable, Time: at,
			Message: fmt.Sprintf("message %d of %s on %s is not a fact and was not metered: %v. `nats stream get %s "+
				"%d` shows it; if it tells of usage, what it tells is on no bill: collect that from a file (daybook "+
				"collect file)",
				in.Sequence, events.StreamUsage, in.Subject, reason, events.StreamUsage, in.Sequence),
		},
	}
	return output(&notice)
}
