package events

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Streams, and the subjects of each.
const (
	StreamUsage      = "USAGE"
	StreamMetered    = "METERED"
	StreamBilling    = "BILLING"
	StreamQuarantine = "QUARANTINE"

	SubjectsUsage      = "usage.>"
	SubjectsMetered    = "metered.>"
	SubjectsCatalogue  = "catalogue.>"
	SubjectsBilling    = "billing.>"
	SubjectsQuarantine = "quarantine.>"
)

// MaxToken is the length in bytes of the longest subject token to be kept as it is; longer ones
// are cut and end in a digest.
const MaxToken = 128

const emptyToken = "%"

// Token makes any string one subject token, so that no foreign value can forge, widen or break a
// subject: ASCII letters, digits, "-" and "_" stay, every other byte becomes %XX, and the empty
// string becomes "%". Different strings give different tokens. A string whose token would exceed
// MaxToken is cut and ends in "%%" and a digest of the whole.
func Token(s string) string {
	if s == "" {
		return emptyToken
	}
	plain := len(s) <= MaxToken
	for i := 0; plain && i < len(s); i++ {
		plain = tokenByte(s[i])
	}
	if plain {
		return s
	}
	b := make([]byte, 0, 3*len(s))
	for i := 0; i < len(s); i++ {
		if tokenByte(s[i]) {
			b = append(b, s[i])
		} else {
			b = append(b, '%', hexDigits[s[i]>>4], hexDigits[s[i]&15])
		}
	}
	if len(b) > MaxToken {
		sum := sha256.Sum256([]byte(s))
		digest := hex.EncodeToString(sum[:16])
		b = append(b[:MaxToken-len(digest)-2], "%%"+digest...)
	}
	return string(b)
}

// Untoken gives back the string of a token, or an error for a text Token cannot have made. A cut
// token has lost its string and is an error too.
func Untoken(token string) (string, error) {
	if token == emptyToken {
		return "", nil
	}
	if token == "" {
		return "", errors.New("empty subject token")
	}
	if len(token) > MaxToken {
		return "", fmt.Errorf("subject token %.40q… is longer than %d bytes", token, MaxToken)
	}
	if !strings.Contains(token, "%") {
		for i := 0; i < len(token); i++ {
			if !tokenByte(token[i]) {
				return "", fmt.Errorf("subject token %q holds the unescaped byte %q", token, token[i])
			}
		}
		return token, nil
	}
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		switch {
		case tokenByte(token[i]):
			b = append(b, token[i])
		case token[i] == '%' && i+2 < len(token) && token[i+1] != '%':
			high, low := strings.IndexByte(hexDigits, token[i+1]), strings.IndexByte(hexDigits, token[i+2])
			if high < 0 || low < 0 || tokenByte(byte(high<<4|low)) {
				return "", fmt.Errorf("subject token %q has a wrong escape at byte %d", token, i)
			}
			b = append(b, byte(high<<4|low))
			i += 2
		default:
			return "", fmt.Errorf("subject token %q cannot be read at byte %d", token, i)
		}
	}
	return string(b), nil
}

const hexDigits = "0123456789ABCDEF"

func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

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

// UsageFoundationFilter matches every message of a foundation in USAGE, whatever its source.
func UsageFoundationFilter(foundation string) string { return "usage.*." + Token(foundation) + ".>" }

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

// UsageDecisionSubject is the subject of decisions about holds.
func UsageDecisionSubject(source, foundation string) string {
	return subject("usage", source, foundation) + ".decision"
}

// UsageDecisionFilter matches the decisions of one foundation or, where that is empty, of all.
func UsageDecisionFilter(foundation string) string {
	return "usage.*." + oneOrAll(foundation) + ".decision"
}

// SubjectsActs matches every act.
const SubjectsActs = "usage.act.>"

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

// MeteredMarkerSubject and BillingMarkerSubject are the subjects of the stages' markers.
const (
	MeteredMarkerSubject = "metered.marker"
	BillingMarkerSubject = "billing.marker"
)

// CatalogueSubject is the subject of one immutable catalogue version.
func CatalogueSubject(version string) string { return subject("catalogue", version) }

// ChargeSubject is the subject of charges. The tenant stands first: one can be given
// billing.charge.<tenant>.>.
func ChargeSubject(tenant, source, foundation, kind, resource string) string {
	return subject("billing.charge", tenant, source, foundation, kind, resource)
}

// UnratedSubject is the subject of spans without a plan.
func UnratedSubject(tenant, source, foundation, kind, resource string) string {
	return subject("billing.unrated", tenant, source, foundation, kind, resource)
}

// BillingHorizonSubject is where the pricer says how far everything metered has been charged.
func BillingHorizonSubject(source, foundation string) string {
	return subject("billing.horizon", source, foundation)
}

// BillingAnomalySubject is for input of the pricer's that is of no use: a catalogue with an error.
const BillingAnomalySubject = "billing.anomaly"
