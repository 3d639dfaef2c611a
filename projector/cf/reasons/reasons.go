package reasons

import (
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// Note says why something is held.
type Note uint8

// Reasons of a gap.
const (
	Unconfirmed    Note = iota // it ran when the gap began
	Within                     // it began within the gap
	Incomplete                 // it began before the gap's end, by a fact after the gap
	PriorPlan                  // the plan before an update is not known
	PriorBuildpack             // nor is the buildpack before a change of size
	Old                        // the gap's month was closed before anything was heard of it
)

// Reasons without a gap: contradictions between two facts.
const (
	Baseline      = Old + 1 + iota // the first of them is a baseline, which may have been stale
	LostEnding                     // a STOPPED is missing
	LostBeginning                  // a STARTED is missing
	LostSize                       // a scaling is missing
	LostPlan                       // an UPDATED is missing

	// ObservedGone and the next ones are of observations.
	ObservedGone
	ObservedRunning // it ran, and nothing says since when
	ObservedDrift   // it ran with another size
)

// Gap is a gap; From is MinMoment where nothing was known before, and To MaxMoment for no end.
type Gap struct {
	From, To timeline.Moment
	Reason   string
}

// Of explains a hold of the gap to an operator. It ends at a time, MaxMoment for none.
func (g Gap) Of(n Note, end timeline.Moment) string {
	missing := "facts"
	if g.From != timeline.MinMoment {
		missing += " from " + g.From.String()
	}
	if g.To != timeline.MaxMoment {
		missing += " until " + g.To.String()
	}
	missing += " may be missing"
	if g.Reason != "" {
		missing += " (" + g.Reason + ")"
	}
	what := ""
	switch n {
	case Unconfirmed:
		what = "it ran when they began to be missing, and nothing reported since says that it went on"
		if end != timeline.MaxMoment {
			what = "it ran when they began to be missing; when it ended or changed is not known"
		}
	case Within:
		what = "it began meanwhile; when is not known"
	case Incomplete:
		what = "its beginning was found again, but not what happened between"
	case PriorBuildpack:
		what = "it ran, but nothing says with which buildpack; the last one known is assumed"
	case PriorPlan:
		what = "the plan before the update is not known; the one after it is assumed"
	case Old:
		what = "it may have run since, but nothing was heard of it before that month was closed"
	}
	return missing + ": " + what + ". Release it if it ran, or discard it"
}

// Says tells how a fact contradicts the timeline.
func Says(n Note) string { return contradicting[n-LostEnding] }

// Code is the code of a hold without a gap.
func Code(n Note) string {
	switch n {
	case Baseline:
		return events.HoldUnprovenBaseline
	case ObservedGone:
		return events.HoldObservedGone
	case ObservedRunning:
		return events.HoldObservedRunning
	case ObservedDrift:
		return events.HoldObservedDrift
	}
	return events.AnomalyLostChange
}

// Of explains a hold without a gap to an operator.
func Of(n Note) string {
	if n >= ObservedGone {
		return observed[n-ObservedGone]
	}
	return contradictions[n-Baseline]
}

// contradicting says for a note how the fact contradicts the timeline.
var contradicting = [...]string{
	"that it was STOPPED before, but no STOPPED was reported since it ran",
	"that it was STARTED before, but no STARTED was reported since it stopped",
	"another size before it than the one reported last",
	"another plan than the one reported last",
}

// contradictions are the reasons of holds, by note.
var contradictions = [...]string{
	"a later event contradicts the baseline that it ran by, and the baseline may have been stale. Release it if it " +
		"ran, or discard it",
	"a later event says that it had been stopped before, and when is not known: a STOPPED is missing" + orChanged +
		"Release it as the lower bound (not at all) or as the higher one (all the time)",
	"a later event says that it ran before, and since when is not known: a STARTED is missing" + orChanged +
		"Release it as the lower bound (not at all) or as the higher one (all the time)",
	"a later event says another size before it, and since when is not known: a change is missing" + orChanged +
		"Release it as the lower or as the higher bound",
	"its deletion names another plan, and since when is not known: an UPDATED is missing" + orChanged +
		"Release it as one of the two plans",
}

// observed are the reasons of observations, by note.
var observed = [...]string{
	"a reconciliation found that it does not run any more, and no event says when it ended. Discard it if it had " +
		"ended, or release it if it ran on; a later event that says so bills it by itself",
	"a reconciliation found that it runs, and no event says so. Release it if it ran all this time, or discard it; a " +
		"later event that says so bills it by itself",
	"a reconciliation found that it runs with another size, and no event says since when. Release it to bill this " +
		"size, or discard it; a later event that says so bills it by itself",
}

const orChanged = ", or the platform's database was changed or restored. "
