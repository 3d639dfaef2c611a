package cc

import (
	"net/http"
	"slices"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// summary is the load of the whole foundation, or of a part of it.
type summary struct {
	Instances int `json:"started_instances"`
	MemoryMB  int `json:"memory_in_mb"`
	Services  int `json:"service_instances"` // managed ones
	Tasks     int `json:"per_app_tasks"`     // PENDING and RUNNING

	// Absent from the world.
	Routes   int `json:"routes"`
	Ports    int `json:"reserved_ports"`
	Domains  int `json:"domains"`
	KeyCount int `json:"service_keys"`
}

// summarise adds up the contents of the counted spaces.
func summarise(p *sim.Platform, counts func(*sim.Space) bool) (s summary) {
	for _, a := range p.Apps {
		if !counts(a.Space) {
			continue
		}
		for _, process := range a.All() {
			if process.Started() {
				s.Instances += process.Instances
				s.MemoryMB += process.Instances * process.MemoryMB
			}
		}
		for _, t := range a.Tasks {
			switch t.State() {
			case "RUNNING":
				s.MemoryMB += t.MemoryMB
				s.Tasks++
			case "PENDING":
				s.Tasks++
			}
		}
	}
	for _, service := range p.Services {
		if service.Plan != nil && counts(service.Space) {
			s.Services++
		}
	}
	return s
}

func (s summary) answer(r *request) answer {
	return jsonAnswer(http.StatusOK, object{"usage_summary": s, "links": object{"self": link(r.base + r.URL.Path)}})
}

// partSummary is the usage summary of one organization or space.
func (f *Foundation) partSummary(r *request, what string, readable []item, of func(*sim.Space) string) answer {
	guid := r.PathValue("guid")
	if !slices.ContainsFunc(readable, func(i item) bool { return i.guid == guid }) {
		return notFound(what).answer()
	}
	return summarise(f.seen(), func(s *sim.Space) bool { return of(s) == guid }).answer(r)
}
