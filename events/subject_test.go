package events_test

import (
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
)

var _ = Describe("A subject token", func() {
	DescribeTable("is what it stands for, as far as NATS allows",
		func(s, token string) {
			Expect(events.Token(s)).To(Equal(token))
			Expect(events.Untoken(token)).To(Equal(s))
		},
		Entry("a guid stays", "5a7d1e0c-9c2e-4b7e-8f65-0d2f1c3b4a59", "5a7d1e0c-9c2e-4b7e-8f65-0d2f1c3b4a59"),
		Entry("nothing", "", "%"),
		Entry("dots", "a.b", "a%2Eb"),
		Entry("wildcards", "*>", "%2A%3E"),
		Entry("white space", " \t\n", "%20%09%0A"),
		Entry("the escape itself", "%2E", "%252E"),
		Entry("letters beyond ASCII", "é", "%C3%A9"),
		Entry("what is not UTF-8", "\xff\x00", "%FF%00"),
		Entry("as long as may be", strings.Repeat("a", events.MaxToken), strings.Repeat("a", events.MaxToken)),
	)

	It("is cut when it is too long, and then differs by its digest", func() {
		a, b := strings.Repeat("a", 1000)+"1", strings.Repeat("a", 1000)+"2"
		Expect(events.Token(a)).To(HaveLen(events.MaxToken))
		Expect(events.Token(a)).NotTo(Equal(events.Token(b)))
		_, err := events.Untoken(events.Token(a))
		Expect(err).To(HaveOccurred())
	})

	DescribeTable("cannot be read back when Token did not make it",
		func(token string) {
			_, err := events.Untoken(token)
			Expect(err).To(HaveOccurred())
		},
		Entry("empty", ""), Entry("a dot", "a.b"), Entry("a wildcard", "*"), Entry("half an escape", "a%2"),
		Entry("a lower-case escape", "%2e"),
		Entry("an escape of what needs none", "%41"), Entry("an escaped dot and a bare one", "%2E."),
		Entry("two escapes' starts", "%%41"),
		Entry("longer than any token", strings.Repeat("a", events.MaxToken+1)),
	)
})

var _ = Describe("The subjects", func() {
	evil := "a.b.>"
	DescribeTable("have their number of tokens, whatever the names are",
		func(subject, pattern string) { Expect(subject).To(MatchRegexp("^" + pattern + "$")) },
		Entry("a fact", events.UsageSubject(evil, evil, evil, evil, evil), `usage(\.[^.>*]+){5}`),
		Entry("a fact of nobody", events.UsageSubject("", "", "", "", ""), `usage(\.%){5}`),
		Entry("a collector's own", events.UsageFilter(evil, evil), `usage(\.[^.>*]+){2}\.>`),
		Entry("its horizon", events.UsageHorizonSubject(evil, evil), `usage(\.[^.>*]+){2}\.horizon`),
		Entry("its gap", events.UsageGapSubject(evil, evil), `usage(\.[^.>*]+){2}\.gap`),
		Entry("its marker", events.UsageMarkerSubject(evil, evil), `usage(\.[^.>*]+){2}\.marker`),
		Entry("an act", events.ActSubject(evil, evil, evil), `usage\.act(\.[^.>*]+){3}`),
		Entry("an act about nobody", events.ActSubject("replay", "", ""), `usage\.act\.replay\.all\.all`),
		Entry("the acts of a kind", events.ActFilter(evil, evil), `usage\.act\.[^.>*]+\.\*\.[^.>*]+`),
		Entry("quarantine", events.QuarantineSubject(evil, evil), `quarantine(\.[^.>*]+){2}`),
		Entry("what ran", events.MeteredSubject(evil, evil, evil, evil, evil), `metered(\.[^.>*]+){5}`),
		Entry("metered horizon", events.MeteredHorizonSubject(evil, evil), `metered(\.[^.>*]+){2}\.horizon`),
		Entry("metered gap", events.MeteredGapSubject(evil, evil), `metered(\.[^.>*]+){2}\.gap`),
		Entry("an anomaly", events.MeteredAnomalySubject(evil, evil), `metered(\.[^.>*]+){2}\.anomaly`),
		Entry("charges", events.ChargeSubject(evil, evil, evil, evil, evil), `billing\.charge(\.[^.>*]+){5}`),
		Entry("what is not priced", events.UnratedSubject(evil, evil, evil, evil, evil),
			`billing\.unrated(\.[^.>*]+){5}`),
		Entry("billing horizon", events.BillingHorizonSubject(evil, evil), `billing\.horizon(\.[^.>*]+){2}`),
	)

	It("put the tenant of a charge first, so that one permission covers it", func() {
		Expect(events.ChargeSubject("org", "cf", "eu", "app", "x")).To(Equal("billing.charge.org.cf.eu.app.x"))
	})
})

var tokenForm = regexp.MustCompile(`^[A-Za-z0-9_%-]{1,128}$`)

// TestTokensDiffer draws from an alphabet in which escapes are easily forged.
func TestTokensDiffer(t *testing.T) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune(`%2E.*> aé"`)), 0, 60, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		if (a == b) != (events.Token(a) == events.Token(b)) {
			t.Fatalf("%q and %q have the tokens %q and %q", a, b, events.Token(a), events.Token(b))
		}
	})
}

func FuzzToken(f *testing.F) {
	for _, s := range []string{"", ".", "*", ">", " ", "%", "%%", "a", "\x00", strings.Repeat(".", 43)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token := events.Token(s)
		if !tokenForm.MatchString(token) {
			t.Fatalf("Token(%q) = %q is no subject token", s, token)
		}
		back, err := events.Untoken(token)
		if cut := strings.Contains(token, "%%"); cut != (err != nil) || !cut && back != s {
			t.Fatalf("Untoken(%q) = %q, %v: want %q", token, back, err, s)
		}
	})
}

func FuzzUntoken(f *testing.F) {
	for _, s := range []string{"", "%", "%2E", "%2", "%%", "a", "%41", "a%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if s, err := events.Untoken(token); err == nil && events.Token(s) != token {
			t.Fatalf("Untoken(%q) = %q, whose token is %q", token, s, events.Token(s))
		}
	})
}
