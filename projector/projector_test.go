package projector_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("The projector's step", func() {
	var p stage.Processor
	BeforeEach(func() { p = projector.NewProcessor(projector.Config{Cut: timeline.CutHour}) })
	step := func(in *bus.Stored) []stage.Output {
		var out []stage.Output
		ExpectWithOffset(1, p.Step(in, func(o stage.Output) { out = append(out, o) })).To(Succeed())
		return out
	}
	raw := func(kind, data string) *bus.Stored {
		m := bus.NewStored(bus.Message{
			Subject: "usage.cf.eu.org.app.A", Data: []byte(data),
			Header: []events.Header{{Key: events.HeaderType, Value: kind}, {Key: events.HeaderID, Value: "id"}},
		}, 7, clock("10:00"), 0)
		return &m
	}
	horizon := func(at string, sequence uint64) *bus.Stored {
		return stored(events.TypeHorizon, &events.Horizon{
			ID: "h" + at, Source: "cf", Foundation: "eu",
			Time: clock(at),
		}, sequence)
	}

	It("makes one message of a fact, on the subject of the app, at the fact's time", func() {
		u := app("STARTED", "10:00", process("P"))
		u.ID = "fact"
		out := step(stored(events.TypeUsage, u, 1))
		Expect(out).To(HaveLen(1))
		Expect(out[0].Subject).To(Equal("metered.cf.eu.org.app.A"))
		Expect(out[0].Type).To(Equal(events.TypeMetered))
		m, ok := out[0].Body.(*events.Metered)
		Expect(ok).To(BeTrue())
		Expect(m.ID).To(Equal(out[0].ID))
		Expect(m.Cause).To(Equal(events.Cause{ID: "fact", Sequence: 1, Event: "STARTED", Time: clock("10:00")}))
	})

	It("passes a horizon on after the cuts that it makes, with an id of its own, and an old one not at all", func() {
		u := app("STARTED", "10:30")
		u.ID = "fact"
		step(stored(events.TypeUsage, u, 1))
		out := step(horizon("11:10", 2))
		Expect(out).To(HaveLen(2))
		Expect(out[0].Type).To(Equal(events.TypeMetered))
		Expect(out[1].Type).To(Equal(events.TypeHorizon))
		Expect(out[1].Subject).To(Equal("metered.cf.eu.horizon"))
		Expect(out[1].ID).NotTo(Equal("h11:10"))
		Expect(step(horizon("11:10", 3))).To(BeEmpty())
	})

	It("takes a decision, and makes an anomaly of one on a hold that there is not", func() {
		u := app("STARTED", "10:30")
		u.ID = "fact"
		step(stored(events.TypeUsage, u, 1))
		out := step(stored(events.TypeGap, &events.Gap{
			ID: "g", Source: "cf", Foundation: "eu", From: clock("11:00"),
			To: clock("12:00"),
		}, 2))
		Expect(out).To(HaveLen(2))
		m, ok := out[0].Body.(*events.Metered)
		Expect(ok).To(BeTrue())
		Expect(m.Cause).To(Equal(events.Cause{ID: "g", Sequence: 2, Event: "gap", Time: clock("12:00")}))
		Expect(m.Held).To(HaveLen(1))
		d := events.Act{
			ID: "d", Kind: events.ActDecision, Source: "cf", Foundation: "eu", Time: clock("13:00"),
			Decision: events.Decision{Kind: m.Kind, Resource: m.Resource, Hold: m.Held[0].ID, Action: "release"},
		}
		decided := func(d *events.Act, sequence uint64) []stage.Output {
			in := stored(events.TypeAct, d, sequence)
			in.Subject = "usage.act.decision.cf.eu"
			return step(in)
		}
		out = decided(&d, 3)
		Expect(out).To(HaveLen(1))
		m, ok = out[0].Body.(*events.Metered)
		Expect(ok).To(BeTrue())
		Expect(m.Held).To(BeEmpty())
		Expect(lines(m.Running)).To(Equal([]string{"P 11:00- 1x1024 since 10:30"}))
		for _, change := range []func(*events.Decision){
			func(d *events.Decision) { d.Hold = "other" }, func(d *events.Decision) { d.Resource = "B" },
			func(d *events.Decision) { d.Action = "dance" },
		} {
			wrong := d
			change(&wrong.Decision)
			out = decided(&wrong, 4)
			Expect(out).To(HaveLen(1))
			notice, ok := out[0].Body.(*events.AnomalyNotice)
			Expect(ok).To(BeTrue())
			Expect(notice.Anomaly.Code).To(Equal(events.AnomalyUnknownHold))
			Expect(notice.Anomaly.Message).To(ContainSubstring("daybook holds list"))
		}
	})

	It("passes a gap on once", func() {
		gap := stored(events.TypeGap, &events.Gap{
			ID: "g", Source: "cf", Foundation: "eu", From: clock("11:00"),
			To: clock("12:00"),
		}, 2)
		Expect(step(gap)).To(HaveLen(1))
		Expect(step(gap)).To(BeEmpty())
	})

	It("passes gaps on", func() {
		out := step(stored(events.TypeGap, &events.Gap{
			ID: "g", Source: "cf", Foundation: "eu", To: clock("12:00"),
			Reason: "pruned",
		}, 1))
		Expect(out).To(HaveLen(1))
		Expect(out[0].Subject).To(Equal("metered.cf.eu.gap"))
	})

	It("passes a catalogue on, in its place among the facts", func() {
		act := events.Act{
			ID: "a", Kind: events.ActCatalogue, By: "ann", Catalogue: events.Catalogue{
				Version: "v1",
				YAML:    "plans: []\n",
			},
		}
		in := stored(events.TypeAct, &act, 1)
		in.Subject = "usage.act.catalogue.all.all"
		out := step(in)
		Expect(out).To(HaveLen(1))
		Expect(out[0].Subject).To(Equal("metered.catalogue"))
		Expect(out[0].Type).To(Equal(events.TypeCatalogue))
		Expect(out[0].ID).NotTo(Equal("a"))
		Expect(out[0].Body).To(Equal(&act.Catalogue))
	})

	It("moves the horizon with the retirement of a collector", func() {
		for sequence, h := range []events.Horizon{
			{ID: "1", Source: "cf", Foundation: "eu", Collector: "a", Time: clock("12:00")},
			{ID: "2", Source: "cf", Foundation: "eu", Collector: "b", Time: clock("11:00")},
		} {
			step(stored(events.TypeHorizon, &h, uint64(sequence+1)))
		}
		act := events.Act{
			ID: "r", Kind: events.ActRetirement, Source: "cf", Foundation: "eu",
			Retirement: events.Retirement{Collector: "b"},
		}
		in := stored(events.TypeAct, &act, 3)
		in.Subject = "usage.act.retirement.cf.eu"
		Expect(step(in)).To(BeEmpty(), "a had been taken for the only one, and the horizon never goes back")
		Expect(step(stored(events.TypeHorizon, &events.Horizon{
			ID: "4", Source: "cf", Foundation: "eu", Collector: "a", Time: clock("13:00"),
		}, 4))).To(ContainElement(HaveField("Subject", "metered.cf.eu.horizon")))
	})

	It("takes an act from the subject of its kind, where no collector may append, and from no other", func() {
		act := events.Act{ID: "a", Kind: events.ActReplay, Replay: events.Replay{Projection: "projector"}}
		in := stored(events.TypeAct, &act, 1)
		in.Subject = "usage.act.replay.all.all"
		Expect(step(in)).To(BeEmpty())
		in.Subject = "usage.cf.eu.org.app.A"
		out := step(in)
		Expect(out).To(HaveLen(1))
		notice, ok := out[0].Body.(*events.AnomalyNotice)
		Expect(ok).To(BeTrue())
		Expect(notice.Anomaly.Code).To(Equal(events.AnomalyUnreadable))
		Expect(notice.Anomaly.Message).To(ContainSubstring("which belongs on usage.act.replay.all.all"))
	})

	It("takes no catalogue of one foundation: prices are everybody's", func() {
		act := events.Act{
			ID: "a", Kind: events.ActCatalogue, Source: "cf", Foundation: "eu",
			Catalogue: events.Catalogue{Version: "v1", YAML: readable},
		}
		for _, subject := range []string{"usage.act.catalogue.cf.eu", "usage.act.catalogue.all.all"} {
			in := stored(events.TypeAct, &act, 1)
			in.Subject = subject
			out := step(in)
			Expect(out).To(HaveLen(1))
			notice, ok := out[0].Body.(*events.AnomalyNotice)
			Expect(ok).To(BeTrue(), subject)
			Expect(notice.Anomaly.Message).To(ContainSubstring("names no source and no foundation"))
		}
	})

	DescribeTable("ends no foundation after the act: its months would close before they are over", func(
		years, hours int, reason string,
	) {
		Expect(step(stored(events.TypeHorizon, &events.Horizon{
			ID: "h", Source: "cf", Foundation: "eu",
			Time: clock("10:00"),
		}, 1))).To(HaveLen(1))
		act := end("11:00")
		act.Retirement.At = act.Retirement.At.AddDate(years, 0, 0).Add(time.Duration(hours) * time.Hour)
		in := stored(events.TypeAct, act, 2)
		in.Subject = events.ActSubject(act.Kind, act.Source, act.Foundation)
		out := step(in)
		Expect(out).To(HaveLen(1))
		notice, ok := out[0].Body.(*events.AnomalyNotice)
		Expect(ok).To(BeTrue())
		Expect(notice.Anomaly.Code).To(Equal(events.AnomalyUnreadable))
		Expect(notice.Anomaly.Message).To(ContainSubstring(reason))
	},
		Entry("in another age", 7000, 0, "not between the years 2000 and 2199"),
		Entry("after years", 10, 0, "after the time of the act itself"),
		Entry("after an hour", 0, 1, "after the time of the act itself"),
	)

	DescribeTable("makes an anomaly of what is not a fact, and goes on",
		func(kind, data, reason string) {
			out := step(raw(kind, data))
			Expect(out).To(HaveLen(1))
			Expect(out[0].Subject).To(Equal("metered.cf.eu.anomaly"))
			notice, ok := out[0].Body.(*events.AnomalyNotice)
			Expect(ok).To(BeTrue())
			Expect(notice.Anomaly.Code).To(Equal(events.AnomalyUnreadable))
			Expect(notice.Anomaly.Message).To(And(ContainSubstring("message 7 of USAGE on usage.cf.eu.org.app.A"),
				ContainSubstring(reason)))
			Expect(step(stored(events.TypeGap, &events.Gap{ID: "g", Source: "cf", Foundation: "eu", To: clock("12:00")},
				8))).To(HaveLen(1))
		},
		Entry("half a fact", events.TypeUsage, `{"id":"x`, ""),
		Entry("half a horizon", events.TypeHorizon, `{"id":`, ""),
		Entry("a gap that is a list", events.TypeGap, `[]`, ""),
		Entry("a fact of another age", events.TypeUsage,
			`{"id":"x","source":"cf","foundation":"eu","time":"9999-01-01T00:00:00Z"}`, "not between the years 2000 "+
				"and 2199"),
		Entry("a horizon of another age", events.TypeHorizon,
			`{"id":"x","source":"cf","foundation":"eu","time":"9999-01-01T00:00:00Z"}`, "not between"),
		Entry("a fact without a time", events.TypeUsage, `{"id":"x","source":"cf","foundation":"eu"}`,
			"it says no time"),
		Entry("a fact that follows itself", events.TypeUsage,
			`{"id":"x","source":"cf","foundation":"eu","time":"2026-03-01T10:00:00Z","after_sequence":7}`,
			"it follows message 7"),
		Entry("a horizon without a time", events.TypeHorizon, `{"id":"x","source":"cf","foundation":"eu"}`,
			"it says no time"),
		Entry("a gap without an end", events.TypeGap,
			`{"id":"x","source":"cf","foundation":"eu","from":"2026-03-01T10:00:00Z"}`, "it says no time"),
		Entry("a gap that ends before it begins", events.TypeGap,
			`{"id":"x","source":"cf","foundation":"eu","from":"2026-03-01T10:00:00Z","to":"2026-03-01T09:00:00Z"}`,
			"before it begins"),
		Entry("another type", "com.example.other", `{}`, `"com.example.other"`),
		Entry("no type", "", `{}`, `header is ""`),
	)

	It("refuses a snapshot that is damaged", func() {
		Expect(p.Restore([]byte("not a snapshot"))).NotTo(Succeed())
	})
})

