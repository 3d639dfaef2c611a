package cf

import "github.com/daybook-billing/daybook/events"

// This file fills the columns of a fact that Cloud Controller leaves empty or fills differently.
//
// An ordinary event of a process names its type, and the URL of the first custom buildpack before
// the name in the droplet. A row of a purge and reseed names no type, and the droplet's buildpack.
// WAS_RUNNING names both, and 0 for a memory that is NULL. Such a difference is no change.
// Source: cloud_controller_ng, app/repositories/app_usage_event_repository.rb
// (create_from_process, purge_and_reseed_started_apps!), and lib/database/was_running_backfill.rb
// of pull request 5210.

// filled is a fact with the columns that are known: the type of the process, which never changes,
// and the buildpack in use where a reseed names the droplet's. After a gap the buildpack in use is
// known to go on only if the droplet's has the same guid.
func (f *fold) filled(x *fact) *fact {
	app := f.process.kind == events.KindApp
	unsized := x.verb == wasRunning && x.size.MemoryMB == events.Some(0)
	if !unsized && (!app || !x.reseeded && (x.size.ProcessType != "" || f.typed == "")) {
		return x
	}
	size := *x.size
	if size.ProcessType == "" {
		size.ProcessType = f.typed
	}
	if unsized {
		size.MemoryMB = events.Count{}
	}
	if x.reseeded && f.running {
		s := f.segment.size
		known := s.Buildpack != "" || s.BuildpackGUID != ""
		if known && (f.unproven.gap == nil || s.BuildpackGUID != "" && s.BuildpackGUID == size.BuildpackGUID) {
			size.Buildpack, size.BuildpackGUID = s.Buildpack, s.BuildpackGUID
		}
	}
	if size == *x.size {
		return x
	}
	y := *x
	y.size = f.rules.sizes.Of(&size, x.size)
	return &y
}

// fillMemory takes the memory of a run that began with a WAS_RUNNING without one from the first
// fact that says it.
func (f *fold) fillMemory(x *fact) {
	s := &f.segment
	if s.size.MemoryMB.Known() || x.null&nullMemory != 0 {
		return
	}
	size := *s.size
	size.MemoryMB = x.size.MemoryMB
	if x.extra != nil && x.extra.memory.Known() {
		size.MemoryMB = x.extra.memory
	}
	s.size = f.rules.sizes.Of(&size, s.size)
	s.more = append(s.more[:len(s.more):len(s.more)], x.sequence)
}

// learn takes over the type of the process, and fills it into the run.
func (f *fold) learn(kind string) {
	if f.typed == "" && kind != "" && f.process.kind == events.KindApp {
		f.typed = kind
		if f.running {
			f.segment.size = f.withType(f.segment.size)
		}
	}
}

// withType is a size with the type of the process.
func (f *fold) withType(size *events.Footprint) *events.Footprint {
	if size.ProcessType != "" || f.typed == "" || f.process.kind != events.KindApp {
		return size
	}
	typed := *size
	typed.ProcessType = f.typed
	return f.rules.sizes.Of(&typed, size)
}

// types reports whether a fact is the first that says the type of a process with facts before it:
// all of them have it.
func (t *process) types(x *fact) bool {
	return t.kind == events.KindApp && x.size.ProcessType != "" && t.state().typed == "" &&
		(len(t.facts) > 0 || t.base != nil)
}

// typed is the type of the process as any of its facts says.
func (t *process) typed() string {
	if t.kind != events.KindApp {
		return ""
	}
	for i := range t.facts {
		if kind := t.facts[i].size.ProcessType; kind != "" {
			return kind
		}
	}
	return ""
}
