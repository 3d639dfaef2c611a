package cc_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

var _ = Describe("lists that show less than there is", func() {
	var c *caller
	var all []string
	BeforeEach(func() {
		c = found(lively(1)).as("daybook")
		c.at(4 * day)
		all = guids(c.list("/v3/apps?per_page=5000").Resources)
		Expect(len(all)).To(BeNumerically(">", 9))
	})
	// walk reads a list to its end by its links.
	walk := func(path string) (seen []string, total []int) {
		for next := path; next != ""; {
			p := c.list(next)
			seen, total = append(seen, guids(p.Resources)...), append(total, p.Pagination.Total)
			next = ""
			if p.Pagination.Next != nil {
				next = strings.TrimPrefix(p.Pagination.Next.Href, c.server.URL)
			}
		}
		return seen, total
	}

	It("move a living resource onto a page that was read, where another is deleted between two pages", func() {
		c.tell(`{"page_deletes": 1}`)
		seen, total := walk("/v3/apps?per_page=4")
		c.tell(`{"page_deletes": 0}`)
		living := guids(c.list("/v3/apps?per_page=5000").Resources)
		missed := slices.DeleteFunc(slices.Clone(living), func(g string) bool { return slices.Contains(seen, g) })
		Expect(missed).NotTo(BeEmpty(), "apps that live, and were on no page")
		Expect(all).To(ContainElements(missed))
		Expect(slices.Max(total)).To(BeNumerically(">", slices.Min(total)))
	})

	It("grow where a resource is made between two pages", func() {
		c.tell(`{"page_creates": 1}`)
		seen, total := walk("/v3/apps?per_page=7")
		Expect(len(seen)).To(BeNumerically(">", len(all)))
		Expect(total[len(total)-1]).To(BeNumerically(">", total[0]))
	})

	It("have half of the resources, or none, and say that these are all", func() {
		c.tell(`{"partial_lists": 1}`)
		p := c.list("/v3/apps?per_page=5000")
		Expect(p.Pagination.Total).To(Equal((len(all) + 1) / 2))
		Expect(p.Resources).To(HaveLen((len(all) + 1) / 2))
		Expect(c.get("/v3/apps/" + all[1]).status).To(Equal(200))
		c.tell(`{"partial_lists": 0, "empty_lists": 1}`)
		for _, list := range []string{"apps", "processes", "tasks", "service_instances"} {
			p = c.list("/v3/" + list)
			Expect(p.Resources).To(BeEmpty())
			Expect(p.Pagination.Total).To(BeZero())
		}
		Expect(c.list("/v3/organizations").Resources).NotTo(BeEmpty())
	})

	It("are empty once the tokens have lost their scope", func() {
		c.tell(`{"scope_after": 2}`)
		Expect(c.list("/v3/apps").Resources).NotTo(BeEmpty())
		Expect(c.get("/v3/info/usage_summary").status).To(Equal(200))
		Expect(c.list("/v3/apps").Resources).To(BeEmpty())
		Expect(c.get("/v3/info/usage_summary").status).To(Equal(404))
		c.tell(`{"scope_after": 0}`)
		Expect(c.get("/v3/info/usage_summary").status).To(Equal(200))
	})

	It("are of some seconds ago where an API server lags", func() {
		c = found(quiet()).as("daybook")
		a := c.app("a")
		c.start(a)
		c.at(time.Hour)
		c.tell(`{"lag_rate": 1, "lag": "30s"}`)
		b := c.app("b")
		c.stop(a)
		shown := func() (state string, there bool) {
			var one resource
			Expect(json.Unmarshal(c.get("/v3/apps/"+a.GUID).body, &one)).To(Succeed())
			return one.State.(string), c.get("/v3/apps/"+b.GUID).status == 200
		}
		for _, after := range []time.Duration{0, 29 * time.Second, 30 * time.Second} {
			c.at(time.Hour + after)
			state, there := shown()
			if after < 30*time.Second {
				Expect(state).To(Equal("STARTED"))
				Expect(there).To(BeFalse())
			} else {
				Expect(state).To(Equal("STOPPED"))
				Expect(there).To(BeTrue())
			}
		}
	})
})

