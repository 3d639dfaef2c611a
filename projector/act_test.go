package projector_test

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/limit"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/projector"
)

const readable = `
currency: GBP
plans:
  - {name: app, match: {kind: app}, valid_from: 2017-01-01,
     components: [{name: fee, quantity: "1", unit: item, unit_price: "1"}]}
`

var _ = Describe("The months of a foundation", func() {
	var p stage.Processor
	var sequence uint64
	step := func(kind string, body stage.Body, subject string) (out []stage.Output) {
		sequence++
		in := stored(kind, body, sequence)
		in.Subject = subject
		Expect(p.Step(in, func(o stage.Output) { out = append(out, o) })).To(Succeed())
		return out
	}
	give := func(a events.Act) []stage.Output {
		a.By = "ann"
		return step(events.TypeAct, &a, events.ActSubject(a.Kind, a.Source, a.Foundation))
	}
	publish := func(version, yaml string, reprice ...string) []stage.Output {
		return give(events.Act{
			ID: version, Kind: events.ActCatalogue,
			Catalogue: events.Catalogue{Version: version, YAML: yaml, Reprice: reprice},
		})
	}
	collected := func(at string) []stage.Output {
		h := events.Horizon{ID: at, Source: "cf", Foundation: "eu", Time: clock(at)}
		return step(events.TypeHorizon, &h, "usage.cf.eu.horizon")
	}
	closed := func(out []stage.Output) (months []string) {
		for _, o := range out {
			if c, is := o.Body.(*events.Closing); is {
				months = append(months, c.Month)
			}
		}
		return months
	}
	BeforeEach(func() {
		p, sequence = projector.NewProcessor(projector.Config{}), 0
		u := app("STARTED", "10:00")
		u.ID = "fact"
		step(events.TypeUsage, u, "usage.cf.eu.org.app.A")
		Expect(closed(collected("05-20 10:00"))).To(BeEmpty())
	})

	It("close by themselves on the first catalogue that can be read: another is passed on, and closes none", func() {
		for version, yaml := range map[string]string{"broken": "plans: [", "empty": "currency: GBP\nplans: []\n"} {
			Expect(publish(version, yaml)).To(HaveExactElements(HaveField("Subject", "metered.catalogue")))
		}
		Expect(closed(collected("05-20 11:00"))).To(BeEmpty())
		Expect(closed(publish("good", readable))).To(Equal([]string{"2026-03", "2026-04"}))
		publish("broken again", "plans: [")
		Expect(closed(collected("06-07 10:00"))).To(Equal([]string{"2026-05"}), "the good one is in force")
	})

	DescribeTable("keep their mode and grace where an act names a source alone or a foundation alone",
		func(kind, source, foundation string) {
			publish("good", readable)
			Expect(closed(collected("06-02 10:00"))).To(BeEmpty(), "May is in its grace")
			act := events.Act{ID: "alone", Kind: kind, Source: source, Foundation: foundation}
			if kind == events.ActMode {
				act.Month.Mode = events.ModeManual
			}
			out := give(act)
			Expect(out).To(HaveLen(1))
			notice, ok := out[0].Body.(*events.AnomalyNotice)
			Expect(ok).To(BeTrue())
			Expect(notice.Anomaly.Code).To(Equal(events.AnomalyRefusedMonth))
			Expect(notice.Anomaly.Message).To(ContainSubstring("a source alone or a foundation alone"))
			Expect(closed(collected("06-02 11:00"))).To(BeEmpty())
			Expect(closed(collected("06-07 10:00"))).To(Equal([]string{"2026-05"}))
		},
		Entry(nil, events.ActGrace, "", "prod"), Entry(nil, events.ActMode, "", "prod"),
		Entry(nil, events.ActGrace, "cf", ""), Entry(nil, events.ActMode, "cf", ""),
	)

	DescribeTable("close by the grace of an act about one foundation, and about all",
		func(source, foundation string) {
			publish("good", readable)
			collected("06-02 10:00")
			out := give(events.Act{ID: "grace", Kind: events.ActGrace, Source: source, Foundation: foundation})
			Expect(closed(out)).To(Equal([]string{"2026-05"}))
		},
		Entry(nil, "cf", "eu"), Entry(nil, "", ""),
	)

	DescribeTable("are not priced by a catalogue that names others than months, or too many: it is refused whole",
		func(reason string, months []string) {
			out := publish("v1", readable, months...)
			Expect(out).To(HaveLen(1))
			notice, ok := out[0].Body.(*events.AnomalyNotice)
			Expect(ok).To(BeTrue())
			Expect(notice.Anomaly.Code).To(Equal(events.AnomalyUnreadable))
			Expect(notice.Anomaly.Message).To(ContainSubstring(reason))
			Expect(publish("v2", readable, slices.Repeat([]string{"2026-03"}, limit.MaxReprice)...)).
				To(ContainElement(HaveField("Subject", "metered.catalogue")))
		},
		Entry("no text", `names "" among`, []string{"2026-03", ""}),
		Entry("no month of a year", `names "2026-13" among`, []string{"2026-13"}),
		Entry("no year", `names "0000-xx" among`, []string{"0000-xx"}),
		Entry("the year 0, which sorts before every month", `names "0000-01" among`, []string{"0000-01"}),
		Entry("a long text", `names "xxxxxxxxxxxxxxxxxxxx" among`, []string{strings.Repeat("x", 1<<16)}),
		Entry("more than ten years", "names 121 closed months", slices.Repeat([]string{"2026-03"}, limit.MaxReprice+1)),
	)
})
