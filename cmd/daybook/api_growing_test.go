package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	answers "github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// appFact is a usage event of a process P of app A.
func appFact(guid, at, state string) string {
	return `{"guid":"` + guid + `","created_at":"` + at + `","state":{"current":"` + state +
		`","previous":"STOPPED"},"app":{"guid":"A","name":"shop"},"process":{"guid":"P","type":"web"},` +
		`"space":{"guid":"S","name":"dev"},"organization":{"guid":"O"},"buildpack":{"guid":null,"name":"java"},` +
		`"task":{"guid":null,"name":null},"memory_in_mb_per_instance":{"current":1024,"previous":1024},` +
		`"instance_count":{"current":1,"previous":1}}`
}

var _ = Describe("The API, while the streams grow", func() {
	var s *site
	var a *asked
	collect := func(ctx context.Context, horizon string, facts ...string) {
		GinkgoHelper()
		file := filepath.Join(GinkgoT().TempDir(), "events.jsonl")
		Expect(os.WriteFile(file, []byte(strings.Join(facts, "\n")), 0o600)).To(Succeed())
		s.ran("collect", "file", "--foundation", "eu", "--order", "given", "--horizon", horizon, file)
		s.work(ctx, timeline.CutDay)
		if a != nil {
			a.posted(ctx)
		}
	}
	BeforeEach(func(ctx SpecContext) {
		a = nil
		s = newSite(ctx)
		_, _, prices := month(10)
		s.ran("catalogue", "publish", "--yes", "--wait", "0", prices)
		collect(ctx, "2026-05-20T12:00:00Z", appFact("e1", "2026-05-01T09:00:00Z", "STARTED"))
		a = s.ask(ctx)
	})

	It("neither skips nor repeats an entry, and its pages add up to the position of the first", func(ctx SpecContext) {
		before, at := a.totals()
		all, position := a.pages(10, func() {
			collect(ctx, "2026-05-20T12:00:00Z", appFact("e2", "2026-05-10T11:00:00Z", "STOPPED"))
		})
		Expect(position).To(Equal(at))
		Expect(texts(added(all))).To(Equal(before))
		ids := map[string]bool{}
		for i := range all {
			Expect(ids).NotTo(HaveKey(all[i].ID))
			ids[all[i].ID] = true
		}
		after, _ := a.totals()
		Expect(after).NotTo(Equal(before))
		pinned, _ := a.totals("upto", fmt.Sprint(position.Billing))
		Expect(pinned).To(Equal(before))
	})
	It("says what was known at a time, and by a sequence, until a replay", func(ctx SpecContext) {
		before, _ := a.totals()
		usage, err := s.bus.Stream(ctx, events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		last, err := s.bus.Last(ctx, events.StreamUsage, "")
		Expect(err).NotTo(HaveOccurred())
		collect(ctx, "2026-05-20T12:00:00Z", appFact("e2", "2026-05-10T11:00:00Z", "STOPPED"))
		for _, known := range []string{fmt.Sprint(usage.Last), events.FormatTime(last.Time)} {
			then, at := a.totals("known_at", known)
			Expect(then).To(Equal(before))
			Expect(at.Usage).To(Equal(usage.Last))
			entries, _ := a.pages(10, func() {}, "known_at", known)
			Expect(texts(added(entries))).To(Equal(before))
		}
		now, _ := a.totals()
		Expect(now).NotTo(Equal(before))
		s.ran("replay", "all", "--cut", "hour")
		a.posted(ctx)
		w := a.do(http.MethodGet, fmt.Sprintf("/v1/totals?known_at=%d", usage.Last), nil)
		Expect(w.Code).To(Equal(http.StatusGone))
		Expect(w.Body.String()).To(ContainSubstring("cannot be told before message"))
	})
	It("foresees the month to the last digit, where nothing changes", func(ctx SpecContext) {
		var forecast answers.Forecast
		a.get(&forecast, "forecast", "by", "tenant,component")
		Expect(forecast.Month).To(Equal("2026-05"))
		Expect(forecast.Running).To(Equal(1))
		Expect(s.ran("forecast", "--format", "csv", "--by", "tenant,component")).To(And(
			HavePrefix("tenant,component,charged,to_come,amount,vat,currency\n"),
			ContainSubstring("O,"+forecast.Sums[0].Of["component"]+","+forecast.Sums[0].Charged+","+
				forecast.Sums[0].ToCome+","+forecast.Sums[0].Amount+",")))
		Expect(s.ran("forecast")).To(ContainSubstring("cf eu: metered through 2026-05-20T12:00:00Z"))
		collect(ctx, "2026-06-01T00:00:00Z", strings.ReplaceAll(appFact("e9", "2026-05-31T23:00:00Z", "STOPPED"),
			`{"guid":"P"`, `{"guid":"Q"`)) // of another process, that did not run
		var totals answers.Totals
		a.get(&totals, "totals", "by", "tenant,component", "month", "2026-05")
		Expect(forecast.Sums).To(HaveLen(len(totals.Totals)))
		for i, total := range totals.Totals {
			Expect(forecast.Sums[i].Amount).To(Equal(total.Amount))
			Expect(forecast.Sums[i].VAT).To(Equal(total.VAT))
			Expect(forecast.Sums[i].Charged).NotTo(Equal(total.Amount))
		}
	})
	It("says what runs has accrued, to the last digit of the charge that follows", func(ctx SpecContext) {
		var running answers.Running
		a.get(&running, "running")
		Expect(running.Running).To(HaveLen(1))
		accrued := running.Running[0].Accrued
		Expect(running.Running[0].Start).To(Equal("2026-05-20T00:00:00Z"))
		Expect(accrued.Through).To(Equal("2026-05-20T12:00:00Z"))
		Expect(accrued.Lines).NotTo(BeEmpty())
		collect(ctx, "2026-05-20T13:00:00Z", appFact("e2", "2026-05-20T12:00:00Z", "STOPPED"))
		charged, _ := a.pages(100, func() {}, "from", "2026-05-20")
		Expect(charged).To(HaveLen(len(accrued.Lines)))
		for i := range charged {
			Expect(accrued.Lines[i]).To(Equal(answers.Priced{
				Plan: charged[i].Plan, Component: charged[i].Component, Catalogue: charged[i].Catalogue,
				Start: charged[i].Start, End: charged[i].End, Seconds: charged[i].Seconds,
				Quantity: charged[i].Quantity, Unit: charged[i].Unit, Amount: charged[i].Amount,
				VAT: charged[i].VAT, Currency: charged[i].Currency,
			}))
		}
		a.get(&running, "running")
		Expect(running.Running).To(BeEmpty())
	})
})
