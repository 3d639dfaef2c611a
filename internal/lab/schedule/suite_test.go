package schedule_test

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// outer is the test that Ginkgo runs in: a bubble of synctest needs one.
var outer *testing.T

func TestSchedule(t *testing.T) {
	outer = t
	// A schedule makes much garbage and keeps nothing.
	defer debug.SetGCPercent(debug.SetGCPercent(garbage))
	RegisterFailHandler(Fail)
	RunSpecs(t, "Schedule")
}

const (
	garbage = 400 // percent

	variable = "DAYBOOK_SCHEDULE" // a plan to run, in its printed form

	perSeed     = 10  // schedules for each seed of the long tests
	mistakeMost = 400 // schedules in which a mistake must show
	shrinkMost  = 300 // tries of a shorter plan
	shrinkLess  = 40  // where the failure is wanted
	tries       = 2   // of a plan with a failure, while it is shortened: not every wait is the plan's
)

// found is a plan that fails.
type found struct {
	plan    plan
	failure error
	log     string
}

func (f *found) String() string {
	return fmt.Sprintf("%v\n%s\n%s='%s'\nThe end of the log:\n%s", f.failure, f.plan.Explain(), variable, f.plan,
		tail(f.log, 40))
}

// try runs a plan.
func try(p plan, v variant) *found {
	if log, failure := run(p, v); failure != nil {
		return &found{p, failure, log}
	}
	return nil
}

// search runs the plans of seeds until one fails, and shortens that.
func search(first, count uint64, v variant, shorter int) (shortest *found, schedules uint64) {
	for seed := first; seed < first+count; seed++ {
		schedules++
		f := try(draw(seed), v)
		if f == nil {
			continue
		}
		shrink(f.plan, shorter, func(p plan) bool {
			for range tries {
				schedules++
				if again := try(p, v); again != nil {
					f = again
					return true
				}
			}
			return false
		})
		return f, schedules
	}
	return nil, schedules
}

// inBubble runs a function in a time of its own. The client of NATS keeps timers for anybody to use
// again, and those of one bubble do not work in the next: two collections throw them away.
func inBubble(what func()) {
	runtime.GC()
	runtime.GC()
	synctest.Test(outer, func(*testing.T) { what() })
}

var _ = Describe("Two stages in a row", func() {
	It("come to the same end under every schedule of faults", func() {
		if text := os.Getenv(variable); text != "" {
			var p plan
			Expect(json.Unmarshal([]byte(text), &p)).To(Succeed())
			var f *found
			inBubble(func() { f = try(p, variant{}) })
			Expect(f).To(BeNil())
			return
		}
		begun := time.Now()
		first, last := scale.Seeds(GinkgoT())
		var f *found
		var schedules uint64
		inBubble(func() { f, schedules = search(first*perSeed, (last-first+1)*perSeed, variant{}, shrinkMost) })
		took := time.Since(begun)
		scale.Figure(GinkgoT(), "schedules of faults over the model: %d in %v, %.0f a minute", schedules,
			took.Round(time.Millisecond), float64(schedules)/took.Minutes())
		if f != nil {
			Fail(f.String())
		}
	})
})

var _ = Describe("A message of another writer among the outputs, or one that is missing", func() {
	It("stops the stage, or is named by a verification, whenever it happens", func() {
		first, last := scale.Seeds(GinkgoT())
		var f *found
		inBubble(func() {
			for seed := first * perSeed; seed < (last+1)*perSeed && f == nil; seed++ {
				f = try(intruded(seed), variant{})
			}
		})
		if f != nil {
			Fail(f.String())
		}
	})
})

var _ = Describe("The schedules", func() {
	DescribeTable("find a stage with a mistake, and name few faults", func(v variant, faults int) {
		if scale.Short() {
			Skip(scale.NotShort)
		}
		// Not every wait is the plan's, so a plan may keep a fault that it does not need: then the
		// next one is looked for.
		var f *found
		for first := uint64(0); f == nil || len(f.plan.Faults) > faults; first = f.plan.Seed + 1 {
			var schedules uint64
			inBubble(func() { f, schedules = search(first, mistakeMost-first, v, shrinkLess) })
			Expect(f).NotTo(BeNil())
			fmt.Fprintf(GinkgoWriter, "found and shortened in %d schedules: %s", schedules, f)
		}
	},
		Entry("that expects whatever is there", variant{mistake: blind}, 1),
		Entry("that sends a batch without an answer once more", variant{mistake: again}, 1),
		Entry("that does not know that its input is derived", variant{original: true}, 2),
		Entry("with a snapshot that lacks a part of the state", variant{forgetful: true}, 2),
	)
})
