package cc

import (
	"fmt"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// moment is the inventory as it was at a time.
type moment struct {
	at   int64
	seen *sim.Platform
}

// maxPast bounds the moments in memory.
const maxPast = 1000

// remember keeps the inventory of the present, for answers that lag.
func (f *Foundation) remember() {
	if f.knobs.LagRate == 0 && f.past == nil {
		return
	}
	f.past = append(f.past, moment{f.now, f.world.Platform().View()})
	// The newest moment from before the lag is the oldest one needed.
	from := f.now - time.Duration(f.knobs.Lag).Microseconds()
	first := max(0, len(f.past)-maxPast)
	for first+1 < len(f.past) && f.past[first+1].at <= from {
		first++
	}
	f.past = slices.Delete(f.past, 0, first)
}

// look gives a request its view of the inventory: that of now, or that of a lagging server.
func (f *Foundation) look(r *request) {
	if f.knobs.LagRate == 0 || f.faults.Float64() >= f.knobs.LagRate {
		return
	}
	f.drawn["lag"]++
	from := r.now - time.Duration(f.knobs.Lag).Microseconds()
	f.view = f.past[0].seen
	for i := range f.past {
		if f.past[i].at <= from {
			f.view = f.past[i].seen
		}
	}
}

// seen is the inventory as the present request sees it.
func (f *Foundation) seen() *sim.Platform {
	if f.view != nil {
		return f.view
	}
	return f.world.Platform()
}

// scoped is the token with the scopes that Knobs.ScopeAfter leaves it.
func (f *Foundation) scoped(t *token) *token {
	f.asked++
	if f.knobs.ScopeAfter == 0 || f.asked <= f.knobs.ScopeAfter {
		return t
	}
	less := *t
	less.Scopes = slices.DeleteFunc(slices.Clone(t.Scopes), func(s string) bool {
		return slices.Contains(globalScopes, s)
	})
	return &less
}

// listed are the lists of what is metered, and of what it is joined with.
var listed = []string{
	"/v3/apps", "/v3/processes", "/v3/tasks", "/v3/service_instances", "/v3/droplets",
}

// mutilate leaves resources out of a list.
func (f *Foundation) mutilate(path string, all []item) []item {
	if !slices.Contains(listed, path) {
		return all
	}
	hits := func(name string, rate float64) bool {
		if rate == 0 || f.faults.Float64() >= rate {
			return false
		}
		f.drawn[name]++
		return true
	}
	if hits("empty_list", f.knobs.EmptyLists) {
		return nil
	}
	if hits("partial_list", f.knobs.PartialLists) {
		half := all[:0]
		for i := 0; i < len(all); i += 2 {
			half = append(half, all[i])
		}
		return half
	}
	return all
}

// stir changes the world between a page and the next one.
func (f *Foundation) stir(path string, page []item) {
	if f.knobs.PageDeletes > 0 && f.faults.Float64() < f.knobs.PageDeletes {
		f.act(func(p *sim.Platform) { deleteOne(p, path, page) })
	}
	if f.knobs.PageCreates > 0 && f.faults.Float64() < f.knobs.PageCreates {
		f.act(func(p *sim.Platform) { f.createOne(p, path) })
	}
}

// deleteOne deletes a resource of a page: the first that may be.
func deleteOne(p *sim.Platform, path string, page []item) {
	on := map[string]bool{}
	for i := range page {
		on[page[i].guid] = true
	}
	if path == "/v3/service_instances" {
		if i := slices.IndexFunc(p.Services, func(s *sim.Service) bool { return on[s.GUID] }); i >= 0 {
			p.DeleteService(p.Services[i])
		}
		return
	}
	for _, a := range p.Apps {
		switch path {
		case "/v3/apps":
			if on[a.GUID] && a.Builds == 0 {
				p.DeleteApp(a)
				return
			}
		case "/v3/processes":
			if a.Builds == 0 && slices.ContainsFunc(a.All(), func(o *sim.Process) bool { return on[o.GUID] }) {
				p.DeleteApp(a)
				return
			}
		case "/v3/tasks":
			if i := slices.IndexFunc(a.Tasks, func(t *sim.Task) bool { return on[t.GUID] }); i >= 0 {
				p.EndTask(a.Tasks[i])
				return
			}
		}
	}
}

// createOne makes a resource of a list, in the first space.
func (f *Foundation) createOne(p *sim.Platform, path string) {
	f.drawn["page_create"]++
	name := fmt.Sprintf("stirred-%d", f.drawn["page_create"])
	switch path {
	case "/v3/apps", "/v3/processes":
		p.StartApp(p.CreateApp(p.Spaces[0], "", name, sim.Buildpack{},
			sim.ProcessSpec{Type: "web", Instances: 1, MemoryMB: 64}))
	case "/v3/tasks":
		if len(p.Apps) > 0 {
			p.RunTask(p.CreateTask(p.Apps[0], name, 64))
		}
	case "/v3/service_instances":
		p.CreateService(p.Spaces[0], "", name, p.Plans[0])
	}
}
