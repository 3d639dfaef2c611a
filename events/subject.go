package events

import (
	"cmp"
	"strings"

	"github.com/daybook-billing/daybook/events/text"
)

// Streams, and the subjects of each.
const (
	StreamUsage      = "USAGE"
	StreamMetered    = "METERED"
	StreamBilling    = "BILLING"
	StreamQuarantine = "QUARANTINE"

	SubjectsUsage      = "usage.>"
	SubjectsMetered    = "metered.>"
	SubjectsBilling    = "billing.>"
	SubjectsQuarantine = "quarantine.>"

	SubjectsCharges = "billing.charge.>"
)

// MaxToken is text.MaxToken.
const MaxToken = text.MaxToken

// Token is text.Token.
func Token(s string) string { return text.Token(s) }

// Untoken is text.Untoken.
func Untoken(token string) (string, error) { return text.Untoken(token) }

func subject(first string, tokens ...string) string {
	var b strings.Builder
	b.Grow(160)
	b.WriteString(first)
	for _, t := range tokens {
		b.WriteByte('.')
		b.WriteString(Token(t))
	}
	return b.String()
}

// UsageSubject is the subject of a fact.
func UsageSubject(source, foundation, tenant, kind, resource string) string {
	return subject("usage", source, foundation, tenant, kind, resource)
}

// UsageFilter matches every message of a foundation in USAGE: the collector's own subjects.
func UsageFilter(source, foundation string) string {
	return subject("usage", source, foundation) + ".>"
}

// UsageTenantFilter matches the facts of a tenant in a foundation, of one source or, where it is
// empty, of all.
func UsageTenantFilter(source, foundation, tenant string) string {
	return "usage." + oneOrAll(source) + "." + Token(foundation) + "." + Token(tenant) + ".*.*"
}

// UsageFactsFilter matches the facts of a tenant in a foundation; an empty one stands for all.
func UsageFactsFilter(tenant, foundation string) string {
	return "usage.*." + oneOrAll(foundation) + "." + oneOrAll(tenant) + ".*.*"
}

// UsageHorizonSubject is where a collector says how far it has come.
func UsageHorizonSubject(source, foundation string) string {
	return subject("usage", source, foundation) + ".horizon"
}

// UsageGapSubject is the subject of a collector's gaps.
func UsageGapSubject(source, foundation string) string {
	return subject("usage", source, foundation) + ".gap"
}

// UsageMarkerSubject is the subject of the markers that begin and end a collector's batches: the
// literal that a batch expects.
func UsageMarkerSubject(source, foundation string) string {
	return subject("usage", source, foundation) + ".marker"
}

// UsageKindFilter matches the facts of one kind in a foundation.
func UsageKindFilter(source, foundation, kind string) string {
	return "usage." + Token(source) + "." + Token(foundation) + ".*." + Token(kind) + ".*"
}

// UsageHorizonFilter matches how far collectors have come, in one foundation or, where that is
// empty, in all.
func UsageHorizonFilter(foundation string) string {
	return "usage.*." + oneOrAll(foundation) + ".horizon"
}

// UsageGapFilter matches the gaps of one foundation or, where that is empty, of all.
func UsageGapFilter(foundation string) string { return "usage.*." + oneOrAll(foundation) + ".gap" }

// everything stands in the subject of an act about no one source, or no one foundation.
const everything = "all"

// ActSubject is the subject of the acts of a kind; an empty source or foundation stands for acts
// about no one.
func ActSubject(kind, source, foundation string) string {
	return subject("usage.act", kind, cmp.Or(source, everything), cmp.Or(foundation, everything))
}

// ActFilter matches the acts of a kind, about one foundation or, where that is empty, all of them.
func ActFilter(kind, foundation string) string {
	return "usage.act." + Token(kind) + ".*." + oneOrAll(foundation)
}

// MeteredResourcesFilter matches the usage of one foundation and tenant; an empty one stands for
// all.
func MeteredResourcesFilter(foundation, tenant string) string {
	return "metered.*." + oneOrAll(foundation) + "." + oneOrAll(tenant) + ".*.*"
}

// UsageResourceFilter matches the facts of a kind about one resource, and MeteredResourceFilter the
// spans of it, whatever the tenant. resource is the last token of the subject: that of
// Usage.SubjectResource.
func UsageResourceFilter(source, foundation, kind, resource string) string {
	return subject("usage", source, foundation) + ".*." + Token(kind) + "." + Token(resource)
}

// MeteredResourceFilter is described at UsageResourceFilter.
func MeteredResourceFilter(source, foundation, kind, resource string) string {
	return subject("metered", source, foundation) + ".*." + Token(kind) + "." + Token(resource)
}

// BillingResourceFilters match the charges, and the parts without a price, of a kind of one
// resource, whatever the tenant; an empty source, foundation or kind stands for all.
func BillingResourceFilters(source, foundation, kind, resource string) []string {
	rest := ".*." + oneOrAll(source) + "." + oneOrAll(foundation) + "." + oneOrAll(kind) + "." + Token(resource)
	return []string{"billing.charge" + rest, "billing.unrated" + rest}
}

