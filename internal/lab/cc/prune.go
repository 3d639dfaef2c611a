package cc

// prune does the daily cleanup: it removes the committed rows from before the cutoff (Unix
// seconds), but never the newest row. With keepRunning a beginning stays while its resource runs:
// it goes only when an ending of the same resource with a higher id is as old, too, or when it lies
// between the first and the last old beginning of its run. Runs are told apart by the order of ids,
// not by times.
//
// Source: lib/database/old_record_cleanup.rb, and for keepRunning its state in pull request 5210.
func (t *table) prune(now, cutoff int64, keepRunning bool) int {
	newest := -1
	for i := len(t.rows) - 1; i >= 0 && newest < 0; i-- {
		if t.rows[i].commit <= now {
			newest = i
		}
	}
	old := func(i int) bool { return t.rows[i].created < cutoff && t.rows[i].commit <= now && i != newest }
	if !keepRunning {
		return t.remove(now, Retention, old)
	}
	spared := t.spared(func(i int) bool { return t.rows[i].created < cutoff && t.rows[i].commit <= now })
	return t.remove(now, Retention, func(i int) bool { return old(i) && !spared[i] })
}

// run is the first and the last old beginning of a resource's current run, as indices of rows.
type run struct{ first, last int }

// spared are the indices of the old rows of running resources.
func (t *table) spared(old func(i int) bool) map[int]bool {
	runs := map[key]run{}
	for i := range t.rows {
		if t.rows[i].part == neither || !old(i) {
			continue
		}
		f := t.list.read(t.json(&t.rows[i]))
		resource, ok := keyOf(string(f.resource))
		if !ok {
			continue
		}
		if t.rows[i].part == ending {
			delete(runs, resource)
			continue
		}
		r, open := runs[resource]
		if !open {
			r.first = i
		}
		r.last = i
		runs[resource] = r
	}
	spared := make(map[int]bool, 2*len(runs))
	for _, r := range runs {
		spared[r.first], spared[r.last] = true, true
	}
	return spared
}
