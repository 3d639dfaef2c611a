package projector_test

import (
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// segment is a result of the slow implementation: a stretch [from, to) of one footprint, in the
// run of a number.
type segment struct {
	from, to  time.Time
	footprint events.Footprint
	run       int
}

// slowly folds the facts of one process, task or service, in order, up to the end. A footprint that
// lasted no time divides nothing.
func slowly(facts []*events.Usage, epoch, end time.Time) []segment {
	var all []segment
	running, run := false, 0
	last := epoch
	for _, u := range facts {
		if u.Time.After(last) {
			last = u.Time
		}
		if running {
			all[len(all)-1].to = last
		}
		switch u.Event {
		case "STARTED", "TASK_STARTED", "CREATED", "UPDATED", "WAS_RUNNING", "TASK_WAS_RUNNING":
			baseline := u.Event == "WAS_RUNNING" || u.Event == "TASK_WAS_RUNNING"
			if running && (baseline || all[len(all)-1].footprint == u.Footprint) {
				continue
			}
			if !running {
				running, run = true, run+1
			}
			all = append(all, segment{last, last, u.Footprint, run})
		case "BUILDPACK_SET":
			if !running || u.Footprint.Buildpack == "" || u.Footprint.Buildpack == all[len(all)-1].footprint.Buildpack {
				continue
			}
			f := all[len(all)-1].footprint
			known := f.Buildpack != ""
			f.Buildpack = u.Footprint.Buildpack
			if known {
				all = append(all, segment{last, last, f, run})
			} else {
				all[len(all)-1].footprint = f
			}
		default:
			running = false
		}
	}
	if running {
		all[len(all)-1].to = end
	}
	all = slices.DeleteFunc(all, func(s segment) bool { return !s.from.Before(s.to) })
	for i := len(all) - 1; i > 0; i-- {
		if before := &all[i-1]; before.run == all[i].run && before.footprint == all[i].footprint {
			before.to = all[i].to
			all = slices.Delete(all, i, i+1)
		}
	}
	return all
}

// slowSpans is slowly for all resources, as lines.
func slowSpans(facts []*events.Usage, epoch, end time.Time) []string {
	byResource := map[[2]string][]*events.Usage{}
	for _, u := range facts {
		key := [2]string{u.Kind, u.Resource}
		byResource[key] = append(byResource[key], u)
	}
	var out []events.Span
	for key, list := range byResource {
		for _, s := range slowly(list, epoch, end) {
			out = append(out, events.Span{
				Kind: key[0], Resource: key[1], Start: s.from, Since: s.from, End: s.to,
				Footprint: s.footprint,
			})
		}
	}
	sortSpans(out)
	return lines(out)
}

// shown are the whole spans of the books as lines, whatever the flags of their pieces.
func shown(b *books) []string {
	spans := b.withAccrued()
	for i := range spans {
		spans[i].Flags = 0
	}
	return lines(joined(spans))
}
