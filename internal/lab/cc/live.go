package cc

import "github.com/daybook-billing/daybook/internal/lab/sim"

// live brings the world to a time; its events go to the tables.
func (f *Foundation) live(to int64) {
	f.world.Advance(unixMicro(to), f.take)
	f.now = max(f.now, to)
	f.remember()
}

// act does something to the world at the present time.
func (f *Foundation) act(verb func(*sim.Platform)) {
	f.world.Do(verb, f.take)
	f.remember()
}

// take writes an event of the world.
func (f *Foundation) take(e sim.Event) {
	if !e.Trove { // a database cloud reports elsewhere
		f.write(&e)
	}
}

func listOf(e *sim.Event) List {
	if e.List == sim.ListService {
		return ServiceEvents
	}
	return AppEvents
}

// Do acts on the world at the present time, as its users do: with events. The verb must not call
// the foundation.
func (f *Foundation) Do(verb func(*sim.Platform)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	f.act(verb)
}

// Purge does destructively_purge_all_and_reseed: the table is emptied, and gets a row for each
// running resource.
func (f *Foundation) Purge(list List) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	f.purge(list)
}

func (f *Foundation) purge(list List) {
	t := f.tables[list]
	t.remove(f.now, Purge, func(int) bool { return true })
	t.pending = nil
	name := sim.ListApp
	if list == ServiceEvents {
		name = sim.ListService
	}
	f.atOnce = true // one transaction empties the table and fills it
	f.act(func(p *sim.Platform) { p.Reseed(name) })
	f.atOnce = false
}

// Backfill writes the WAS_RUNNING rows of pull request 5210, for running resources without a
// beginning in the tables.
func (f *Foundation) Backfill() { f.SlowBackfill(0) }

// SlowBackfill is a Backfill with some time between its reading and its writing, while the
// foundation lives on: it writes baselines for resources ended meanwhile, too. Repair ends them.
func (f *Foundation) SlowBackfill(takes Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	var b *sim.Backfill
	f.act(func(p *sim.Platform) { b = p.BeginBackfill() })
	begun := map[string]bool{}
	for _, t := range f.tables {
		for i := range t.rows {
			if t.rows[i].part == beginning {
				fields := t.list.read(t.json(&t.rows[i]))
				begun[string(fields.resource)] = true
			}
		}
	}
	f.advance(f.now + int64(takes)/1000)
	f.act(func(*sim.Platform) { b.Write(func(_, resource string) bool { return !begun[resource] }) })
	f.anchor()
}

// Repair writes the endings of pull request 5210, for baselines of ended resources.
func (f *Foundation) Repair() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	f.act((*sim.Platform).RepairEndings)
}
