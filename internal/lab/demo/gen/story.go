package main

import (
	"bytes"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// story is a platform and its planned events.
type story struct {
	*sim.Platform
	agenda []step
}

type step struct {
	at time.Time
	do func()
}

// tell writes the events of October 2026, one a line.
func tell(lines *bytes.Buffer) {
	s := &story{}
	s.Platform = sim.NewPlatform(1, func(e sim.Event) {
		lines.Write(e.JSON)
		lines.WriteByte('\n')
	})
	s.retail()
	s.logistics()
	s.run()
}

// at plans something: day and time of October 2026, UTC.
func (s *story) at(day int, clock string, do func()) {
	s.when(utc(time.October, day, clock), do)
}

func (s *story) when(at time.Time, do func()) { s.agenda = append(s.agenda, step{at, do}) }

// after plans something relative to the story's present.
func (s *story) after(d time.Duration, do func()) { s.when(s.Now().Add(d), do) }

// run does everything in the order of time, and of planning where times are equal.
func (s *story) run() {
	for len(s.agenda) > 0 {
		first := 0
		for i, step := range s.agenda {
			if step.at.Before(s.agenda[first].at) {
				first = i
			}
		}
		next := s.agenda[first]
		s.agenda = slices.Delete(s.agenda, first, first+1)
		s.SetTime(next.at)
		next.do()
	}
}

// workdays are the days of October 2026 from Monday to Friday.
func workdays() []int {
	var days []int
	for day := 1; day <= 31; day++ {
		if w := time.Date(2026, 10, day, 0, 0, 0, 0, time.UTC).Weekday(); w != time.Saturday && w != time.Sunday {
			days = append(days, day)
		}
	}
	return days
}

// push stages an app and starts it afterwards.
func (s *story) push(a *sim.App, takes time.Duration) {
	s.BeginBuild(a)
	s.after(takes, func() {
		s.EndBuild(a, true)
		s.StartApp(a)
	})
}

// deploy stages an app and replaces its web process, one instance at a time.
func (s *story) deploy(a *sim.App, takes time.Duration) {
	s.BeginBuild(a)
	s.after(takes, func() {
		s.EndBuild(a, true)
		s.BeginDeploy(a)
		s.goOn(a)
	})
}

func (s *story) goOn(a *sim.App) {
	s.after(40*time.Second, func() {
		if !s.ContinueDeploy(a) {
			s.goOn(a)
		}
	})
}

// task runs a task for a while.
func (s *story) task(a *sim.App, name string, memoryMB int, takes time.Duration) *sim.Task {
	t := s.CreateTask(a, name, memoryMB)
	s.after(2*time.Second, func() { s.RunTask(t) })
	s.after(2*time.Second+takes, func() { s.EndTask(t) })
	return t
}

// Buildpacks as the foundation lists them, and one of a team's own, redacted as Cloud Controller
// does.
var (
	java   = sim.Buildpack{GUID: "b01d0000-0000-4000-8000-00000000000a", Name: "java_buildpack"}
	ruby   = sim.Buildpack{GUID: "b01d0000-0000-4000-8000-00000000000b", Name: "ruby_buildpack"}
	nodejs = sim.Buildpack{GUID: "b01d0000-0000-4000-8000-00000000000c", Name: "nodejs_buildpack"}
	custom = sim.Buildpack{Name: "https://***:***@git.example.org/retail/php-buildpack.git"}
	docker = sim.Buildpack{}
)

// Service plans of the foundation's one broker.
var (
	postgresSmall = servicePlan("5e9f1a00-0000-4000-8000-000000000001", "small", "0ffe9000-0000-4000-8000-000000000001",
		"postgres")
	postgresLarge = servicePlan("5e9f1a00-0000-4000-8000-000000000002", "large", "0ffe9000-0000-4000-8000-000000000001",
		"postgres")
	redisTiny = servicePlan("5e9f1a00-0000-4000-8000-000000000003", "tiny", "0ffe9000-0000-4000-8000-000000000002",
		"redis")
)

func servicePlan(guid, name, offeringGUID, offering string) *sim.Plan {
	return &sim.Plan{
		GUID: guid, Name: name, OfferingGUID: offeringGUID, Offering: offering,
		BrokerGUID: "b9000000-0000-4000-8000-000000000001", Broker: "data-services",
	}
}

// retail runs a shop: scaled up for the day, deployed every Wednesday, with a report every night.
func (s *story) retail() {
	org := s.AddOrg(demo.Retail, "retail")
	production := s.AddSpace(org, "4e7a1100-0000-4000-8000-0000000000a1", "production")
	dev := s.AddSpace(org, "4e7a1100-0000-4000-8000-0000000000a2", "dev")

	s.at(1, "07:58:10", func() {
		s.CreateService(production, "4e7a1100-0000-4000-8000-0000000005e1", "shop-db",
			postgresSmall)
	})
	s.at(1, "08:01:44", func() {
		s.CreateService(production, "4e7a1100-0000-4000-8000-0000000005e2", "sessions",
			redisTiny)
	})
	s.at(1, "08:02:05", func() {
		s.CreateService(production, "4e7a1100-0000-4000-8000-0000000005e3", "log-drain",
			nil)
	})
	s.at(12, "06:30:00", func() { s.ChangePlan(s.service("shop-db"), postgresLarge) })
	s.at(20, "11:14:09", func() { s.RenameService(s.service("sessions"), "shop-sessions") })

	shop := s.CreateApp(production, "4e7a1100-0000-4000-8000-000000000a01", "shop", java,
		sim.ProcessSpec{Type: "web", Instances: 3, MemoryMB: 1024}, sim.ProcessSpec{
			Type: "worker", Instances: 1,
			MemoryMB: 512,
		})
	s.at(1, "08:05:00", func() { s.push(shop, 3*time.Minute+20*time.Second) })
	for _, day := range workdays()[1:] {
		s.at(day, "07:30:00", func() { s.ScaleProcess(shop.Processes[0], 6, 1024) })
		s.at(day, "20:00:00", func() { s.ScaleProcess(shop.Processes[0], 3, 1024) })
	}
	for _, day := range []int{7, 14, 21, 28} {
		s.at(day, "21:10:00", func() { s.deploy(shop, 2*time.Minute+45*time.Second) })
	}
	for day := 2; day <= 31; day++ {
		s.at(day, "02:00:00", func() {
			s.task(shop, "nightly-report", 2048,
				time.Duration(14+day%5)*time.Minute+37*time.Second)
		})
	}
	s.at(19, "10:20:00", func() { // a worker for the sale, and a crash without a bill
		s.ScaleProcess(shop.Processes[1], 4, 512)
		s.Crash(shop.Processes[1])
	})
	s.at(26, "09:00:00", func() { s.ScaleProcess(shop.Processes[1], 1, 512) })

	checkout := s.CreateApp(production, "4e7a1100-0000-4000-8000-000000000a02", "checkout", nodejs,
		sim.ProcessSpec{Type: "web", Instances: 2, MemoryMB: 256})
	s.at(1, "09:12:30", func() { s.push(checkout, 75*time.Second) })
	s.at(9, "14:00:12", func() { s.RestartApp(checkout) })
	s.at(16, "15:31:00", func() { s.ScaleProcess(checkout.Processes[0], 2, 512) })
	s.at(22, "09:40:00", func() { s.deploy(checkout, 70*time.Second) })

	legacy := s.CreateApp(production, "4e7a1100-0000-4000-8000-000000000a03", "gift-cards", custom,
		sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 512})
	s.at(1, "10:00:00", func() { s.push(legacy, 4*time.Minute) })
	s.at(27, "16:00:00", func() { s.DeleteApp(legacy) })

	trial := s.CreateApp(dev, "4e7a1100-0000-4000-8000-000000000a04", "shop", java,
		sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 1024}, sim.ProcessSpec{
			Type: "worker", Instances: 0,
			MemoryMB: 512,
		})
	for _, day := range workdays() {
		s.at(day, "09:05:00", func() { s.push(trial, 2*time.Minute+30*time.Second) })
		s.at(day, "17:45:00", func() { s.StopApp(trial) })
	}
}

