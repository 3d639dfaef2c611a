package main

import (
	"bytes"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// Flavours of the database cloud, with prices of their own in the catalogue but for the largest.
var (
	tiny    = sim.Flavor{ID: "7", Name: "m1.rd-tiny", MemoryMB: 512}
	smaller = sim.Flavor{ID: "8", Name: "m1.rd-smaller", MemoryMB: 768}
	large   = sim.Flavor{ID: "12", Name: "m1.rd-large", MemoryMB: 4096}
)

// tellDatabases writes the notifications from September to November 2026, one a line: to before the
// ones up to demo.OctoberClosed, to behind the others.
func tellDatabases(before, behind *bytes.Buffer) {
	s := &story{}
	s.Platform = sim.NewPlatform(2, func(e sim.Event) {
		lines := before
		if !e.Time.Before(demo.OctoberClosed()) {
			lines = behind
		}
		lines.Write(e.JSON)
		lines.WriteByte('\n')
	})
	s.bookshop()
	s.run()
}

// bookshop keeps its data in databases: one grows, one is only for a while, one is deleted and the
// message about it comes three weeks later, and of one only the deletion is known.
func (s *story) bookshop() {
	shop := &sim.Project{ID: demo.Bookshop, UserID: "b00c5a1e00004000800000000000000a", Region: "RegionOne"}
	s.database(shop, "catalogue", smaller, 20, utc(9, 1, "07:40:00"), func(titles *sim.Instance) {
		s.when(utc(10, 5, "06:15:00"), func() { s.Send(s.ResizeVolume(titles, 40)) })
		s.when(utc(11, 3, "06:30:00"), func() { s.Send(s.ResizeFlavor(titles, large)) })
	})
	s.database(shop, "orders", smaller, 25, utc(9, 3, "09:12:00"), func(orders *sim.Instance) {
		s.when(utc(10, 20, "14:05:00"), func() {
			deleted := s.DeleteInstance(orders)
			s.when(utc(11, 12, "09:31:00"), func() { s.Send(deleted) })
		})
	})
	s.database(shop, "sessions", tiny, 5, utc(9, 14, "10:03:00"), func(sessions *sim.Instance) {
		s.when(utc(10, 2, "16:20:00"), func() { s.Send(s.DeleteInstance(sessions)) })
	})
	s.database(shop, "reviews", tiny, 10, utc(10, 8, "11:45:00"), func(*sim.Instance) {})
	s.when(utc(11, 17, "08:00:00"), func() {
		reporting := s.CreateInstance(shop, "reporting", smaller, 50)
		s.when(utc(11, 17, "08:04:00"), func() { s.Activate(reporting) }) // the message about it is lost
		s.when(utc(11, 24, "17:30:00"), func() { s.Send(s.DeleteInstance(reporting)) })
	})
}

// database builds a database in four minutes and goes on with it.
func (s *story) database(owner *sim.Project, name string, flavor sim.Flavor, volumeGB int, at time.Time,
	goOn func(*sim.Instance),
) {
	s.when(at, func() {
		built := s.CreateInstance(owner, name, flavor, volumeGB)
		s.after(4*time.Minute, func() {
			s.Send(s.Activate(built))
			goOn(built)
		})
	})
}

// utc is a time of 2026.
func utc(month time.Month, day int, clock string) time.Time {
	t, err := time.Parse(time.TimeOnly, clock)
	if err != nil {
		panic(err) // the story is wrong
	}
	hour, minute, second := t.Clock()
	return time.Date(2026, month, day, hour, minute, second, 0, time.UTC)
}