var _ = Describe("the audit events", func() {
	var c *caller
	BeforeEach(func() { c = found(quiet()).as("daybook") })
	type event struct {
		Type    string
		Created time.Time `json:"created_at"`
		Data    map[string]any
	}
	of := func(guid string) (all []event, types []string) {
		var p struct{ Resources []event }
		r := c.get("/v3/audit_events?per_page=5000&order_by=created_at&target_guids=" + guid)
		Expect(r.status).To(Equal(200), string(r.body))
		Expect(json.Unmarshal(r.body, &p)).To(Succeed())
		for _, e := range p.Resources {
			types = append(types, strings.TrimPrefix(e.Type, "audit."))
		}
		return p.Resources, types
	}

	It("tell what users asked of an app, its processes and tasks, and when", func() {
		a := c.app("a")
		c.at(time.Hour)
		c.start(a)
		c.at(2 * time.Hour)
		c.scale(a, 3)
		var task *sim.Task
		c.Do(func(p *sim.Platform) {
			task = p.CreateTask(a, "t", 64)
			p.RunTask(task)
			p.CancelTask(task)
			p.EndTask(task)
		})
		c.at(3 * time.Hour)
		c.stop(a)
		c.Do(func(p *sim.Platform) { p.DeleteApp(a) })
		events, types := of(a.GUID)
		Expect(types).To(Equal([]string{
			"app.create", "app.start", "app.process.scale", "app.task.create", "app.task.cancel", "app.stop",
			"app.process.delete", "app.delete-request",
		}))
		Expect(events[1].Created).To(Equal(start.Add(time.Hour)))
		Expect(events[2].Data).To(HaveKeyWithValue("process_guid", a.Processes[0].GUID))
		Expect(fmt.Sprint(events[2].Data["request"])).To(ContainSubstring("instances:3"))
		Expect(events[4].Data).To(HaveKeyWithValue("task_guid", task.GUID))
		Expect(c.list("/v3/audit_events?types=audit.app.stop").Resources).To(HaveLen(1))
	})

	It("tell what became of a service instance, as does its last operation", func() {
		var s *sim.Service
		c.Do(func(p *sim.Platform) { s = p.CreateService(p.Spaces[0], "", "s", p.Plans[0]) })
		c.at(time.Hour)
		c.Do(func(p *sim.Platform) { p.ChangePlan(s, p.Plans[1]) })
		var one struct {
			Updated   time.Time `json:"updated_at"`
			Operation struct {
				Type    string
				Updated time.Time `json:"updated_at"`
			} `json:"last_operation"`
		}
		Expect(json.Unmarshal(c.get("/v3/service_instances/"+s.GUID).body, &one)).To(Succeed())
		Expect(one.Operation.Type).To(Equal("update"))
		Expect(one.Operation.Updated).To(Equal(start.Add(time.Hour)))
		Expect(one.Updated).To(Equal(start.Add(time.Hour)))
		c.Do(func(p *sim.Platform) { p.DeleteService(s) })
		_, types := of(s.GUID)
		Expect(types).To(Equal([]string{
			"service_instance.create", "service_instance.update", "service_instance.delete",
		}))
	})

	It("are kept 31 days, and are for the readers of their organization", func() {
		a := c.app("a")
		c.at(31 * day)
		_, types := of(a.GUID)
		Expect(types).To(HaveLen(1))
		Expect(c.as("nobody").list("/v3/audit_events").Resources).To(BeEmpty())
		c.at(31*day + time.Second)
		_, types = of(a.GUID)
		Expect(types).To(BeEmpty())
	})
})

var _ = Describe("the instances of a process", func() {
	var c *caller
	BeforeEach(func() { c = found(quiet()).as("daybook") })
	up := func(guid string) []string {
		var p struct{ Resources []struct{ State string } }
		r := c.get("/v3/processes/" + guid + "/stats")
		Expect(r.status).To(Equal(200))
		Expect(json.Unmarshal(r.body, &p)).To(Succeed())
		all := []string{}
		for _, i := range p.Resources {
			all = append(all, i.State)
		}
		return all
	}

	It("are down where it was made while the app runs, until the app is started again", func() {
		a := c.app("a")
		c.start(a)
		rows := len(c.states(apps))
		var worker *sim.Process
		c.Do(func(p *sim.Platform) {
			worker = p.AddProcess(a, sim.ProcessSpec{Type: "worker", Instances: 2, MemoryMB: 64})
		})
		Expect(c.states(apps)).To(HaveLen(rows), "there is no event")
		Expect(up(a.GUID)).To(Equal([]string{"RUNNING"}))
		Expect(up(worker.GUID)).To(Equal([]string{"DOWN", "DOWN"}))
		c.Do(func(p *sim.Platform) { p.RestartApp(a) })
		Expect(up(worker.GUID)).To(Equal([]string{"RUNNING", "RUNNING"}))
	})

	It("are not told by a Cloud Controller without the endpoint", func() {
		a := c.app("a")
		c.start(a)
		c.tell(`{"no_stats": true}`)
		r := c.get("/v3/processes/" + a.GUID + "/stats")
		Expect(r.fault().Code).To(Equal(10000))
	})

	It("leave updated_at an upper bound: labels renew it", func() {
		a := c.app("a")
		c.start(a)
		c.at(time.Hour)
		c.Do(func(p *sim.Platform) { p.LabelProcess(a.Processes[0]) })
		Expect(string(c.get("/v3/processes/" + a.GUID).body)).To(ContainSubstring(`"updated_at":"` +
			start.Add(time.Hour).Format(time.RFC3339)))
	})
})
