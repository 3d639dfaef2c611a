package sim

import "slices"

// View is a copy of the inventory: the state of the apps, tasks and service instances as they are
// now. It has no verbs and no truth, and later verbs do not change it.
func (p *Platform) View() *Platform {
	v := &Platform{
		Orgs: slices.Clone(p.Orgs), Spaces: slices.Clone(p.Spaces), Plans: p.Plans, Buildpacks: p.Buildpacks,
		Apps: make([]*App, 0, len(p.Apps)), Services: make([]*Service, 0, len(p.Services)), now: p.now,
	}
	for _, a := range p.Apps {
		v.Apps = append(v.Apps, a.view())
	}
	for _, s := range p.Services {
		same := *s
		v.Services = append(v.Services, &same)
	}
	return v
}

func (a *App) view() *App {
	same := *a
	process := func(of *Process) *Process {
		if of == nil {
			return nil
		}
		copied := *of
		copied.App = &same
		return &copied
	}
	same.Processes, same.Tasks, same.Droplets = nil, nil, slices.Clone(a.Droplets)
	for _, of := range a.Processes {
		same.Processes = append(same.Processes, process(of))
	}
	same.old = process(a.old)
	for _, of := range a.Tasks {
		task := *of
		task.App = &same
		same.Tasks = append(same.Tasks, &task)
	}
	same.Ended = slices.Clone(a.Ended)
	return &same
}
