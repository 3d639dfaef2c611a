package projector_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"regexp"
)

var _ = Describe("REVIEW", func() {
	next := func(b *books) *books {
		return b.tell(build("STAGING_STARTED", "04-10 14:00"), build("STAGING_STOPPED", "04-10 14:10")).reach("05-10 00:00")
	}
	It("muted", func() {
		b := newBooks(projector.Settings{Cut: projector.CutMonth, ExcludeSpaces: regexp.MustCompile("dev")}).tell(build("STAGING_STARTED", "09:50")).gap(events.ListApp, "10:00", "10:30")
		Expect(b.held()).To(BeEmpty())
		b.reach("04-10 00:00")
		Expect(b.meter.Tracked()).To(BeZero())
	})
	It("epoch", func() {
		b := newBooks(projector.Settings{Cut: projector.CutMonth, Epoch: map[string]time.Time{"cf": clock("12:00")}}).tell(build("STAGING_STARTED", "09:50")).gap(events.ListApp, "10:00", "10:30")
		Expect(b.held()).To(BeEmpty())
		b.reach("04-10 00:00")
		Expect(b.meter.Tracked()).To(BeZero())
	})
	It("zero", func() {
		b := newBooks(projector.Settings{Cut: projector.CutMonth}).tell(build("STAGING_STARTED", "10:05"), build("STAGING_STOPPED", "10:05")).gap(events.ListApp, "10:00", "10:30")
		Expect(b.held()).To(BeEmpty())
		b.reach("04-10 00:00")
		Expect(b.meter.Tracked()).To(BeZero())
	})
	It("coupling", func() {
		run := func(staged bool) []string {
			b := newBooks(projector.Settings{Cut: projector.CutMonth})
			if staged {
				b.tell(build("STAGING_STARTED", "09:50", process("B"), func(u *events.Usage) { u.App = "B" }))
			}
			b.gap("", "10:00", "10:30").reach("04-10 00:00")
			b.tell(service("DELETED", "04-10 10:00", "small"))
			return append(b.held(), lines(b.spans())...)
		}
		Expect(run(true)).To(Equal(run(false)))
	})
	It("expired before", func() {
		b := told(build("STAGING_STARTED", "09:00"), build("STAGING_STARTED", "10:05"), build("STAGING_STOPPED", "10:06")).gap(events.ListApp, "09:30", "10:30")
		fmt.Println(b.held(), b.closed())
		Expect(b.held()).To(ContainElement(HavePrefix("A 09:00-")))
	})
	_ = next
})

func TestReviewLost(t *testing.T) {
	check(t, 3000, func(t *rapid.T) {
		type event struct {
			at, order int
			began bool
		}
		var all []event
		truth := make([]int, lifetime)
		at := 0
		for range rapid.IntRange(1, 8).Draw(t, "builds") {
			at += rapid.SampledFrom([]int{0, 1, 5, 20, 61}).Draw(t, "passed")
			end := at + rapid.SampledFrom([]int{1, 5, 30, 59}).Draw(t, "lasts")
			all = append(all, event{at, 0, true}, event{end, 0, false})
			for m := at; m < end; m++ {
				truth[m]++
			}
		}
		slices.SortStableFunc(all, func(a, b event) int { return a.at - b.at })
		last := all[len(all)-1].at
		type hole struct{ from, to int }
		var holes []hole
		p := 0
		for range rapid.IntRange(1, 3).Draw(t, "gaps") {
			from := p + rapid.IntRange(0, last+1).Draw(t, "from")%(max(1, last-p+1))
			to := from + rapid.SampledFrom([]int{1, 10, 40, 90}).Draw(t, "to")
			holes = append(holes, hole{from, to})
			p = to
			if p > last { break }
		}
		b := newAccount(projector.Settings{Cut: cuts().Draw(t, "cut")})
		h := 0
		log := []string{}
		for i, e := range all {
			for h < len(holes) && holes[h].to <= e.at {
				b.tell(&events.Gap{ID: fmt.Sprint("gap", h), Source: "cf", Foundation: "eu", From: minute(holes[h].from), To: minute(holes[h].to), Reason: "lost"}, 0)
				log = append(log, fmt.Sprint("gap ", short(minute(holes[h].from)), "-", short(minute(holes[h].to))))
				h++
			}
			if h < len(holes) && holes[h].from <= e.at && rapid.Bool().Draw(t, "lost") {
				continue
			}
			u := build("STAGING_STOPPED", "10:00")
			if e.began {
				u = build("STAGING_STARTED", "10:00")
			}
			u.ID, u.Time = fmt.Sprint("fact", i, e), minute(e.at)
			log = append(log, fmt.Sprint(e.began, " ", short(minute(e.at))))
			b.tell(u, 0)
			if rapid.Bool().Draw(t, "horizon moves") {
				b.tell(minute(e.at), 0)
			}
		}
		for ; h < len(holes); h++ {
			log = append(log, fmt.Sprint("gap ", short(minute(holes[h].from)), "-", short(minute(holes[h].to))))
			b.tell(&events.Gap{ID: fmt.Sprint("gap", h), Source: "cf", Foundation: "eu", From: minute(holes[h].from), To: minute(holes[h].to), Reason: "lost"}, 0)
		}
		b.tell(minute(lifetime), 0)
		billed, held := make([]int, lifetime+100), make([]int, lifetime+100)
		for _, s := range b.spans() {
			first, after := minutesOf(s.Start, s.End)
			for m := first; m < after; m++ {
				billed[m] += int(s.Footprint.Instances.Or(0))
			}
		}
		for _, h := range b.holds["staging A"] {
			first, after := minutesOf(h.Start, h.End)
			for m := max(first, 0); m < after; m++ {
				held[m]++
			}
		}
		for m := range lifetime {
			within := slices.ContainsFunc(holes, func(h hole) bool { return h.from <= m && m < h.to })
			if billed[m] > truth[m] || len(holes) == 1 && !within && billed[m]+held[m] < truth[m] {
				t.Fatalf("at minute %d (%s) %d builds were open, %d are billed and %d held:\n%q\n%v\ntold %q", m, short(minute(m)), truth[m], billed[m], held[m],
					b.lines(), all, log)
			}
		}
		if b.wrong != nil {
			t.Fatalf("%q", b.wrong)
		}
	})
}

var _ = maps.Keys[map[string]int]
