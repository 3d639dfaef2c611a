package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Config describes a world. The same values give the same events, byte for byte.
type Config struct {
	Seed uint64
	// Orgs, Spaces, Apps, Services and Instances (Trove) say how many the world holds once it is
	// grown, over the first fifth of its time; 0 stands for 10, 30, 100, 40 and 20. Deleted ones
	// are replaced. Trove has as many projects as there are orgs.
	Orgs, Spaces, Apps, Services, Instances int
	// Start and End bound the world's time; zero stands for October 2026 (UTC).
	Start, End time.Time
	// Events is about how many events there are, spread over the whole time; 0 stands for 60 an
	// app.
	Events int
	// Clocks are the skews of the foundation's API servers; none stands for one right clock. See
	// Platform.SetClocks.
	Clocks []time.Duration
	// Exists adds Trove's periodic signs of life to the mix.
	Exists bool
	// Quirks adds the paths on which events say the time before them as no reader expects, though
	// nothing is lost.
	Quirks bool
	// Drain deletes everything at the end, at the cost of more events: nothing runs, and the bill
	// does not depend on a horizon.
	Drain bool
	// DropTruth forgets the finished spans, to keep memory bounded. TrueBill is kept.
	DropTruth bool
}

func (c Config) withDefaults() (Config, error) {
	for _, f := range []struct {
		name     string
		value    *int
		standard int
	}{
		{"Orgs", &c.Orgs, 10},
		{"Spaces", &c.Spaces, 30},
		{"Apps", &c.Apps, 100},
		{"Services", &c.Services, 40},
		{"Instances", &c.Instances, 20},
		{"Events", &c.Events, 0},
	} {
		if *f.value < 0 {
			return c, fmt.Errorf("simulated world: %s is %d; give a number from 1 on, or 0 for the standard", f.name,
				*f.value)
		}
		if *f.value == 0 {
			*f.value = f.standard
		}
	}
	if c.Events == 0 {
		c.Events = 60 * c.Apps
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	}
	if c.End.IsZero() {
		c.End = c.Start.AddDate(0, 1, 0)
	}
	if !c.End.After(c.Start) {
		return c, errors.New("simulated world: End must be after Start")
	}
	return c, nil
}

// World is a platform with a random life.
type World struct {
	config   Config
	platform *Platform
	random   *rand.Rand
	yield    func(Event) bool
	stopped  bool
	outside  bool // events from outside the world's own life do not count
	lived    bool

	start, end int64 // Unix microseconds; the first stretch of its time
	stretch    int64 // end of the current stretch: the world has a number of events to spread over each
	quota      int   // events by the end of the stretch
	nextAction int64 // 0 until it is known
	emitted    int
	actions    int
	planned    [categories]int // events of the actions so far, by category
	agenda     agenda
	names      int

	projects   []*Project
	buildpacks []Buildpack // the foundation's and custom ones
	plans      [][]*Plan   // by offering
	flavours   []Flavor
	newestCF   time.Time
	newestOS   time.Time
}

// NewWorld makes a world at its beginning.
func NewWorld(config Config) (*World, error) {
	c, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	w := &World{
		config: c,
		random: rand.New(rand.NewPCG(c.Seed, 0x73696d)), //nolint:gosec // the same seed must give the same world
		start:  c.Start.UnixMicro(), end: c.End.UnixMicro(), stretch: c.End.UnixMicro(), quota: c.Events,
	}
	w.platform = NewPlatform(c.Seed, w.pass)
	w.platform.SetTime(c.Start)
	w.platform.SetClocks(c.Clocks...)
	w.platform.truth.drop = c.DropTruth
	w.found()
	return w, nil
}

// Platform is the world's state, for whoever serves it. Verbs go through Do.
func (w *World) Platform() *Platform { return w.platform }

// Advance lives on to just before a time (in whole microseconds): events at this time belong to the
// next call. It yields every event in the order of the API's lists; Trove's notifications stand
// among them by their timestamp. Afterwards the platform's clock stands at `to`. The number of
// steps to a time does not change the events. After End the world lives on, with as many events in
// every further stretch of End - Start. It panics after Events, the world's end.
func (w *World) Advance(to time.Time, yield func(Event)) {
	if w.lived {
		panic("sim: Advance after Events: a world that has lived to its end does not go on")
	}
	w.yield = func(e Event) bool { yield(e); return true }
	w.liveTo(to.UnixMicro())
	w.platform.SetTime(to)
}

// Do lets its user act on the platform at the present time, and yields the events. The world's life
// goes on from there. The orgs and spaces must not become fewer than one.
func (w *World) Do(act func(*Platform), yield func(Event)) {
	former := w.yield
	w.outside, w.yield = true, func(e Event) bool { yield(e); return true }
	defer func() { w.outside, w.yield = false, former }()
	act(w.platform)
}

// Events lives through the world's time and yields every event in the order of the API's lists;
// Trove's notifications stand among them by their timestamp. It can be ranged over once; an early
// break ends the world there. Notifications about the last minutes before End may be younger than
// End. After Advance it lives the rest.
func (w *World) Events(yield func(Event) bool) {
	if w.lived {
		return
	}
	w.lived, w.yield = true, yield
	w.liveThrough()
}

// Truth lists the spans so far, by kind, resource and start. With DropTruth it lists only the
// running ones.
func (w *World) Truth() []Span { return w.platform.Truth() }

// TrueBill prices the spans so far by the tariff of Catalogue. Running ones are charged up to the
// newest event of their platform; Platform().TrueBill takes other horizons.
func (w *World) TrueBill() Bill { return w.platform.TrueBill(w.newestCF, w.newestOS) }

// Newest returns the time of the newest event of the foundation and of the database cloud; zero
// where there is none.
func (w *World) Newest() (cf, trove time.Time) { return w.newestCF, w.newestOS }

// pass hands an event on and keeps count.
func (w *World) pass(e Event) {
	if w.stopped {
		return
	}
	if !w.outside {
		w.emitted++
	}
	if e.Trove {
		w.newestOS = e.Time
	} else if e.Time.After(w.newestCF) {
		w.newestCF = e.Time
	}
	if !w.yield(e) {
		w.stopped = true
	}
}
