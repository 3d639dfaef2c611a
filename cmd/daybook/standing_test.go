package main

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
)

// unrated appends a message of BILLING about parts without a price.
func (s *site) unrated(ctx context.Context, u *events.UnratedNotice) {
	GinkgoHelper()
	state, err := s.bus.Stream(ctx, events.StreamBilling)
	Expect(err).NotTo(HaveOccurred())
	_, err = s.bus.Append(ctx, events.StreamBilling, []bus.Message{{
		Subject: events.UnratedSubject(u.Tenant, u.Source, u.Foundation, u.Kind, u.Resource), Data: u.AppendJSON(nil),
		Header: []events.Header{{Key: events.HeaderType, Value: events.TypeUnrated}},
	}}, bus.Expect{Last: state.Last})
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("What stands", func() {
	begin := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	part := func(id, kind, reason string) events.Unrated {
		return events.Unrated{
			ID: id, Kind: kind, Resource: id + "-resource", Tenant: "org-1", Name: "shop", Start: begin,
			End: begin.Add(time.Hour), Footprint: events.Footprint{Instances: events.Some(2)}, Reason: reason,
		}
	}
	var s *site
	BeforeEach(func(ctx SpecContext) {
		s = newSite(ctx)
		s.metered(ctx, &events.Metered{
			Source: "cf", Foundation: "eu", Tenant: "org-1", Kind: "app", Resource: "shop",
			Anomalies: []events.Anomaly{{Code: "orphan_ending", Resource: "p", Time: begin, Message: "STOPPED alone"}},
		}, 1)
		s.metered(ctx, &events.Metered{
			Source: "trove", Foundation: "dbaas", Tenant: "org-2", Kind: "instance", Resource: "db",
			Anomalies: []events.Anomaly{{Code: "unknown_volume", Resource: "db", Time: begin, Message: "no size"}},
			Held:      []events.Hold{{ID: "h", Kind: "volume", Resource: "db", Code: "unknown_volume", Start: begin}},
		}, 2)
	})

	It("of the anomalies is listed with what to do, and a decision ends it", func(ctx SpecContext) {
		status, out, _ := s.daybook("anomalies", "list")
		Expect(status).To(Equal(1), "no projector has written these")
		Expect(out).To(And(
			MatchRegexp(`eu +org-1 +app +orphan_ending +p +2026-11-01T08:00:00Z +2027-01-01T00:00:00Z +STOPPED alone +nothing`),
			MatchRegexp(`dbaas +org-2 +instance +unknown_volume .* it is decided +no size +ask Trove`),
			HaveSuffix("anomalies: 2\n")))
		_, out, _ = s.daybook("anomalies", "list", "--tenant", "org-2", "--format", "json")
		Expect(out).To(And(ContainSubstring(`"code":"unknown_volume"`), ContainSubstring(`"held":true`),
			Not(ContainSubstring("orphan"))))
		s.metered(ctx, &events.Metered{
			Source: "trove", Foundation: "dbaas", Tenant: "org-2", Kind: "instance", Resource: "db",
		}, 3)
		_, out, _ = s.daybook("anomalies", "list")
		Expect(out).To(And(Not(ContainSubstring("unknown_volume")), HaveSuffix("anomalies: 1\n")))
		_, out, _ = s.daybook("bill")
		Expect(out).To(ContainSubstring("anomalies: orphan_ending 1; daybook anomalies list shows them"))
	})

	It("of what is unrated is listed with what to do, and a price ends it", func(ctx SpecContext) {
		notice := events.UnratedNotice{
			Source: "cf", Foundation: "eu", Tenant: "org-1", Kind: "app", Resource: "shop",
			Unrated: []events.Unrated{
				part("a", "app", "no catalogue has been published"), part("b", "task", "no plan matches"),
			},
		}
		s.unrated(ctx, &notice)
		status, out, _ := s.daybook("unrated", "list")
		Expect(status).To(BeZero())
		Expect(out).To(And(
			MatchRegexp(`eu +org-1 +app +a-resource +shop +2026-11-01T08:00:00Z +2026-11-01T09:00:00Z +instances=2.* `+
				`no catalogue has been published +daybook catalogue publish`),
			MatchRegexp(`eu +org-1 +task +b-resource .* no plan matches +give the catalogue a price`),
			HaveSuffix("unrated: 2\n")))
		_, out, _ = s.daybook("bill")
		Expect(out).To(ContainSubstring("unrated: 2 parts of spans that no plan prices; daybook unrated list " +
			"shows them"))
		_, out, _ = s.daybook("unrated", "list", "--kind", "task", "--foundation", "eu", "--format", "json")
		Expect(strings.Count(out, "\n")).To(Equal(1))
		Expect(out).To(ContainSubstring(`"id":"b","source":"cf","foundation":"eu","tenant":"org-1","kind":"task"`))

		notice.Unrated, notice.Settled = nil, []string{"a", "b"}
		s.unrated(ctx, &notice)
		_, out, _ = s.daybook("unrated", "list")
		Expect(out).To(Equal("unrated: 0\n"), "though the stream keeps all that was")
	})

	DescribeTable("of a name that does not exist is an error with near ones", func(message string, args ...string) {
		status, _, problem := s.daybook(args...)
		Expect(status).To(Equal(1))
		Expect(problem).To(ContainSubstring(message))
	},
		Entry(nil, `there is no tenant "org-11": did you mean org-1`, "anomalies", "list", "--tenant", "org-11"),
		Entry(nil, `there is no foundation "eu1": did you mean eu`, "anomalies", "list", "--foundation", "eu1"),
		Entry(nil, `there is no code "orphan": did you mean orphan_ending`, "anomalies", "list", "--code", "orphan"),
		Entry(nil, `there is no tenant "org-11": did you mean org-1`, "unrated", "list", "--tenant", "org-11"),
		Entry(nil, `there is no foundation "eu1": did you mean eu`, "unrated", "list", "--foundation", "eu1"),
	)
})

var _ = Describe("The advice on an anomaly", func() {
	It("is there for each code, and names commands that exist", func() {
		Expect(print.AnomalyAdvice("unheard_of")).To(BeEmpty())
		commands := 0
		for _, code := range metered.AnomalyCodes() {
			Expect(print.AnomalyAdvice(code)).NotTo(BeEmpty(), code)
			commands += expectCommands(print.AnomalyAdvice(code))
		}
		Expect(commands).To(BeNumerically(">", 5))
	})
})
