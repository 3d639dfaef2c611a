package projector_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/limit"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("A poison fact in USAGE", func() {
	var p stage.Processor
	var sequence uint64
	BeforeEach(func() {
		p, sequence = projector.NewProcessor(projector.Config{Cut: timeline.CutDay}), 0
	})
	step := func(kind string, body stage.Body) (out []stage.Output, largest int) {
		sequence++
		ExpectWithOffset(1, p.Step(stored(kind, body, sequence), func(o stage.Output) {
			largest = max(largest, len(o.Body.AppendJSON(nil)))
			out = append(out, o)
		})).To(Succeed())
		return out, largest
	}
	notice := func(o stage.Output) events.Anomaly {
		n, ok := o.Body.(*events.AnomalyNotice)
		ExpectWithOffset(1, ok).To(BeTrue())
		return n.Anomaly
	}

	It("with a name of 40 kB is metered with the name cut, in messages that every server takes", func() {
		u := app("STARTED", "10:00", named(strings.Repeat("long ", 8000)))
		u.ID = "fact"
		out, _ := step(events.TypeUsage, u)
		Expect(out).To(HaveLen(2))
		m, ok := out[0].Body.(*events.Metered)
		Expect(ok).To(BeTrue())
		Expect(m.Running[0].Name).To(And(HavePrefix("long long"), HaveSuffix("…"), HaveLen(limit.MaxLabel)))
		a := notice(out[1])
		Expect(a.Code).To(Equal(events.AnomalyLongLabel))
		Expect(a.Message).To(And(HavePrefix("name of app P: longer than 1024 bytes"),
			ContainSubstring("Message 1 of USAGE")))
		out, largest := step(events.TypeHorizon, &events.Horizon{
			ID: "h", Source: "cf", Foundation: "eu", Time: clock("10:00").AddDate(0, 0, 240),
		})
		Expect(len(out)).To(BeNumerically(">", 1))
		Expect(largest).To(BeNumerically("<=", events.MaxBody))
	})

	DescribeTable("with a string of 900 kB that is no name is an anomaly, which every server takes",
		func(kind string, body func(long string) stage.Body) {
			out, largest := step(kind, body(strings.Repeat("\x01", 150_000)))
			Expect(out).To(HaveLen(1))
			Expect(notice(out[0]).Code).To(Equal(events.AnomalyUnreadable))
			Expect(notice(out[0]).Message).To(ContainSubstring("longer than 1024 bytes"))
			Expect(largest).To(BeNumerically("<", 20_000))
		},
		Entry("a tenant", events.TypeUsage, func(long string) stage.Body {
			return app("STARTED", "10:00",
				tenant(long))
		}),
		Entry("an id", events.TypeUsage, func(long string) stage.Body {
			u := app("STARTED", "10:00")
			u.ID = long
			return u
		}),
		Entry("a kind", events.TypeUsage, func(long string) stage.Body { return fact(long, "STARTED", "10:00", nil) }),
		Entry("a horizon's collector", events.TypeHorizon, func(long string) stage.Body {
			return &events.Horizon{ID: "h", Source: "cf", Foundation: "eu", Collector: long, Time: clock("10:00")}
		}),
		Entry("a gap's cursor", events.TypeGap, func(long string) stage.Body {
			return &events.Gap{ID: "g", Source: "cf", Foundation: "eu", Cursor: long, To: clock("10:00")}
		}),
		Entry("a decision's hold", events.TypeAct, func(long string) stage.Body {
			return &events.Act{
				ID: "d", Kind: events.ActDecision, Source: "cf", Foundation: "eu", Time: clock("10:00"),
				Decision: events.Decision{Hold: long},
			}
		}),
	)

	It("with a type of 200 kB is an anomaly that every server takes", func() {
		sequence++
		_, largest := step(strings.Repeat("\x01", 200_000), &events.Gap{ID: fmt.Sprint(sequence)})
		Expect(largest).To(BeNumerically("<", 20_000))
	})
})
