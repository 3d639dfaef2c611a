package cf_test

import (
	"context"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// pages are the requests for pages of the list of app usage events.
func pages(asked []string) []string {
	return slices.DeleteFunc(asked, func(path string) bool { return !strings.HasPrefix(path, "/v3/"+apps+"?") })
}

var _ = Describe("events that were committed late", func() {
	var r *rig
	BeforeEach(func() {
		r = newRig()
		r.settings.Complete = true
		r.restart()
		r.add(apps, started("e", 6, noon.Add(-20*time.Minute))...)
		r.poll()
		Expect(r.story()).To(HaveLen(6))
	})
	late := func(guid string) apiRow {
		return appEvent(guid, "STARTED", "STOPPED", "p-"+guid, noon.Add(-18*time.Minute))
	}

	It("are published behind what they follow, those in a row so that the last published stands first", func() {
		r.insert(apps, "e2", late("x"))
		r.insert(apps, "e4", late("y1"), late("y2"))
		r.pass(time.Minute)
		r.poll()
		Expect(r.story()).To(HaveLen(6), "the re-scan is not due")
		r.pass(4 * time.Minute)
		r.poll()
		Expect(r.story()[6:]).To(Equal([]string{"x after e1", "y2 after e3", "y1 after e3"}))
		r.pass(5 * time.Minute)
		r.poll()
		Expect(r.story()).To(HaveLen(9))
	})

	It("are found once more between late ones", func() {
		r.insert(apps, "e2", late("x"))
		r.pass(5 * time.Minute)
		r.poll()
		r.insert(apps, "e2", late("z"))
		r.insert(apps, "x", late("w"))
		r.restart()
		r.poll()
		Expect(r.story()[6:]).To(Equal([]string{"x after e1", "w after e1", "z after x"}))
	})

	It("are found before the very first event", func() {
		r.insert(apps, "e0", late("x"))
		r.pass(5 * time.Minute)
		r.poll()
		Expect(r.story()[6:]).To(Equal([]string{"x at the head"}))
	})

	It("are found although they were committed while nothing collected", func() {
		r.insert(apps, "e3", late("x"))
		r.pass(2 * time.Hour)
		r.add(apps, appEvent("new", "STARTED", "STOPPED", "p", noon.Add(time.Hour)))
		r.restart()
		r.poll()
		Expect(r.story()[6:]).To(Equal([]string{"x after e2", "new"}))
	})

	It("that nobody understands are quarantined with what they follow", func() {
		r.insert(apps, "e2", late("x"))
		r.insert(apps, "e2", apiRow{
			"odd", noon.Add(-18 * time.Minute),
			`{"guid":"odd","created_at":"2026-05-01T11:42:00Z","state":{"current":"EVACUATED"}}`,
		})
		r.insert(apps, "e5", apiRow{
			"odder", noon.Add(-18 * time.Minute),
			`{"guid":"odder","created_at":"2026-05-01T11:42:00Z","state":{"current":"EVACUATED"}}`,
		})
		for range 2 {
			r.pass(5 * time.Minute)
			r.poll()
		}
		Expect(r.story()[6:]).To(Equal([]string{"x after e1"}))
		quarantined := r.quarantined()
		Expect(quarantined).To(HaveLen(2))
		Expect(quarantined[0].AfterID).To(Equal(r.facts()[6].id))
		Expect(quarantined[1].AfterID).To(Equal(r.facts()[4].id))
	})

	It("that are too large for a message are quarantined with what they follow, and move no cursor", func() {
		large := late("large")
		large.body = strings.Replace(large.body, `"links":{}`, `"links":{"x":"`+strings.Repeat("x", 1<<20)+`"}`, 1)
		r.insert(apps, "e2", large)
		r.pass(5 * time.Minute)
		r.poll()
		Expect(r.story()).To(HaveLen(6))
		quarantined := r.quarantined()
		Expect(quarantined).To(HaveLen(1))
		Expect(quarantined[0].File).To(Equal("/v3/app_usage_events/large"))
		Expect(quarantined[0].AfterID).To(Equal(r.facts()[1].id))
		r.asked()
		r.pass(time.Minute)
		r.poll()
		Expect(pages(r.asked())).To(ConsistOf(ContainSubstring("after_guid=e5")))
	})

	It("are looked for with the minimum wait between the pages", func() {
		r.settings.MinWait = time.Hour
		r.restart()
		r.asked()
		// The request for the first page of the overlap would come after the deadline, and fails at
		// once.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		r.pass(10 * time.Minute)
		Expect(r.current.Poll(ctx)).To(MatchError(ContainSubstring("would exceed context deadline")))
		Expect(pages(r.asked())).To(HaveLen(1))
	})

	It("are looked for in the window only, which costs as much as it holds", func() {
		for i := range 8 {
			r.pass(10 * time.Minute)
			r.add(apps, started("m"+string(rune('a'+i)), 2, noon.Add(time.Duration(10*i)*time.Minute))...)
			r.poll()
		}
		r.asked()
		r.pass(5 * time.Minute)
		r.poll()
		Expect(len(r.asked())).To(BeNumerically("<", 12))
	})

	It("are not mistaken for what a purge has made of the table meanwhile", func() {
		r.keep(apps, func(apiRow) bool { return false })
		r.add(apps, appEvent("p-e0", "STARTED", "STARTED", "p-e0", noon.Add(4*time.Minute)))
		r.pass(10 * time.Minute)
		r.poll()
		Expect(r.story()[6:]).To(Equal([]string{"gap app", "p-e0"}))
		r.pass(5 * time.Minute)
		r.add(apps, appEvent("n", "STOPPED", "STARTED", "p-e0", noon.Add(8*time.Minute)))
		r.insert(apps, "n", late("x"))
		r.restart()
		r.poll()
		r.pass(5 * time.Minute)
		r.insert(apps, "x", late("w"))
		r.poll()
		Expect(r.story()[8:]).To(Equal([]string{"x", "n", "w after p-e0"}))
	})

	// The rows e0 to e5 of 11:40 are known, and m0 to m3 of 12:50. m3, the cursor, is lost at
	// 13:00, and the late row is committed at 13:05.
	DescribeTable("after a rescan are found as before", func(left []string, behind string, want string) {
		for range 12 {
			r.pass(5 * time.Minute)
			r.poll()
		}
		r.add(apps, started("m", 4, noon.Add(50*time.Minute))...)
		r.poll()
		r.keep(apps, func(row apiRow) bool { return slices.Contains(left, row.guid) })
		r.add(apps, appEvent("new", "STARTED", "STOPPED", "p-new", noon.Add(54*time.Minute)))
		r.poll()
		known := len(r.story())
		r.insert(apps, behind, appEvent("x", "STARTED", "STOPPED", "p-x", noon.Add(50*time.Minute)))
		r.pass(5 * time.Minute)
		r.poll()
		Expect(r.story()[known:]).To(Equal([]string{want}))
		r.pass(5 * time.Minute)
		r.poll()
		Expect(r.story()).To(HaveLen(known + 1))
	},
		Entry("at the head of the table", []string{"m1", "m2"}, "m1", "x at the head"),
		Entry("before the only known one", []string{"m0"}, "m0", "x at the head"),
		Entry("behind a known one from long ago", []string{"e0", "e4", "m0", "m1"}, "m0", "x after e4"),
		Entry("between known ones", []string{"e0", "e4", "m0", "m1"}, "m1", "x after m0"),
		Entry("behind the known ones", []string{"e0", "e4", "m0", "m1"}, "new", "x after m1"),
	)

	It("are not looked for again and again where nothing before the cursor is listed", func() {
		r.pass(2 * time.Hour)
		r.keep(apps, func(apiRow) bool { return false })
		r.add(apps, appEvent("n", "STARTED", "STOPPED", "p", noon.Add(time.Hour)))
		r.poll()
		r.restart()
		r.poll()
		r.asked()
		r.pass(time.Minute)
		r.poll()
		Expect(pages(r.asked())).To(ConsistOf(ContainSubstring("after_guid=n&")))
	})

	It("are a reason to fail when they are too many to be late", func() {
		r.settings.PageSize = 5000
		r.restart()
		for i := range 11 {
			r.insert(apps, "e5", started("l"+string(rune('a'+i)), 1000, noon.Add(-18*time.Minute))...)
		}
		r.pass(10 * time.Minute)
		Expect(r.current.Poll(context.Background())).To(MatchError(SatisfyAll(
			ContainSubstring("something else has happened than late commits"), ContainSubstring("CF_API_ADDRESS"),
			ContainSubstring("--cf-name"))))
		Expect(r.story()).To(HaveLen(6))
	})
})