var _ = Describe("The projector's settings", func() {
	It("are part of the logic, in words that are the flags of the command", func() {
		contract, _, err := projector.Contract(projector.Config{
			Cut: timeline.CutHour, ExcludeSpaces: "^(SMOKE|ACC)-",
			Epoch: map[string]time.Time{"cf": clock("10:00"), "cf/eu": clock("11:00"), "cf/us": clock("12:00")},
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(contract.Logic).To(Equal("projector/11 cut=hour build-timeout=1h0m0s " +
			"epoch-cf=2026-03-01T10:00:00Z " +
			"epoch=cf/eu=2026-03-01T11:00:00Z;cf/us=2026-03-01T12:00:00Z exclude-spaces=^(SMOKE|ACC)-"))
	})

	DescribeTable("are refused when they make no sense",
		func(c projector.Config, said string) {
			_, err := projector.New(c, projector.Deps{})
			Expect(err).To(MatchError(ContainSubstring(said)))
		},
		Entry("an unknown cut", projector.Config{Cut: "week"}, `cut "week" is not one of hour, day, month`),
		Entry("no cut at all: spans would cross months", projector.Config{Cut: timeline.CutNone}, `cut "none"`),
		Entry("a negative build timeout", projector.Config{BuildTimeout: -time.Second}, "build timeout -1s is "+
			"negative"),
		Entry("spaces that are no regular expression", projector.Config{ExcludeSpaces: "^("},
			`"^(" is not a regular expression`),
		Entry("spaces with a blank, which the logic of the stream could not hold",
			projector.Config{ExcludeSpaces: "a b"}, `write \x20 instead`),
		Entry("an epoch of no foundation", projector.Config{Epoch: map[string]time.Time{"cf/": clock("10:00")}},
			`epoch for foundation "cf/"`),
		Entry("an epoch of an unknown source", projector.Config{Epoch: map[string]time.Time{"aws": clock("10:00")}},
			`unknown source "aws"`),
	)
})
