package events

// Header names on Daybook's messages. The CloudEvents attributes follow the NATS binding of
// CloudEvents 1.0 (binary mode).
const (
	HeaderID          = "ce-id"
	HeaderType        = "ce-type"
	HeaderSource      = "ce-source"
	HeaderSpecVersion = "ce-specversion"

	SpecVersion = "1.0"
)

// HeaderWindow marks the first and the last message of a batch of a collector. A fact without it
// stands in no batch, and is a window of its own.
const (
	HeaderWindow = "Daybook-Window"

	WindowBegin     = "begin"
	WindowEnd       = "end"
	HeaderPlatform  = "Daybook-Platform"   // on a marker: where the facts come from (collector.Platform)
	HeaderMovedFrom = "Daybook-Moved-From" // the same before the batch, where the platform has moved
)

// Header is one header of a message.
type Header struct{ Key, Value string }

// HeaderCount is the number of headers AppendHeaders appends.
const HeaderCount = 4

// AppendHeaders appends the CloudEvents headers of a message to a list. Every message of Daybook
// has these four, in this order; what is Daybook's own stands behind them. Times stand in the body,
// and every body is JSON.
func AppendHeaders(to []Header, id, kind, source string) []Header {
	return append(to,
		Header{HeaderID, id},
		Header{HeaderType, kind},
		Header{HeaderSource, source},
		Header{HeaderSpecVersion, SpecVersion},
	)
}

// CloudEvents types. The version is part of the name; a changed meaning gets a new one.
const (
	TypeUsage       = "daybook.usage.v1"
	TypeHorizon     = "daybook.horizon.v1"
	TypeGap         = "daybook.gap.v1"
	TypeAct         = "daybook.act.v1"
	TypeQuarantined = "daybook.quarantined.v1"
	TypeMetered     = "daybook.metered.v1"
	TypeAnomaly     = "daybook.anomaly.v1"
	TypeCatalogue   = "daybook.catalogue.v1"
	TypeBilling     = "daybook.billing.v1"
	TypeUnrated     = "daybook.unrated.v1"
	TypeMarker      = "daybook.marker.v1"
	TypeClosing     = "daybook.closing.v1"
)

// Marker passes inputs without outputs: every message up to InputSequence has been worked off.
type Marker struct {
	InputSequence uint64
}
