package proof_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/projector"
)

// TestOneLostRow loses one row of a foundation without a trace: a STOPPED, a STARTED, a scaling, or
// an UPDATED before its DELETED. If a later row contradicts what is known, it is seen, as one
// lost_change; nothing is billed beyond the truth, and everything else is billed exactly.
func TestOneLostRow(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	first, last := scale.Seeds(t)
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			f := newFoundation(t, 4*seed, key, allEvents, false) // a seed of no other trouble
			f.liveWithLoss(seed)
			o := f.meter(projector.Config{})
			l := f.lost(t)
			j := judge(f.sim.Truth(), o, true, func(j *judgement) {
				j.lossy = func(at resource) bool { return at == l.resource }
				if !l.seen {
					j.unseen = l.resource
				}
			})
			f.Logf("seed %d: %s, seen: %v", seed, l, l.seen)
			want := 0
			if l.seen && l.apart > time.Minute {
				want = 1
			}
			if len(o.lost) != want || want > 0 && o.lost[0].Resource != l.resource.id {
				j.found = append(j.found, fmt.Sprintf("%s: want %d lost_change, and found %v", l, want, o.lost))
			}
			for _, wrong := range j.found {
				t.Error(wrong)
			}
		})
	}
}

// liveWithLoss lives to the end of the world. About its middle it does something of which one row
// is lost: which kind the seed says.
func (f *foundation) liveWithLoss(seed uint64) {
	start := f.sim.Now()
	end := start.AddDate(0, 0, 4)
	loss := start.Add(time.Duration(24+f.random.IntN(36)) * time.Hour)
	var service string
	for f.sim.Now().Before(end) {
		now := f.sim.Now().Add(time.Duration(10+f.random.IntN(80)) * minute)
		if now.After(loss) {
			f.sim.Advance(loss)
			service = f.lose(seed)
			loss = end.Add(time.Hour)
		}
		f.sim.Advance(now)
		if service != "" {
			f.sim.Do(func(p *sim.Platform) {
				for _, s := range slices.Clone(p.Services) {
					if s.GUID == service {
						p.DeleteService(s)
					}
				}
			})
			service = ""
		}
		f.poll()
	}
	f.finish()
}

// lose does something of which the first row is lost. It returns the service instance to be
// deleted; empty for none.
func (f *foundation) lose(seed uint64) (service string) {
	knobs := f.sim.Knobs()
	knobs.LostRate, knobs.LostMax = 1, 1
	f.turn(&knobs)
	f.sim.Do(func(p *sim.Platform) {
		for _, s := range p.Services {
			if plan := otherPlan(p, s); seed%4 == 3 && plan != nil {
				p.ChangePlan(s, plan)
				service = s.GUID
				return
			}
		}
		for _, a := range p.Apps {
			switch {
			case a.Deploying():
			case a.Started && seed%4 != 1:
				if seed%4 == 0 {
					p.StopApp(a)
				} else {
					process := a.Processes[0]
					p.ScaleProcess(process, process.Instances+2, process.MemoryMB)
				}
				return
			case !a.Started && seed%4 == 1:
				p.StartApp(a)
				return
			}
		}
		for _, a := range p.Apps { // all run: one is stopped and started, and its STOPPED is lost
			if a.Started && !a.Deploying() {
				p.RestartApp(a)
				return
			}
		}
	})
	knobs.LostRate = 0
	f.turn(&knobs)
	return service
}

func (f *foundation) turn(knobs *cc.Knobs) {
	f.Helper()
	if err := f.sim.SetKnobs(*knobs); err != nil {
		f.Fatal(err)
	}
}

// otherPlan is another plan than that of a managed service instance; nil for none.
func otherPlan(p *sim.Platform, s *sim.Service) *sim.Plan {
	if s.Plan == nil {
		return nil
	}
	for _, plan := range p.Plans {
		if plan.OfferingGUID == s.Plan.OfferingGUID && plan != s.Plan {
			return plan
		}
	}
	return nil
}

// loss is a lost row, by the rows around it.
type loss struct {
	resource resource
	row      string
	seen     bool          // the next row of the resource contradicts the one before
	apart    time.Duration // the two
}

func (l *loss) String() string {
	return l.row + " of " + l.resource.kind + " " + l.resource.id + " is lost"
}

// view is a row as Cloud Controller shows it.
type view struct {
	State   json.RawMessage
	Process struct{ GUID string }
	Service struct{ GUID string } `json:"service_instance"`
	Plan    struct{ GUID string } `json:"service_plan"`
	Count   counted               `json:"instance_count"`
	Memory  counted               `json:"memory_in_mb_per_instance"`
}

type counted struct{ Current, Previous int }

// states are the states of a row: current and previous, or that of a service.
func (v *view) states() (current, previous string) {
	var both struct{ Current, Previous string }
	if json.Unmarshal(v.State, &both) != nil {
		_ = json.Unmarshal(v.State, &current)
		return current, ""
	}
	return both.Current, both.Previous
}

// contradicts reports whether a row cannot be the next one of its resource after another.
func (v *view) contradicts(before *view) bool {
	state, previous := v.states()
	was, _ := before.states()
	switch {
	case v.Service.GUID != "":
		return state == "DELETED" && v.Plan.GUID != before.Plan.GUID
	case previous == "STARTED" && was == "STARTED":
		return v.Count.Previous != before.Count.Current || v.Memory.Previous != before.Memory.Current
	}
	return was != previous
}

// lost finds the lost row, and whether the rows around it show it.
func (f *foundation) lost(t *testing.T) *loss {
	t.Helper()
	for _, list := range []cc.List{cc.AppEvents, cc.ServiceEvents} {
		for _, gone := range f.sim.Pruned(list) {
			if gone.Cause == cc.Lost {
				return f.around(&gone, list)
			}
		}
	}
	t.Fatal("no row was lost")
	return nil
}

func (f *foundation) around(gone *cc.Pruned, list cc.List) *loss {
	read := func(row *cc.Row) (v view, id string) {
		if err := json.Unmarshal(row.JSON, &v); err != nil {
			f.Fatal(err)
		}
		return v, v.Process.GUID + v.Service.GUID
	}
	v, id := read(&gone.Row)
	state, previous := v.states()
	l := &loss{resource: resource{events.KindApp, id}, row: state + "<" + previous}
	if list == cc.ServiceEvents {
		l.resource.kind = events.KindService
	}
	var before *view
	var at time.Time
	for _, row := range f.sim.Rows(list) {
		r, of := read(&row)
		current, _ := r.states()
		if of != id || !slices.Contains([]string{"STARTED", "STOPPED", "CREATED", "UPDATED", "DELETED"}, current) {
			continue
		}
		if row.ID < gone.ID {
			before, at = &r, row.CreatedAt
			continue
		}
		l.seen = before != nil && r.contradicts(before)
		l.apart = row.CreatedAt.Sub(at)
		break
	}
	return l
}
