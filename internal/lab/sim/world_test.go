package sim_test

import (
	"bytes"
	"fmt"
	"regexp"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// lived makes a world, lives it through, and returns it with its lines.
func lived(c sim.Config) (*sim.World, [][]byte) {
	world, err := sim.NewWorld(c)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	var lines [][]byte
	for e := range world.Events {
		lines = append(lines, bytes.Clone(e.JSON))
	}
	return world, lines
}

func small(seed uint64) sim.Config {
	return sim.Config{Seed: seed, Orgs: 4, Spaces: 8, Apps: 40, Services: 12, Instances: 8, Events: 5000, Exists: true}
}

var _ = Describe("a world", func() {
	It("lives the same life for the same seed", func() {
		_, first := lived(small(7))
		_, second := lived(small(7))
		_, other := lived(small(8))
		Expect(bytes.Equal(bytes.Join(first, nil), bytes.Join(second, nil))).To(BeTrue())
		Expect(bytes.Equal(bytes.Join(first, nil), bytes.Join(other, nil))).To(BeFalse())
	})

	DescribeTable("yields about as many events as asked for, over the whole time",
		func(c sim.Config) {
			world, lines := lived(c)
			Expect(len(lines)).To(BeNumerically("~", c.Events, 0.04*float64(c.Events)+20))
			cf, trove := world.Newest()
			Expect(cf).To(BeTemporally("~", day.AddDate(0, 1, 0), 36*time.Hour))
			Expect(trove).To(BeTemporally("~", day.AddDate(0, 1, 0), 5*24*time.Hour))
		},
		Entry("few apps", sim.Config{Seed: 1, Apps: 5, Events: 1000}),
		Entry("the standard size", sim.Config{Seed: 2, Events: 6000}),
		Entry("many apps", sim.Config{
			Seed: 3, Orgs: 50, Spaces: 100, Apps: 2000, Services: 300, Instances: 100,
			Events: 50_000,
		}),
	)

	It("mixes mostly app events with tasks, staging, services and databases", func() {
		_, lines := lived(sim.Config{
			Seed: 1, Orgs: 50, Spaces: 100, Apps: 800, Services: 300, Instances: 100,
			Events: 50_000,
		})
		counts := map[string]float64{}
		for _, line := range lines {
			counts[category(line)]++
		}
		total := float64(len(lines))
		AddReportEntry("events by category", counts)
		Expect(counts["task"] / total).To(BeNumerically("~", 0.10, 0.02))
		Expect(counts["staging"] / total).To(BeNumerically("~", 0.05, 0.02))
		Expect(counts["service"] / total).To(BeNumerically("~", 0.05, 0.02))
		Expect(counts["trove"] / total).To(BeNumerically("~", 0.05, 0.02))
		Expect(counts["app"] / total).To(BeNumerically(">", 0.65))
	})

	It("yields events in the order of time, with ids of their own", func() {
		world, err := sim.NewWorld(small(3))
		Expect(err).NotTo(HaveOccurred())
		var last time.Time
		ids := map[string]bool{}
		var pending time.Time // Cloud Foundry's times are whole seconds: they may lag within one
		for e := range world.Events {
			if e.Trove {
				pending = e.Time
			} else {
				if e.Time.Before(last) || e.Time.Before(pending.Truncate(time.Second)) {
					Fail("out of order: " + string(e.JSON))
				}
				last = e.Time
			}
			id := identifier(e.JSON)
			if ids[id] {
				Fail("twice: " + id)
			}
			ids[id] = true
		}
		Expect(ids).NotTo(BeEmpty())
	})

	It("tells a truth whose spans have a length and never overlap", func() {
		for seed := range uint64(5) {
			world, _ := lived(small(seed))
			spans := world.Truth()
			Expect(len(spans)).To(BeNumerically(">", 1000))
			for i, s := range spans {
				if !s.End.IsZero() && !s.End.After(s.Start) {
					Fail(fmt.Sprintf("%+v has no length", s))
				}
				if i == 0 || spans[i-1].Kind != s.Kind || spans[i-1].Resource != s.Resource {
					continue
				}
				if spans[i-1].End.IsZero() || spans[i-1].End.After(s.Start) {
					Fail(fmt.Sprintf("%+v overlaps %+v", spans[i-1], s))
				}
			}
		}
	})

	It("ends everything when drained, so that the bill needs no horizon", func() {
		c := small(4)
		c.Drain = true
		world, _ := lived(c)
		for _, s := range world.Truth() {
			Expect(s.End.IsZero()).To(BeFalse())
		}
		far := day.AddDate(1, 0, 0)
		Expect(world.TrueBill().Total().Cmp(world.Platform().TrueBill(far, far).Total())).To(BeZero())
		Expect(world.TrueBill().Total().Sign()).To(Equal(1))
	})

	It("bills the same when it forgets the truth", func() {
		c := small(5)
		kept, _ := lived(c)
		c.DropTruth = true
		dropped, _ := lived(c)
		Expect(dropped.TrueBill().Total().Cmp(kept.TrueBill().Total())).To(BeZero())
		Expect(len(dropped.Truth())).To(BeNumerically("<", len(kept.Truth())))
	})

	It("ends where its reader stops", func() {
		world, err := sim.NewWorld(small(6))
		Expect(err).NotTo(HaveOccurred())
		read := func() (n int) {
			for range world.Events {
				if n++; n == 10 {
					break
				}
			}
			return n
		}
		Expect(read()).To(Equal(10))
		Expect(read()).To(Equal(0))
	})

	It("lives the same life in whatever steps its time is reached", func() {
		c := small(9)
		c.Clocks = []time.Duration{0, 20 * time.Second}
		end := day.AddDate(0, 2, 0) // a second stretch as long as the first
		life := func(step time.Duration) []byte {
			world, err := sim.NewWorld(c)
			Expect(err).NotTo(HaveOccurred())
			var lines bytes.Buffer
			for at := day; at.Before(end); {
				if at = at.Add(step); at.After(end) {
					at = end
				}
				world.Advance(at, func(e sim.Event) {
					if !e.At.Before(at) {
						Fail("before its time: " + string(e.JSON))
					}
					lines.Write(e.JSON)
				})
				Expect(world.Platform().Now()).To(Equal(at))
			}
			return lines.Bytes()
		}
		whole := life(10000 * time.Hour)
		Expect(bytes.Count(whole, []byte(`{"guid":`))).To(BeNumerically(">", 9000))
		Expect(bytes.Equal(life(time.Hour), whole)).To(BeTrue())
		Expect(bytes.Equal(life(7*time.Minute+time.Microsecond), whole)).To(BeTrue())
		world, err := sim.NewWorld(c)
		Expect(err).NotTo(HaveOccurred())
		var ranged bytes.Buffer
		for e := range world.Events {
			if ranged.Write(e.JSON); ranged.Len() > len(whole)/3 {
				break
			}
		}
		Expect(bytes.HasPrefix(whole, ranged.Bytes())).To(BeTrue())
	})

	It("goes on with about as many events in every stretch", func() {
		world, err := sim.NewWorld(small(10))
		Expect(err).NotTo(HaveOccurred())
		for month := range 4 {
			events := 0
			world.Advance(day.Add(time.Duration(month+1)*31*24*time.Hour), func(sim.Event) { events++ })
			Expect(events).To(BeNumerically("~", 5000, 600), "month %d", month)
		}
	})

	It("does not change its pace for what its user does, and goes on from there", func() {
		c := small(12)
		c.Drain = true
		world, err := sim.NewWorld(c)
		Expect(err).NotTo(HaveOccurred())
		world.Advance(day.AddDate(0, 0, 10), func(sim.Event) {})
		var states []string
		world.Do(func(p *sim.Platform) {
			for len(p.Apps) > 3 {
				a := p.Apps[len(p.Apps)-1]
				for a.Builds > 0 {
					p.EndBuild(a, false)
				}
				p.DeleteApp(a)
			}
			for len(p.Services) > 0 {
				p.DeleteService(p.Services[0])
			}
			for range 2000 {
				p.Reseed(sim.ListApp)
			}
		}, func(e sim.Event) { states = append(states, e.State) })
		Expect(states).To(ContainElements("STOPPED", "DELETED", "STARTED"))
		events := 0
		for range world.Events {
			events++
		}
		Expect(events).To(BeNumerically(">", 2500))
		Expect(func() {
			world.Advance(day.AddDate(1, 0, 0),
				func(sim.Event) {})
		}).To(PanicWith(ContainSubstring("Advance after Events")))
	})

	It("does everything that a foundation does", func() {
		world, lines := lived(sim.Config{Seed: 1, Orgs: 4, Spaces: 8, Apps: 60, Services: 40, Events: 20_000})
		text := string(bytes.Join(lines, []byte("\n")))
		for what, pattern := range map[string]string{
			"scale to nothing":              `"STARTED","previous":"STARTED".*"instance_count":{"current":0,`,
			"end of a task that never ran":  `"TASK_STOPPED","previous":"PENDING"`,
			"canceled task":                 `"TASK_STOPPED","previous":"CANCELING"`,
			"docker app":                    `"type":"web".*"buildpack":{"guid":null,"name":null}`,
			"redacted URL":                  `"buildpack":{"guid":null,"name":"https://\*\*\*:\*\*\*@`,
			"URL with a secret":             `"buildpack":{"guid":null,"name":"https://[^"]*access_token=`,
			"URL with another's guid":       `"STARTED".*"buildpack":{"guid":"[^"]*","name":"https://`,
			"user-provided service":         `"CREATED".*"user_provided_service_instance"`,
			"change of a service":           `"state":"UPDATED".*"managed_service_instance"`,
			"custom URL without a droplet":  `"STOPPED","previous":"STARTED".*"buildpack":{"guid":null,"name":"https`,
			"deleted app without buildpack": `"STOPPED","previous":"STARTED".*"buildpack":{"guid":null,"name":null}`,
		} {
			Expect(text).To(MatchRegexp(pattern), what)
		}
		failed := map[bool]int{}
		for _, s := range world.Platform().Services {
			failed[s.Failed]++
		}
		Expect(failed[false]).To(BeNumerically(">", failed[true]))
	})

	It("refuses a config that makes no sense", func() {
		_, err := sim.NewWorld(sim.Config{Apps: -1})
		Expect(err).To(MatchError(ContainSubstring("Apps is -1")))
		_, err = sim.NewWorld(sim.Config{Start: day, End: day})
		Expect(err).To(MatchError(ContainSubstring("End must be after Start")))
	})
})

// category is an event's category.
func category(line []byte) string {
	for _, c := range []struct{ name, mark string }{
		{"trove", "trove.instance"},
		{"service", `"service_plan"`},
		{"task", `"TASK_`},
		{"staging", `"STAGING_`},
		{"staging", `"BUILDPACK_SET`},
	} {
		if bytes.Contains(line, []byte(c.mark)) {
			return c.name
		}
	}
	return "app"
}

// identifier is the event's guid, or the notification's message_id.
func identifier(line []byte) string {
	found := idPattern.FindSubmatch(line)
	if found == nil {
		Fail("no id: " + string(line))
	}
	return string(found[1])
}

var idPattern = regexp.MustCompile(`^\{(?:"oslo.version": "2.0", "oslo.message": "\{)?\\?"(?:guid|message_id)\\?": ?\\?"([0-9a-f-]{36})`)
