package cc

import "time"

// place is what became of an organization or a space since the world made it.
type place struct {
	name    string
	updated time.Time // zero: when it was created
	gone    bool
}

// show adds what the API shows of a place.
func (p place) show(whole object) object {
	if !p.updated.IsZero() {
		whole["updated_at"] = p.updated.Format(time.RFC3339)
	}
	return whole
}

// placeOf is an organization or a space with this name from the world.
func (f *Foundation) placeOf(guid, name string) place {
	if p, changed := f.places[guid]; changed {
		return p
	}
	return place{name: name}
}

// Rename gives an organization or a space another name in the lists of both. Without a trace
// updated_at stays. Usage events keep the name of a space that the world gave it.
func (f *Foundation) Rename(guid, name string, trace bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	p := place{name: name, updated: f.places[guid].updated}
	if trace {
		p.updated = unixMicro(f.now).Truncate(time.Second)
	}
	f.places[guid] = p
}

// Remove leaves an organization or a space out of the lists of both.
func (f *Foundation) Remove(guid string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.places[guid] = place{gone: true}
}