// MeteredHorizonFilter matches how far sources were metered, in one foundation or, where that is
// empty, in all.
func MeteredHorizonFilter(foundation string) string {
	return "metered.*." + oneOrAll(foundation) + ".horizon"
}

// MeteredAnomalyFilter matches the anomalies of no resource, in one foundation or, where it is
// empty, in all.
func MeteredAnomalyFilter(foundation string) string {
	return "metered.*." + oneOrAll(foundation) + ".anomaly"
}

func oneOrAll(name string) string {
	if name == "" {
		return "*"
	}
	return Token(name)
}

// QuarantineSubject is the subject of input without a meaning to a collector.
func QuarantineSubject(source, foundation string) string {
	return subject("quarantine", source, foundation)
}

// QuarantineFilter matches every message of a foundation in QUARANTINE, whatever its source.
func QuarantineFilter(foundation string) string { return "quarantine.*." + Token(foundation) }

// SettledSubject is the subject of resubmissions, whose inputs count no longer.
func SettledSubject(source, foundation string) string {
	return subject("quarantine", source, foundation) + ".settled"
}

// MeteredSubject is the subject of one resource's usage.
func MeteredSubject(source, foundation, tenant, kind, resource string) string {
	return subject("metered", source, foundation, tenant, kind, resource)
}

// MeteredHorizonSubject is where the projector says how far it has metered.
func MeteredHorizonSubject(source, foundation string) string {
	return subject("metered", source, foundation) + ".horizon"
}

// MeteredGapSubject is where the projector passes a gap on.
func MeteredGapSubject(source, foundation string) string {
	return subject("metered", source, foundation) + ".gap"
}

// MeteredAnomalySubject is for anomalies of no resource.
func MeteredAnomalySubject(source, foundation string) string {
	return subject("metered", source, foundation) + ".anomaly"
}

// MeteredClosingSubject is where the projector says which months of a foundation are closed.
func MeteredClosingSubject(source, foundation string) string {
	return subject("metered", source, foundation) + ".closing"
}

// MeteredClosingFilter matches the closings of one foundation or, where it is empty, of all.
func MeteredClosingFilter(foundation string) string {
	return "metered.*." + oneOrAll(foundation) + ".closing"
}

// MeteredControlFilter matches what METERED says of a whole foundation or, where it is empty, of
// each: horizons, gaps, anomalies, closings and seals.
func MeteredControlFilter(foundation string) string {
	return "metered.*." + oneOrAll(foundation) + ".*"
}

// MeteredCatalogueSubject is where the projector passes catalogue versions on, in the order in
// which they are put in force.
const MeteredCatalogueSubject = "metered.catalogue"

// MeteredMarkerSubject and BillingMarkerSubject are the subjects of the stages' markers.
const (
	MeteredMarkerSubject = "metered.marker"
	BillingMarkerSubject = "billing.marker"
)

// ChargeSubject is the subject of charges. The tenant stands first: one can be given
// billing.charge.<tenant>.>.
func ChargeSubject(tenant, source, foundation, kind, resource string) string {
	return subject("billing.charge", tenant, source, foundation, kind, resource)
}

// ChargeFilter matches the charges of one foundation or, where it is empty, of all.
func ChargeFilter(foundation string) string {
	return "billing.charge.*.*." + oneOrAll(foundation) + ".*.*"
}

// TenantChargeFilter matches the charges of a tenant in one foundation or, where it is empty, in
// all.
func TenantChargeFilter(tenant, foundation string) string {
	return "billing.charge." + Token(tenant) + ".*." + oneOrAll(foundation) + ".*.*"
}

// ChargeResourceFilter matches the charges of one resource: of a tenant, in a foundation; an empty
// one stands for all.
func ChargeResourceFilter(tenant, foundation, resource string) string {
	return "billing.charge." + oneOrAll(tenant) + ".*." + oneOrAll(foundation) + ".*." + Token(resource)
}

// UnratedSubject is the subject of spans without a plan.
func UnratedSubject(tenant, source, foundation, kind, resource string) string {
	return subject("billing.unrated", tenant, source, foundation, kind, resource)
}

// UnratedFilter matches the unrated spans of a tenant in a foundation; an empty one stands for all.
func UnratedFilter(tenant, foundation string) string {
	return "billing.unrated." + oneOrAll(tenant) + ".*." + oneOrAll(foundation) + ".*.*"
}

// BillingHorizonSubject is where the pricer says how far everything metered has been charged.
func BillingHorizonSubject(source, foundation string) string {
	return subject("billing.horizon", source, foundation)
}

// BillingClosingSubject is where the pricer passes on which months of a foundation are closed.
func BillingClosingSubject(source, foundation string) string {
	return subject("billing.closing", source, foundation)
}

// BillingAnomalySubject is for input of the pricer's that is of no use: a catalogue with an error.
const BillingAnomalySubject = "billing.anomaly"
