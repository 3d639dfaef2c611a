// Package limit bounds the strings and times of facts and acts, for collectors and for the
// projector: a span repeats the strings, and a message has many spans.
package limit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/daybook-billing/daybook/events"
)

// Limits in bytes. Cloud Foundry's and OpenStack's own limits are 255 characters.
const (
	MaxLabel = 1 << 10 // of a name: a longer one is cut
	MaxID    = 1 << 10 // of every other string: a longer one is refused
)

const cutMark = "…"

// MaxEvidence is the most bytes of an observation's evidence: longer evidence is cut. A byte of its
// beginning takes at most six bytes as JSON.
const (
	MaxEvidence  = 16 << 10
	maxBeginning = (MaxEvidence - 64) / 6
	cutEvidence  = `{"cut":`
)

// Label returns a label of at most MaxLabel bytes. A longer one ends between two characters,
// with "…".
func Label(s string) string {
	if len(s) <= MaxLabel {
		return s
	}
	end := MaxLabel - len(cutMark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + cutMark
}

// cut reports whether Label may have made the label of a longer one.
func cut(s string) bool {
	return len(s) > MaxLabel-utf8.UTFMax && strings.HasSuffix(s, cutMark)
}

// Usage cuts the labels of a fact. It returns the names of the labels that are cut, by this call or
// by an earlier one, and the name of the first id beyond MaxID.
func Usage(x *events.Usage) (labels []string, id string) {
	l := finding{}
	for _, f := range [...]field{
		{"id", &x.ID},
		{"source", &x.Source},
		{"foundation", &x.Foundation},
		{"tenant", &x.Tenant},
		{"kind", &x.Kind},
		{"resource", &x.Resource},
		{"app", &x.App},
		{"event", &x.Event},
		{"space", &x.Space},
		{"after_guid", &x.AfterGUID},
		{"publisher", &x.Publisher},
	} {
		l.id(f)
	}
	for _, f := range [...]field{
		{"previous", &x.Previous}, {"space_name", &x.SpaceName}, {"name", &x.Name}, {"state", &x.State},
	} {
		l.label(f)
	}
	l.footprint(&x.Footprint)
	return l.labels, l.long
}

// Gap is Usage for a gap.
func Gap(x *events.Gap) (labels []string, id string) {
	l := finding{}
	for _, f := range [...]field{
		{"id", &x.ID}, {"source", &x.Source}, {"foundation", &x.Foundation}, {"list", &x.List}, {"cursor", &x.Cursor},
	} {
		l.id(f)
	}
	l.label(field{"reason", &x.Reason})
	return l.labels, l.long
}

// Horizon is Usage for a horizon.
func Horizon(x *events.Horizon) (labels []string, id string) {
	l := finding{}
	for _, f := range [...]field{
		{"id", &x.ID}, {"source", &x.Source}, {"foundation", &x.Foundation}, {"collector", &x.Collector},
	} {
		l.id(f)
	}
	return l.labels, l.long
}

// MaxReprice is the number of closed months that one catalogue prices: ten years.
const MaxReprice = 120

// ErrLargeCatalogue: a catalogue is one message.
var ErrLargeCatalogue = fmt.Errorf("the catalogue has more than %d bytes as JSON, the most that one message takes: "+
	"make it shorter, for example without comments", events.MaxBody)

// Catalogue refuses a catalogue larger than a message (ErrLargeCatalogue), and one naming more than
// MaxReprice closed months to be priced, or anything else than months.
func Catalogue(x *events.Catalogue) error {
	switch {
	case len(x.AppendJSON(nil)) > events.MaxBody:
		return ErrLargeCatalogue
	case len(x.Reprice) > MaxReprice:
		return fmt.Errorf("it names %d closed months to be priced, more than %d: name the others when the version is "+
			"published again", len(x.Reprice), MaxReprice)
	}
	for _, month := range x.Reprice {
		at, err := time.Parse(events.MonthForm, month)
		if err != nil || at.Year() < firstYear || at.Year() >= lastYear {
			return fmt.Errorf("it names %.20q among the closed months to be priced, which is not a month such as "+
				"2026-11", month)
		}
	}
	return nil
}

// Act is Usage for an act. Catalogue is for the content of a catalogue.
func Act(x *events.Act) (labels []string, id string) {
	l := finding{}
	for _, f := range [...]field{
		{"id", &x.ID},
		{"kind", &x.Kind},
		{"source", &x.Source},
		{"foundation", &x.Foundation},
		{"catalogue.version", &x.Catalogue.Version},
		{"decision.kind", &x.Decision.Kind},
		{"decision.resource", &x.Decision.Resource},
		{"decision.hold", &x.Decision.Hold},
		{"decision.action", &x.Decision.Action},
		{"retirement.collector", &x.Retirement.Collector},
		{"replay.projection", &x.Replay.Projection},
		{"input.id", &x.Input.ID},
		{"input.outcome", &x.Input.Outcome},
		{"month.month", &x.Month.Month},
		{"month.mode", &x.Month.Mode},
		{"erasure.tenant", &x.Erasure.Tenant},
		{"observation.finding", &x.Observation.Finding},
		{"observation.plan", &x.Observation.Plan},
		{"observation.remodel", &x.Observation.Remodel},
		{"observation.kind", &x.Observation.Kind},
		{"observation.resource", &x.Observation.Resource},
		{"observation.app", &x.Observation.App},
		{"observation.tenant", &x.Observation.Tenant},
		{"observation.space", &x.Observation.Space},
	} {
		l.id(f)
	}
	l.label(field{"by", &x.By})
	l.label(field{"note", &x.Note})
	l.label(field{"replay.logic", &x.Replay.Logic})
	l.label(field{"observation.space_name", &x.Observation.SpaceName})
	l.label(field{"observation.name", &x.Observation.Name})
	l.footprint(&x.Decision.Footprint)
	l.footprint(&x.Observation.Footprint)
	l.evidence(&x.Observation.Evidence)
	return l.labels, l.long
}

// evidence puts an object with the beginning of the text in the place of a text beyond MaxEvidence.
func (l *finding) evidence(text *[]byte) {
	if len(*text) > MaxEvidence {
		beginning := strings.ToValidUTF8(string((*text)[:maxBeginning]), "")
		b, err := json.Marshal(beginning)
		if err != nil { // no string has one
			b = []byte(`""`)
		}
		*text = append(append([]byte(cutEvidence), b...), '}')
	}
	if bytes.HasPrefix(*text, []byte(cutEvidence)) {
		l.labels = append(l.labels, "observation.evidence")
	}
}

// field is a string with its name on the wire.
type field struct {
	name string
	text *string
}

// finding notes the strings of one message beyond the limits.
type finding struct {
	labels []string
	long   string
}

func (l *finding) id(f field) {
	if len(*f.text) > MaxID && l.long == "" {
		l.long = f.name
	}
}

func (l *finding) label(f field) {
	*f.text = Label(*f.text)
	if cut(*f.text) {
		l.labels = append(l.labels, f.name)
	}
}

func (l *finding) footprint(x *events.Footprint) {
	for _, f := range [...]field{
		{"buildpack_guid", &x.BuildpackGUID},
		{"plan_guid", &x.PlanGUID},
		{"offering_guid", &x.OfferingGUID},
		{"broker_guid", &x.BrokerGUID},
		{"flavor_id", &x.FlavorID},
		{"datastore", &x.Datastore},
		{"datastore_id", &x.DatastoreID},
		{"region", &x.Region},
		{"availability_zone", &x.AvailabilityZone},
	} {
		l.id(f)
	}
	for _, f := range [...]field{
		{"process_type", &x.ProcessType},
		{"buildpack", &x.Buildpack},
		{"plan", &x.Plan},
		{"offering", &x.Offering},
		{"broker", &x.Broker},
		{"flavor", &x.Flavor},
	} {
		l.label(f)
	}
}
