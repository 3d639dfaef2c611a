package trove_test

import (
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// inRegion is a create of an instance in a region.
func inRegion(name, instance string) string {
	return strings.ReplaceAll(notify(instance), `\"region\":\"r\"`, `\"region\":\"`+name+`\"`)
}

var _ = Describe("The region of the notifications", func() {
	// platforms are what the markers say: the region, and the one before a move.
	platforms := func(ctx SpecContext, r *rig) (all []string) {
		_, err := r.bus.Each(ctx, events.StreamUsage, 1, bus.End, bus.ReadOptions{
			Filters: []string{events.UsageMarkerSubject(events.SourceTrove, r.cfg.Foundation)}, HeadersOnly: true,
		}, func(m *bus.Stored) error {
			say := m.Header(events.HeaderPlatform)
			if from := m.Header(events.HeaderMovedFrom); from != "" {
				say += " from " + from
			}
			if len(all) == 0 || all[len(all)-1] != say {
				all = append(all, say)
			}
			return nil
		})
		Expect(err).NotTo(HaveOccurred())
		return all
	}
	stored := func(d *door, body string) {
		GinkgoHelper()
		status, answer := d.answered(body)
		Expect(status).To(BeElementOf(http.StatusAccepted, http.StatusOK), "%v", answer)
	}
	refused := func(d *door, body, message string) {
		GinkgoHelper()
		status, answer := d.answered(body)
		Expect(status).To(Equal(http.StatusUnprocessableEntity))
		Expect(answer["error"]).To(ContainSubstring(message))
	}

	It("is that of the foundation: another region is quarantined, with what to do", func(ctx SpecContext) {
		d := newDoor(ctx, nil)
		stored(d, inRegion("LOCAL_DEV", "a")) // Trove's default: the service names no region
		stored(d, inRegion("RegionOne", "b"))
		stored(d, inRegion("LOCAL_DEV", "c"))
		refused(d, inRegion("RegionTwo", "d"), "--moved-from RegionOne")
		Expect(d.resources(ctx)).To(Equal([]string{"a", "b", "c"}))
		Expect(d.quarantined(ctx)).To(HaveLen(1))
		Expect(platforms(ctx, d.rig)).To(Equal([]string{"", "RegionOne"}))

		By("knowing it after a restart")
		d.stop()
		again := newDoorOf(ctx, d.rig)
		refused(again, inRegion("RegionThree", "e"), "one foundation is one platform")
		stored(again, inRegion("RegionOne", "f"))
	})

	It("is that of the collector that came first, where two begin together", func(ctx SpecContext) {
		first := newDoor(ctx, nil)
		second := newDoorOf(ctx, first.rig)
		stored(first, inRegion("RegionOne", "a"))
		stored(second, inRegion("RegionTwo", "b")) // its batch met the other's
		refused(second, inRegion("RegionTwo", "c"), "--moved-from RegionOne")
		stored(first, inRegion("RegionOne", "d"))
		Expect(platforms(ctx, first.rig)).To(Equal([]string{"RegionOne"}))
	})

	It("may have changed: what is under way with the old name is taken, too", func(ctx SpecContext) {
		d := newDoor(ctx, nil)
		stored(d, inRegion("RegionOne", "a"))
		d.stop()
		d.cfg.MovedFrom = "RegionOne"
		moved := newDoorOf(ctx, d.rig)
		stored(moved, inRegion("RegionTwo", "b"))
		stored(moved, inRegion("RegionOne", "c"))
		stored(moved, inRegion("RegionTwo", "d"))
		refused(moved, inRegion("RegionThree", "e"), "was collected from RegionTwo")
		Expect(platforms(ctx, d.rig)).To(Equal([]string{"RegionOne", "RegionTwo from RegionOne", "RegionTwo"}))
	})
})
