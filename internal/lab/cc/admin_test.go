package cc_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

var _ = Describe("/_sim", func() {
	var c *caller
	BeforeEach(func() { c = found(lively(1)) })
	status := func() (s cc.Status) {
		GinkgoHelper()
		r := c.get("/_sim/status")
		Expect(json.Unmarshal(r.body, &s)).To(Succeed(), string(r.body))
		return s
	}

	It("tells where the foundation stands, and meets no faults itself", func() {
		c.tell(`{"error_rate": 1, "late_commits": 1, "late_commit_max": "10d"}`)
		c.at(2 * day)
		c.get("/v3/info")
		s := status()
		Expect(s.Now).To(Equal(start.Add(2 * day)))
		Expect(s.Faults).To(Equal(map[string]int{"error": 1}))
		table := s.Tables["app_usage_events"]
		Expect(table.Rows).To(Equal(len(c.Rows(cc.AppEvents))))
		Expect(table.Pending).To(BeNumerically(">", table.Rows/2))
		Expect(*table.Oldest).To(Equal(c.Rows(cc.AppEvents)[0].CreatedAt))
	})

	It("lets time pass", func() {
		c.post("/_sim/advance?by=1d12h", "")
		Expect(c.Now()).To(Equal(start.Add(36 * time.Hour)))
		c.post("/_sim/advance?to=2026-10-04T00:00:00Z", "")
		Expect(c.Now()).To(Equal(start.Add(3 * day)))
	})

	DescribeTable("refuses to let time pass in ways that make no sense",
		func(query, problem string) {
			r := c.post("/_sim/advance"+query, "")
			Expect(r.status).To(Equal(400))
			Expect(string(r.body)).To(ContainSubstring(problem))
			Expect(c.Now()).To(Equal(start))
		},
		Entry("without a time", "", "give one of by=1h and to="),
		Entry("with two", "?by=1h&to=2026-10-04T00:00:00Z", "give one of"),
		Entry("with none that can be read", "?by=soon", `"soon" is not a duration`),
		Entry("with a date only", "?to=2026-10-04", "is not a time such as"),
		Entry("backward", "?to=2026-09-30T00:00:00Z", "time goes forward"),
		Entry("too far", "?by=99999d", "time goes forward, by 3660d at most"),
	)

	It("purges one list, or both", func() {
		c.at(5 * day)
		before := len(c.Rows(cc.ServiceEvents))
		r := c.post("/_sim/purge?list=app", "")
		Expect(r.status).To(Equal(200))
		Expect(c.Rows(cc.AppEvents)[0].CreatedAt).To(Equal(start.Add(5 * day)))
		Expect(c.Rows(cc.ServiceEvents)).To(HaveLen(before))
		c.post("/_sim/purge", "")
		Expect(c.Rows(cc.ServiceEvents)[0].CreatedAt).To(Equal(start.Add(5 * day)))
		Expect(status().Tables["service_usage_events"].Gone).To(Equal(map[cc.Cause]int{cc.Purge: before}))
		r = c.post("/_sim/purge?list=trove", "")
		Expect(r.status).To(Equal(400))
	})

	It("tells the truth as lines of JSON, merged if asked", func() {
		c.at(3 * day)
		type line struct {
			Kind, Resource, Tenant, Space, Name string
			Start                               time.Time
			End                                 *time.Time
			Footprint                           map[string]any
		}
		read := func(path string) (lines []line) {
			for text := range strings.Lines(string(c.get(path).body)) {
				var l line
				Expect(json.Unmarshal([]byte(text), &l)).To(Succeed())
				lines = append(lines, l)
			}
			return lines
		}
		truth := c.Truth()
		lines := read("/_sim/truth")
		Expect(lines).To(HaveLen(len(truth)))
		kinds := map[string]bool{}
		for i, l := range lines {
			s := truth[i]
			kinds[l.Kind] = true
			Expect(fmt.Sprint(l.Kind, l.Resource, l.Tenant, l.Space, l.Name, l.Start)).To(Equal(fmt.Sprint(s.Kind,
				s.Resource, s.Tenant, s.Space, s.Name, s.Start)))
			Expect(l.End == nil).To(Equal(s.End.IsZero()))
			if l.Kind == sim.KindService {
				Expect(l.Footprint).To(HaveKeyWithValue("plan", s.Footprint.Plan))
			} else {
				Expect(l.Footprint).To(HaveKeyWithValue("memory_mb", BeEquivalentTo(s.Footprint.MemoryMB)))
			}
		}
		Expect(kinds).To(HaveLen(4))
		Expect(read("/_sim/truth?merge=1")).To(HaveLen(len(sim.Merge(truth))))
		Expect(len(sim.Merge(truth))).To(BeNumerically("<", len(truth)))
	})

	It("tells the true bill", func() {
		c.at(3 * day)
		total := 0
		bill := c.TrueBill()
		for text := range strings.Lines(string(c.get("/_sim/bill").body)) {
			fields := strings.Fields(text)
			Expect(fields).To(HaveLen(3))
			Expect(fields[2]).To(Equal(bill[fields[0]][fields[1]].FloatString(12)))
			total++
		}
		Expect(total).To(BeNumerically(">", 5))
	})

	It("names its actions to whoever asks for another", func() {
		r := c.post("/_sim/explode", "")
		Expect(r.status).To(Equal(400))
		Expect(string(r.body)).To(ContainSubstring("POST /_sim/{knobs,reset_faults,advance"))
	})
})

var _ = Describe("a foundation", func() {
	It("refuses a config that makes no sense", func() {
		knobs := cc.StandardKnobs()
		knobs.CutRate = 2
		_, err := cc.New(cc.Config{Knobs: &knobs})
		Expect(err).To(MatchError(ContainSubstring("knob cut_rate is 2")))
		_, err = cc.New(cc.Config{URL: "127.0.0.1:8181"})
		Expect(err).To(MatchError(ContainSubstring("give one such as http://127.0.0.1:8181")))
		_, err = cc.New(cc.Config{World: sim.Config{Apps: -1}})
		Expect(err).To(MatchError(ContainSubstring("Apps is -1")))
	})

	It("may be asked by many at once", func() {
		c := found(lively(1), func(k *cc.Knobs) { k.Speed = 3600 }).as("daybook")
		done := make(chan struct{})
		for range 4 {
			go func() {
				defer GinkgoRecover()
				defer func() { done <- struct{}{} }()
				for range 20 {
					c.clock.pass(time.Second)
					c.list(apps + "?per_page=5000")
					c.list("/v3/apps?include=space")
					c.Truth()
				}
			}()
		}
		for range 4 {
			<-done
		}
		Expect(c.Now()).To(Equal(start.Add(80 * time.Hour)))
	})
})
