package cc_test

import (
	"encoding/json"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// at brings the foundation to a time after the start.
func (c *caller) at(after time.Duration) { c.Advance(start.Add(after)) }

// app makes an app with one web process.
func (c *caller) app(name string) (a *sim.App) {
	c.Do(func(p *sim.Platform) {
		a = p.CreateApp(p.Spaces[0], "", name, sim.Buildpack{GUID: "bp", Name: "ruby_buildpack"},
			sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 64})
	})
	return a
}

func (c *caller) start(a *sim.App) { c.Do(func(p *sim.Platform) { p.StartApp(a) }) }
func (c *caller) stop(a *sim.App)  { c.Do(func(p *sim.Platform) { p.StopApp(a) }) }
func (c *caller) scale(a *sim.App, instances int) {
	c.Do(func(p *sim.Platform) { p.ScaleProcess(a.Processes[0], instances, 64) })
}

func (c *caller) states(path string) []string {
	GinkgoHelper()
	return states(c.list(path + "?per_page=5000").Resources)
}

var _ = Describe("a table of usage events", func() {
	var c *caller
	knobs := func(turn ...func(*cc.Knobs)) {
		c = found(quiet(), turn...).as("daybook")
		Expect(c.Rows(cc.AppEvents)).To(BeEmpty(), "the quiet world should stay quiet")
	}

	Describe("with late commits", func() {
		It("lists a row only once it is committed, and then at the place of its id", func() {
			knobs(func(k *cc.Knobs) { k.LateCommits, k.LateCommitMax = 1, cc.Duration(10*time.Minute) })
			late := c.app("late")
			c.start(late)
			c.tell(`{"late_commits": 0}`)
			prompt := c.app("prompt")
			c.start(prompt)
			rows := c.Rows(cc.AppEvents)
			Expect(rows).To(HaveLen(2))
			Expect(rows[0].Visible).To(BeTemporally(">", c.Now()))
			p := c.list(apps)
			Expect(guids(p.Resources)).To(Equal([]string{rows[1].GUID}))
			Expect(p.Pagination.Total).To(Equal(1))
			r := c.get(apps + "/" + rows[0].GUID)
			Expect(r.status).To(Equal(404))
			r = c.get(apps + "?after_guid=" + rows[0].GUID)
			Expect(r.status).To(Equal(422))
			c.Advance(rows[0].Visible)
			p = c.list(apps)
			Expect(guids(p.Resources)).To(Equal([]string{rows[0].GUID, rows[1].GUID}))
			Expect(p.Pagination.Total).To(Equal(2))
			Expect(c.list(apps + "?after_guid=" + rows[1].GUID).Resources).To(BeEmpty())
		})

		It("commits what belongs to one call at once", func() {
			c = found(lively(3), func(k *cc.Knobs) { k.LateCommits, k.LateCommitMax = 1, cc.Duration(time.Hour) })
			c.at(5 * day)
			together := 0
			rows := c.Rows(cc.AppEvents)
			for i := 1; i < len(rows); i++ {
				// A restart: STOPPED and STARTED of one process by one call.
				if rows[i].CreatedAt.Equal(rows[i-1].CreatedAt) && strings.Contains(string(rows[i].JSON),
					`"STARTED","previous":"STOPPED"`) &&
					strings.Contains(string(rows[i-1].JSON), `"STOPPED","previous":"STARTED"`) {
					together++
					Expect(rows[i].Visible).To(Equal(rows[i-1].Visible))
				}
			}
			Expect(together).To(BeNumerically(">", 10))
		})
	})

	Describe("with a retention", func() {
		BeforeEach(func() { knobs() })

		It("loses old rows at 18:00, service events at 22:00", func() {
			a := c.app("a")
			c.start(a)
			c.Do(func(p *sim.Platform) { p.CreateService(p.Spaces[0], "", "s", p.Plans[0]) })
			c.at(day)
			c.stop(a)
			c.Do(func(p *sim.Platform) { p.CreateService(p.Spaces[0], "", "t", p.Plans[0]) })
			Expect(c.states(apps)).To(HaveLen(2))
			c.at(31*day + 18*time.Hour - time.Second)
			Expect(c.states(apps)).To(Equal([]string{"STARTED", "STOPPED"}))
			c.at(31*day + 18*time.Hour)
			Expect(c.states(apps)).To(Equal([]string{"STOPPED"}))
			Expect(c.states(services)).To(HaveLen(2))
			c.at(31*day + 22*time.Hour)
			Expect(c.states(services)).To(HaveLen(1))
			gone := c.Pruned(cc.AppEvents)
			Expect(gone).To(HaveLen(1))
			Expect(gone[0].At).To(Equal(start.Add(31*day + 18*time.Hour)))
			Expect(gone[0].Cause).To(Equal(cc.Retention))
			Expect(string(gone[0].JSON)).To(ContainSubstring(`"STARTED"`))
		})

		It("never loses the newest row (old_record_cleanup_spec.rb:38-47)", func() {
			c.start(c.app("a"))
			c.at(200 * day)
			Expect(c.states(apps)).To(Equal([]string{"STARTED"}))
		})

		It("loses a cursor", func() {
			a := c.app("a")
			c.start(a)
			cursor := c.Rows(cc.AppEvents)[0].GUID
			c.at(40 * day)
			c.stop(a)
			c.at(41 * day)
			r := c.get(apps + "?after_guid=" + cursor)
			Expect(r.fault().Code).To(Equal(10008))
			r = c.get(apps + "/" + cursor)
			Expect(r.fault().Code).To(Equal(10010))
		})

		It("keeps everything for ever where it is 0", func() {
			c.tell(`{"retention": "0s"}`)
			a := c.app("a")
			c.start(a)
			c.stop(a)
			c.at(400 * day)
			Expect(c.states(apps)).To(HaveLen(2))
		})

		It("can be told to lose them at once", func() {
			a := c.app("a")
			c.start(a)
			c.stop(a)
			c.at(2 * day)
			c.tell(`{"retention": "1d"}`)
			r := c.post("/_sim/prune?list=app", "")
			Expect(r.status).To(Equal(200))
			Expect(c.states(apps)).To(Equal([]string{"STOPPED"}))
		})
	})

	Describe("that keeps what runs (pull request 5210)", func() {
		BeforeEach(func() { knobs(func(k *cc.Knobs) { k.KeepRunning = true }) })

		It("keeps the first and the latest beginning of a run, and loses what lies between", func() {
			a := c.app("a")
			c.start(a)
			for i := range 4 {
				c.at(time.Duration(i+1) * time.Hour)
				c.scale(a, 2+i)
			}
			c.at(60 * day)
			c.stop(c.app("other"))
			rows := c.list(apps).Resources
			Expect(states(rows)).To(Equal([]string{"STARTED", "STARTED"}))
			Expect([]int{rows[0].Count.Current, rows[1].Count.Current}).To(Equal([]int{1, 5}))
			Expect(rows[0].Created).To(Equal(start))
		})

		It("keeps a young scaling, and the beginning before it", func() {
			a := c.app("a")
			c.start(a)
			c.at(20 * day)
			c.scale(a, 2)
			c.at(45 * day)
			Expect(c.states(apps)).To(Equal([]string{"STARTED", "STARTED"}))
		})

		It("loses a run that ended when the ending is old, too", func() {
			a, b := c.app("a"), c.app("b")
			c.start(a)
			c.start(b)
			c.at(day)
			c.stop(a)
			c.at(31*day + 20*time.Hour) // the beginning is old, the ending is not
			Expect(c.states(apps)).To(Equal([]string{"STARTED", "STARTED", "STOPPED"}))
			c.start(c.app("newest"))
			c.at(33 * day)
			Expect(c.states(apps)).To(Equal([]string{"STARTED", "STARTED"}))
			Expect(guids(c.list(apps).Resources)).NotTo(ContainElement(c.Pruned(cc.AppEvents)[0].GUID))
		})

		It("tells a restarted run from the former one by the order of rows", func() {
			a := c.app("a")
			c.start(a)
			c.Do(func(p *sim.Platform) { p.RestartApp(a) })
			c.at(60 * day)
			c.start(c.app("newest"))
			rows := c.list(apps).Resources
			Expect(states(rows)).To(Equal([]string{"STARTED", "STARTED"}))
			Expect(rows[0].GUID).To(Equal(c.Rows(cc.AppEvents)[0].GUID))
			Expect(c.Rows(cc.AppEvents)[0].ID).To(Equal(int64(3)))
		})

		It("loses staging all the same", func() {
			a := c.app("a")
			c.Do(func(p *sim.Platform) { p.BeginBuild(a); p.EndBuild(a, true); p.StartApp(a) })
			c.at(60 * day)
			Expect(c.states(apps)).To(Equal([]string{"STARTED"}))
		})

		It("keeps service instances and tasks", func() {
			a := c.app("a")
			var s *sim.Service
			c.Do(func(p *sim.Platform) {
				p.RunTask(p.CreateTask(a, "t", 64))
				s = p.CreateService(p.Spaces[0], "", "s", p.Plans[0])
				p.RenameService(s, "r")
				p.ChangePlan(s, p.Plans[1])
				p.CreateService(p.Spaces[0], "", "u", nil)
			})
			c.at(60 * day)
			Expect(c.states(apps)).To(Equal([]string{"TASK_STARTED"}))
			Expect(c.states(services)).To(Equal([]string{"CREATED", "UPDATED", "CREATED"}))
		})
	})

	Describe("with tasks that outlive the retention", func() {
		begin := func() (task *sim.Task) {
			a := c.app("a")
			c.Do(func(p *sim.Platform) {
				task = p.CreateTask(a, "t", 64)
				p.RunTask(task)
			})
			c.at(40 * day)
			c.start(a)
			c.at(41 * day)
			return task
		}
		end := func(t *sim.Task) { c.Do(func(p *sim.Platform) { p.EndTask(t) }) }

		It("gets no TASK_STOPPED without a TASK_STARTED", func() {
			knobs()
			end(begin())
			Expect(c.states(apps)).To(Equal([]string{"STARTED"}))
			gone := c.Pruned(cc.AppEvents)
			Expect(gone[len(gone)-1].Cause).To(Equal(cc.Unwritten))
			Expect(string(gone[len(gone)-1].JSON)).To(ContainSubstring(`"TASK_STOPPED"`))
		})

		It("gets it when the TASK_STARTED was kept", func() {
			knobs(func(k *cc.Knobs) { k.KeepRunning = true })
			end(begin())
			Expect(c.states(apps)).To(Equal([]string{"TASK_STARTED", "STARTED", "TASK_STOPPED"}))
		})

		It("gets it after a backfill", func() {
			knobs()
			task := begin()
			c.Backfill()
			end(task)
			Expect(c.states(apps)).To(Equal([]string{"STARTED", "TASK_WAS_RUNNING", "TASK_STOPPED"}))
		})

		It("gets it for a task that never ran, with its app, unless running rows are kept (task_model_spec.rb:134-144)",
			func() {
				for keep, expected := range map[bool][]string{
					false: {"STARTED", "TASK_STOPPED", "STOPPED"},
					true:  {"STARTED", "STOPPED"},
				} {
					knobs(func(k *cc.Knobs) { k.KeepRunning = keep })
					a := c.app("a")
					c.start(a)
					c.Do(func(p *sim.Platform) {
						p.CreateTask(a, "t", 64)
						p.DeleteApp(a)
					})
					Expect(c.states(apps)).To(Equal(expected))
				}
			})
	})

	Describe("that is purged and reseeded", func() {
		purge := func(path string) {
			GinkgoHelper()
			r := c.as("admin").post(path+"/actions/destructively_purge_all_and_reseed", "")
			Expect(r.status).To(Equal(200), string(r.body))
			Expect(string(r.body)).To(Equal("{}"))
		}
		BeforeEach(func() { knobs(func(k *cc.Knobs) { k.LateCommits, k.LateCommitMax = 1, cc.Duration(time.Second) }) })

		It("has a STARTED row for each started process, under the guid of the process (repository_spec.rb:505-548)",
			func() {
				a, b := c.app("a"), c.app("b")
				c.start(a)
				c.start(b)
				c.Do(func(p *sim.Platform) { p.RunTask(p.CreateTask(a, "t", 64)) })
				c.stop(b)
				c.at(time.Hour)
				cursor := c.list(apps).Resources[0].GUID
				purge(apps)
				rows := c.list(apps).Resources
				Expect(guids(rows)).To(Equal([]string{a.Processes[0].GUID}))
				Expect(rows[0].Created).To(Equal(start.Add(time.Hour)))
				Expect(*rows[0].Process.GUID).To(Equal(a.Processes[0].GUID))
				Expect(rows[0].Process.Type).To(BeNil())
				r := c.get(apps + "?after_guid=" + cursor)
				Expect(r.status).To(Equal(422))
				Expect(c.Pruned(cc.AppEvents)).To(HaveLen(4))
				Expect(c.Pruned(cc.AppEvents)[0].Cause).To(Equal(cc.Purge))
			})

		It("gives the same guids again at the next purge, with another time", func() {
			a := c.app("a")
			c.start(a)
			purge(apps)
			c.at(time.Hour)
			c.start(c.app("b"))
			purge(apps)
			rows := c.list(apps).Resources
			Expect(rows).To(HaveLen(2))
			Expect(rows[0].GUID).To(Equal(a.Processes[0].GUID))
			Expect(rows[0].Created).To(Equal(start.Add(time.Hour)))
			Expect(c.list(apps + "?after_guid=" + rows[0].GUID).Resources).To(HaveLen(1))
		})

		It("has a CREATED row for each service instance (service_usage_event_repository_spec.rb:106-125)", func() {
			var s, u *sim.Service
			c.Do(func(p *sim.Platform) {
				s = p.CreateService(p.Spaces[0], "", "s", p.Plans[0])
				u = p.CreateService(p.Spaces[0], "", "u", nil)
				p.DeleteService(p.CreateService(p.Spaces[0], "", "gone", p.Plans[0]))
			})
			purge(services)
			rows := c.list(services).Resources
			Expect(guids(rows)).To(Equal([]string{s.GUID, u.GUID}))
			Expect(states(rows)).To(Equal([]string{"CREATED", "CREATED"}))
			Expect(rows[1].Instance.GUID).To(Equal(u.GUID))
		})

		It("is for admins only (request spec:153-157)", func() {
			r := c.post(apps+"/actions/destructively_purge_all_and_reseed", "")
			Expect(r.fault()).To(Equal(fault{403, 10003, "CF-NotAuthorized", "You are not authorized to perform the " +
				"requested action"}))
		})
	})

	Describe("with the backfill of pull request 5210", func() {
		BeforeEach(func() { knobs() })

		It("gets a baseline for what runs and has no beginning, and for nothing else", func() {
			a, b, stopped := c.app("a"), c.app("b"), c.app("stopped")
			c.start(a)
			c.start(stopped)
			c.stop(stopped)
			c.Do(func(p *sim.Platform) {
				p.RunTask(p.CreateTask(a, "t", 64))
				p.CreateService(p.Spaces[0], "", "s", p.Plans[0])
			})
			c.at(40 * day)
			c.start(b)
			c.Do(func(p *sim.Platform) { p.CreateService(p.Spaces[0], "", "young", nil) })
			c.at(41 * day)
			Expect(c.states(apps)).To(Equal([]string{"STARTED"}))
			r := c.post("/_sim/backfill", "")
			Expect(r.status).To(Equal(200), string(r.body))
			rows := c.list(apps).Resources
			Expect(states(rows)).To(Equal([]string{"STARTED", "WAS_RUNNING", "TASK_WAS_RUNNING"}))
			Expect(*rows[1].Process.GUID).To(Equal(a.Processes[0].GUID))
			Expect(rows[1].GUID).NotTo(Equal(a.Processes[0].GUID))
			Expect(rows[1].State.(map[string]any)["previous"]).To(BeNil())
			Expect(rows[1].Created).To(Equal(start.Add(41 * day)))
			Expect(c.states(services)).To(Equal([]string{"CREATED", "WAS_RUNNING"}))
			c.Backfill()
			Expect(c.states(apps)).To(HaveLen(3), "a second one has nothing to do")
		})

		It("repairs the ending of what ended while it was at work", func() {
			a := c.app("a")
			c.start(a)
			c.at(40 * day)
			c.start(c.app("b"))
			c.at(41 * day)
			var backfill *sim.Backfill
			c.Do(func(p *sim.Platform) {
				backfill = p.BeginBackfill()
				p.StopApp(a)
				backfill.Write(func(_, resource string) bool { return resource == a.Processes[0].GUID })
			})
			Expect(c.states(apps)).To(Equal([]string{"STARTED", "STOPPED", "WAS_RUNNING"}))
			c.at(42 * day)
			r := c.post("/_sim/repair", "")
			Expect(r.status).To(Equal(200))
			rows := c.list(apps).Resources
			Expect(states(rows)).To(Equal([]string{"STARTED", "STOPPED", "WAS_RUNNING", "STOPPED"}))
			Expect(rows[3].State.(map[string]any)["previous"]).To(Equal("WAS_RUNNING"))
			Expect(rows[3].Created).To(Equal(start.Add(42 * day)))
		})

		It("may take a while, during which the foundation lives on", func() {
			r := c.post("/_sim/backfill?takes=10m", "")
			Expect(r.status).To(Equal(200))
			Expect(c.Now()).To(Equal(start.Add(10 * time.Minute)))
		})
	})

	Describe("with unknown states", func() {
		It("has rows that nobody knows beside those of the world, and unknown fields, and the truth stays", func() {
			plain, strange := found(lively(5)), found(lively(5), func(k *cc.Knobs) { k.UnknownStateRate = 0.2 })
			plain.at(5 * day)
			strange.at(5 * day)
			Expect(strange.Truth()).To(Equal(plain.Truth()))
			known := map[string]bool{}
			for _, r := range plain.Rows(cc.AppEvents) {
				known[r.GUID] = true
			}
			more, fields := 0, 0
			for _, r := range strange.Rows(cc.AppEvents) {
				var event map[string]any
				Expect(json.Unmarshal(r.JSON, &event)).To(Succeed())
				if _, is := event["placement"]; is {
					fields++
				}
				if !known[r.GUID] {
					more++
					Expect(event["state"]).To(HaveKeyWithValue("current", "EVACUATED"))
					Expect(event["guid"]).To(Equal(r.GUID))
					Expect(event["links"]).To(HaveKeyWithValue("self", HaveKeyWithValue("href", HaveSuffix(r.GUID))))
				}
			}
			Expect(more).To(BeNumerically(">", 10))
			Expect(fields).To(BeNumerically(">", 10))
		})
	})
})