// logistics tracks parcels: steady apps, a docker image, builds side by side and a short-lived app.
func (s *story) logistics() {
	org := s.AddOrg(demo.Logistics, "logistics")
	production := s.AddSpace(org, "10915700-0000-4000-8000-0000000000a1", "production")
	sandbox := s.AddSpace(org, "10915700-0000-4000-8000-0000000000a2", "sandbox")

	s.at(1, "08:30:00", func() {
		s.CreateService(production, "10915700-0000-4000-8000-0000000005e1", "tracking-db", postgresLarge)
	})
	s.at(5, "13:20:40", func() {
		s.CreateService(sandbox, "10915700-0000-4000-8000-0000000005e2", "try-db",
			postgresSmall)
	})
	s.at(8, "09:05:03", func() { s.DeleteService(s.service("try-db")) })

	tracking := s.CreateApp(production, "10915700-0000-4000-8000-000000000a01", "tracking", ruby,
		sim.ProcessSpec{Type: "web", Instances: 2, MemoryMB: 512}, sim.ProcessSpec{
			Type: "worker", Instances: 3,
			MemoryMB: 256,
		},
		sim.ProcessSpec{Type: "clock", Instances: 0, MemoryMB: 128})
	s.at(1, "08:45:00", func() { s.push(tracking, 95*time.Second) })
	s.at(6, "10:00:00", func() { s.ScaleProcess(tracking.Processes[2], 1, 128) })
	s.at(13, "11:00:00", func() { // two builds at once, and the first fails
		s.BeginBuild(tracking)
		s.after(60*time.Second, func() { s.deploy(tracking, 110*time.Second) })
		s.after(140*time.Second, func() { s.EndBuild(tracking, false) })
	})
	for _, day := range []int{4, 11, 18, 25} {
		s.at(day, "03:00:00", func() { s.task(tracking, "reindex", 1024, 2*time.Hour+11*time.Minute) })
	}
	s.at(23, "12:00:00", func() { // somebody thinks better of it
		t := s.task(tracking, "export", 512, 8*time.Minute)
		s.after(7*time.Minute+50*time.Second, func() { s.CancelTask(t) })
	})
	s.at(29, "18:30:00", func() { s.RestartApp(tracking) })
	s.at(31, "23:40:00", func() { s.task(tracking, "month-end", 1024, 19*time.Minute+46*time.Second) })

	routes := s.CreateApp(production, "10915700-0000-4000-8000-000000000a02", "route-planner", docker,
		sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 2048})
	s.at(2, "07:00:00", func() { s.push(routes, 12*time.Second) })
	s.at(10, "07:00:00", func() { s.ScaleProcess(routes.Processes[0], 2, 4096) })
	s.at(24, "22:00:00", func() { s.StopApp(routes) })
	s.at(26, "06:00:00", func() { s.StartApp(routes) })

	labels := s.CreateApp(sandbox, "10915700-0000-4000-8000-000000000a03", "label-printer", ruby,
		sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 256})
	s.at(15, "14:00:00", func() { s.push(labels, 80*time.Second) })
	s.at(16, "10:59:00", func() { s.task(labels, "seed-data", 256, time.Hour) })
	s.at(16, "10:59:30", func() { s.CreateTask(labels, "never-started", 256) })
	s.at(16, "11:30:00", func() { s.DeleteApp(labels) })
}

// service finds a service instance by its name.
func (s *story) service(name string) *sim.Service {
	for _, service := range s.Services {
		if service.Name == name {
			return service
		}
	}
	panic("the story has no service instance " + name)
}
