package cf_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

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

	It("are a reason to fail when they are too many to be late", func() {
		r.settings.PageSize = 5000
		r.restart()
		for i := range 11 {
			r.insert(apps, "e5", started("l"+string(rune('a'+i)), 1000, noon.Add(-18*time.Minute))...)
		}
		r.pass(10 * time.Minute)
		Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("something else has happened than late commits")))
		Expect(r.story()).To(HaveLen(6))
	})
})
