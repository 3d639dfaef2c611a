package print

import (
	"io"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
)

// anomalyJSON is an anomaly that stands.
type anomalyJSON struct {
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	Tenant     string `json:"tenant,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Code       string `json:"code"`
	Resource   string `json:"resource,omitempty"`
	Time       string `json:"time"`
	Held       bool   `json:"held"`
	Until      string `json:"until,omitempty"`
	Message    string `json:"message"`
	Advice     string `json:"advice"`
}

// Anomalies prints anomalies that stand.
type Anomalies struct {
	list
	notices io.Writer // of JSON
}

// NewAnomalies prints to w: a table at the end, or JSON with the notices elsewhere.
func NewAnomalies(w, notices io.Writer, asJSON bool) *Anomalies {
	return &Anomalies{newList(w, asJSON, "FOUNDATION", "TENANT", "KIND", "CODE", "RESOURCE", "TIME", "STANDS UNTIL",
		"MESSAGE", "WHAT TO DO"), notices}
}

// Add takes one anomaly.
func (p *Anomalies) Add(e *answer.Anomaly) error {
	x := anomalyJSON{
		Source: e.Source, Foundation: e.Foundation, Tenant: e.Tenant, Kind: e.Kind, Code: e.Code, Resource: e.Resource,
		Time: e.Time, Held: e.Held, Until: e.Until, Message: e.Message, Advice: AnomalyAdvice(e.Code),
	}
	until := x.Until
	if e.Held {
		until = "it is decided"
	}
	return p.add(x, x.Foundation, x.Tenant, x.Kind, x.Code, x.Resource, x.Time, until, x.Message, x.Advice)
}

// End prints the table and the number of anomalies, with those that are only counted and why.
func (p *Anomalies) End(omitted int, why string) error {
	return p.endCounted(p.notices, "anomalies", uint64(omitted), ", "+why) //nolint:gosec // not negative
}

// AnomalyAdvice says what to do about an anomaly; empty for a code that is none.
func AnomalyAdvice(code string) string {
	switch code {
	case events.AnomalyLostChange:
		return "find what was lost (logs of the platform, a database restored or changed by hand), then decide what " +
			"is held: daybook holds list"
	case events.AnomalyUnknownVolume:
		return "ask Trove for the size of the volume, then daybook holds release ID --volume-gb SIZE"
	case events.AnomalyDeleteWithoutCreate:
		return "if it ran, daybook holds release ID; if its build failed, daybook holds discard ID"
	case events.AnomalyClosedPeriod:
		return "settle the difference by hand; where daybook holds list has it, then discard it"
	case events.AnomalyOrphanEnding:
		return "nothing is billed for it; if it ran before collecting began, collect its beginning from a file " +
			"(daybook collect file)"
	case events.AnomalyBuildWithoutEnd, events.AnomalyFailedBuild:
		return "nothing: it is not billed"
	case events.AnomalySilent:
		return "if it was deleted, nothing; if it runs, see why its notifications do not come (daybook status)"
	case events.AnomalyAfterDelete:
		return "see on the platform whether it exists; it is not billed behind its deletion"
	case events.AnomalyClock, events.AnomalyReplicaResize:
		return "look at what was billed for it; the message says how it counts"
	case events.AnomalyInconsistent:
		return "daybook verify --deep names the message that should not be there, and daybook replay publishes what " +
			"is right"
	case events.AnomalyRefusedMonth:
		return "the act changed nothing; daybook month list shows which months are open and closed"
	case events.AnomalyUnknownPlan:
		return "the reversion changed nothing; see which plans were enacted in the acts of the kind observation"
	case events.AnomalyRefusedSeal:
		return "find out who published it: only the pricer seals statements; it changed nothing"
	case events.AnomalyUnknownHold:
		return "the decision changed nothing; daybook holds list shows what can be decided"
	case events.AnomalyUnreadable:
		return "find out who published it; what it tells is on no bill"
	case events.AnomalyLongLabel:
		return "nothing: the name on the bill is cut"
	case events.AnomalyManyHolds:
		return "find out why its events contradict each other, then decide what is held: daybook holds list has the " +
			"first; those behind them follow"
	case events.AnomalyTooLong:
		return "look at the fact that the message names; what it leads to is on no bill"
	}
	return ""
}
