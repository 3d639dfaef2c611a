package cc_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

var _ = Describe("what is true", func() {
	It("is what the world says, of the foundation alone", func() {
		c := found(sim.Config{
			Seed: 4, Orgs: 3, Spaces: 6, Apps: 20, Services: 8, Instances: 8, Start: start,
			Events: 6000,
		})
		c.at(10 * day)
		world, err := sim.NewWorld(sim.Config{
			Seed: 4, Orgs: 3, Spaces: 6, Apps: 20, Services: 8, Instances: 8,
			Start: start, Events: 6000,
		})
		Expect(err).NotTo(HaveOccurred())
		world.Advance(start.Add(10*day), func(sim.Event) {})
		var expected []sim.Span
		for _, s := range world.Truth() {
			if s.Kind != sim.KindInstance && s.Kind != sim.KindVolume {
				expected = append(expected, s)
			}
		}
		Expect(len(world.Truth())).To(BeNumerically(">", len(expected)))
		Expect(c.Truth()).To(Equal(expected))
		now := start.Add(10 * day)
		for tenant, kinds := range c.TrueBill() {
			for kind, amount := range kinds {
				Expect(kind).To(BeElementOf(sim.KindApp, sim.KindTask, sim.KindStaging, sim.KindService))
				Expect(amount).To(Equal(world.Platform().TrueBill(now, now)[tenant][kind]))
			}
		}
	})

	It("does not depend on what is asked in between, nor on any knob of requests and commits", func() {
		calm, troubled := found(lively(6)), found(lively(6), func(k *cc.Knobs) {
			k.LateCommits, k.ErrorRate, k.CutRate, k.GarbageRate, k.UnknownStateRate = 0.5, 0.3, 0.3, 0.3, 0.5
		})
		calm.at(4 * day)
		for hour := range 4 * 24 {
			troubled.at(time.Duration(hour+1) * time.Hour)
			troubled.get("/v3/info")
		}
		Expect(troubled.Truth()).To(Equal(calm.Truth()))
	})
})

// TestListing holds every list against the rows: whatever the commits and the retention, a list is
// the committed rows in the order of their ids.
func TestListing(t *testing.T) {
	RegisterTestingT(t)
	rapid.Check(t, func(t *rapid.T) {
		knobs := cc.StandardKnobs()
		knobs.LateCommits = rapid.Float64Range(0, 1).Draw(t, "late")
		knobs.LateCommitMax = cc.Duration(rapid.Int64Range(0, int64(day)).Draw(t, "how late"))
		knobs.Retention = cc.Duration(time.Duration(rapid.IntRange(0, 4).Draw(t, "retention")) * day)
		knobs.KeepRunning = rapid.Bool().Draw(t, "keep running")
		f, err := cc.New(cc.Config{World: lively(rapid.Uint64().Draw(t, "seed")), Knobs: &knobs, Key: key()})
		if err != nil {
			t.Fatal(err)
		}
		c := &direct{f: f}
		c.signIn()
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			f.Advance(f.Now().Add(time.Duration(rapid.Int64Range(0, int64(3*day)).Draw(t, "step"))))
			if rapid.IntRange(0, 9).Draw(t, "purge") == 0 {
				f.Purge(cc.AppEvents)
			}
			var committed []string
			for _, r := range f.Rows(cc.AppEvents) {
				if !r.Visible.After(f.Now()) {
					committed = append(committed, r.GUID)
				}
			}
			path, from := apps+"?", 0
			if len(committed) > 0 && rapid.Bool().Draw(t, "cursor") {
				from = rapid.IntRange(1, len(committed)).Draw(t, "after")
				path += "after_guid=" + committed[from-1] + "&"
			}
			expected := committed[from:]
			per, number := rapid.IntRange(1, 300).Draw(t, "per page"), rapid.IntRange(1, 4).Draw(t, "page")
			p := c.list(t, path, per, number)
			if p.Pagination.Total != len(expected) {
				t.Fatalf("total_results %d, committed %d", p.Pagination.Total, len(expected))
			}
			expected = expected[min(len(expected), (number-1)*per):]
			expected = expected[:min(len(expected), per)]
			if got := guids(p.Resources); strings.Join(got, " ") != strings.Join(expected, " ") {
				t.Fatalf("listed\n%v\ncommitted\n%v", got, expected)
			}
		}
	})
}

var _ http.Handler = (*cc.Foundation)(nil)
