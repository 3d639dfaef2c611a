package projector_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// painted is the second implementation: the life of one database minute by minute, painted from all
// its messages.
type painted struct {
	resource  string
	facts     []*events.Usage // each once, by time
	decisions []*events.Act
	heard     map[string][]int // minutes with a report, by publisher, up to the horizon
	wide      map[string]bool
	epoch     time.Time
	horizon   int
	places    [paintedMinutes][3]string // datastore, region, zone
}

const paintedMinutes = 6000

func minuteOf(t time.Time) int { return int(t.Sub(began) / time.Minute) }

// gone: one of its publishers was heard in three windows, the one after the last sign of life
// aside, and nobody saw the database.
func (p *painted) gone() (int, bool) {
	last, seen := -1, -1
	var publishers []string
	for _, u := range p.facts {
		if u.Event == "delete" {
			return 0, false
		}
		last = max(last, minuteOf(u.Observed))
		if u.Event == "exists" {
			publishers = append(publishers, u.Publisher)
			seen = max(seen, minuteOf(u.Time))
		} else {
			seen = max(seen, minuteOf(u.Time), minuteOf(u.Observed))
		}
	}
	for _, name := range publishers {
		if name == "" {
			continue
		}
		window := func(m int) int64 {
			hours := minute(m).Unix() / 3600
			if p.wide[name] {
				return hours / 24
			}
			return hours
		}
		windows := map[int64]bool{}
		for _, m := range p.heard[name] {
			if window(m) > window(last)+1 {
				windows[window(m)] = true
			}
		}
		if len(windows) >= 3 {
			return seen, true
		}
	}
	return 0, false
}

// thinned leaves the first and the last of equal reports of an hour.
func thinned(facts []*events.Usage) []*events.Usage {
	say := func(u *events.Usage) string {
		return u.Observed.Format("2006-01-02T15") + u.Footprint.FlavorID + fmt.Sprint(u.State == "build") +
			place(u.Footprint)
	}
	hours := map[string][]*events.Usage{}
	var out []*events.Usage
	for _, u := range facts {
		if u.Event == "exists" {
			hours[say(u)] = append(hours[say(u)], u)
		} else {
			out = append(out, u)
		}
	}
	for _, hour := range hours {
		slices.SortFunc(hour, func(a, b *events.Usage) int {
			return cmp.Or(a.Observed.Compare(b.Observed),
				a.Time.Compare(b.Time))
		})
		out = append(out, hour[0])
		if len(hour) > 1 {
			out = append(out, hour[len(hour)-1])
		}
	}
	slices.SortFunc(out, func(a, b *events.Usage) int {
		at := func(u *events.Usage) time.Time {
			if u.Event == "exists" {
				return u.Observed
			}
			return u.Time
		}
		rank := map[bool]int{true: 1}
		look := func(u *events.Usage) string {
			if u.Event == "exists" {
				return u.Footprint.FlavorID + " " + fmt.Sprint(u.State != "build") + place(u.Footprint)
			}
			return ""
		}
		return cmp.Or(at(a).Compare(at(b)), cmp.Compare(rank[a.Event == "exists"], rank[b.Event == "exists"]),
			a.Observed.Compare(b.Observed), a.Time.Compare(b.Time),
			cmp.Compare(look(a), look(b)), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// colour is the paint of a minute: a footprint, or the code of a hold.
type colour struct {
	text string
	held string
	run  int // each change begins another: 3 GB after 3 GB may be another run
}

// account paints and reads off.
func (p *painted) account() (spans, holds []string) {
	facts := thinned(p.facts)
	var create, deletion *events.Usage
	alive, failed, born, first := false, false, -1, -1
	for _, u := range p.facts {
		if !u.Created.IsZero() {
			born = minuteOf(u.Created)
		}
		at := minuteOf(u.Time)
		if u.Event == "exists" {
			at = minuteOf(u.Observed)
		}
		if first < 0 || at < first {
			first = at
		}
	}
	for _, u := range facts {
		switch u.Event {
		case "create":
			if create == nil {
				create = u
			}
		case "delete":
			if deletion == nil {
				deletion = u
			}
			failed = failed || u.NoServer
		case "exists":
			alive, failed = alive || u.State != "build", failed || u.State == "build"
		default:
			alive = true
		}
	}
	end, flags := paintedMinutes, ""
	ended, provisional := deletion != nil, false
	if ended {
		end = minuteOf(deletion.Time)
	} else if seen, gone := p.gone(); gone {
		end, ended, provisional = seen, true, true
	}
	start := born
	if start < 0 {
		start = first
	}
	var flavours, volumes []colour
	switch {
	case create == nil && !alive && (deletion == nil || failed):
		return nil, nil
	case create == nil && !alive:
		flags = " inferred_start"
		flavours = p.flood(nil, start, colour{
			text: p.flavour(deletion.Footprint.FlavorID),
			held: "delete_without_create",
		})
		size := colour{held: "delete_without_create"}
		if gb, ok := deletion.Footprint.VolumeGB.Get(); ok {
			size.text = fmt.Sprint(gb, " GB")
		}
		volumes = p.flood(nil, start, size)
	default:
		if create == nil {
			flags = " inferred_start"
		}
		flavours, volumes = p.paint(facts, create, start)
	}
	p.settle(facts, start)
	first = start
	if epoch := minuteOf(p.epoch); !p.epoch.IsZero() && epoch > first {
		first = epoch
	}
	limit := end
	if !ended {
		limit = p.horizon
	}
	spans, holds = p.read("instance", flavours, first, end, limit, ended)
	more, held := p.read("volume", volumes, first, end, limit, ended)
	_, _ = flags, provisional
	return append(spans, more...), append(holds, held...)
}

func (p *painted) flood(canvas []colour, from int, c colour) []colour {
	if canvas == nil {
		canvas = make([]colour, paintedMinutes)
	}
	if from >= 0 && from < len(canvas) && canvas[from].text == c.text && canvas[from].held == c.held {
		c.run = canvas[from].run
	} else if from > 0 && from < len(canvas) {
		c.run = canvas[from-1].run + 1
	}
	for m := max(from, 0); m < len(canvas); m++ {
		canvas[m] = c
	}
	return canvas
}

// flavour says a flavour as lines do: with its name and its memory if another message than an
// exists names it.
func (p *painted) flavour(id string) string {
	for _, u := range p.facts {
		if u.Event != "exists" && u.Footprint.FlavorID == id {
			return fmt.Sprintf("m1.%s %d MB", id, u.Footprint.MemoryMB.Or(0))
		}
	}
	return id
}

func (p *painted) paint(facts []*events.Usage, create *events.Usage, start int) (flavours, volumes []colour) {
	lastChange, onlySigns, unsaid := -1, true, false
	for _, u := range facts {
		unsaid = unsaid || u.VolumeUnknown
		onlySigns = onlySigns && u.Event == "exists"
		if u.Footprint.FlavorID != "" {
			at, seen, now := minuteOf(u.Time), minuteOf(u.Time), colour{text: p.flavour(u.Footprint.FlavorID)}
			if u.Event == "exists" {
				at = minuteOf(u.Observed)
			}
			switch {
			case u == create:
				flavours, lastChange = p.flood(flavours, start, now), start
			case flavours == nil && u.Event == "modify_flavor" && at > start:
				flavours = p.flood(nil, start, colour{held: "unknown_flavor"})
				flavours, lastChange = p.flood(flavours, at, now), at
			case flavours == nil:
				flavours, lastChange = p.flood(nil, start, now), start
			case u.Event == "modify_flavor":
				flavours, lastChange = p.flood(flavours, at, now), at
			case u.Event != "exists":
				if flavours[at].text != now.text {
					flavours, lastChange = p.flood(flavours, at, now), at
				}
			default:
				same := lastChange >= seen
				for m := max(seen-1, 0); m <= at; m++ {
					same = same || flavours[m].text == now.text
				}
				if !same {
					flavours, lastChange = p.flood(flavours, at, now), at
				}
			}
		}
		gb, ok := u.Footprint.VolumeGB.Get()
		if !ok {
			continue
		}
		at, now := minuteOf(u.Time), colour{text: fmt.Sprint(gb, " GB")}
		change := u.Event == "modify_volume" || u.Event == "resize_volume.end"
		switch {
		case u == create, volumes == nil && !change:
			volumes = p.flood(volumes, start, now)
		case volumes == nil && u.OldVolumeGB.Known():
			volumes = p.flood(p.flood(nil, start, colour{text: fmt.Sprint(u.OldVolumeGB.Or(0), " GB")}), at, now)
		case volumes == nil && at > start:
			volumes = p.flood(p.flood(nil, start, colour{held: "unknown_volume"}), at, now)
		default:
			if change || volumes[at].text != now.text {
				volumes = p.flood(volumes, at, now)
			}
		}
	}
	if flavours == nil {
		flavours = p.flood(nil, start, colour{held: "unknown_flavor"})
	}
	if onlySigns || unsaid && volumes == nil {
		volumes = p.flood(nil, start, colour{held: "unknown_volume"})
	}
	return flavours, volumes
}

// settle paints datastore, region and zone, minute by minute.
func (p *painted) settle(facts []*events.Usage, start int) {
	p.places = [paintedMinutes][3]string{}
	said := [3]bool{}
	for _, u := range facts {
		at := minuteOf(u.Time)
		if u.Event == "exists" {
			at = minuteOf(u.Observed)
		}
		at = max(at, start)
		for i, word := range [3]string{u.Footprint.Datastore, u.Footprint.Region, u.Footprint.AvailabilityZone} {
			if word == "" {
				continue
			}
			from := at
			if !said[i] {
				from, said[i] = 0, true
			}
			for m := from; m < paintedMinutes; m++ {
				p.places[m][i] = word
			}
		}
	}
}

// read reads spans and holds off a canvas, in [first, end), up to limit for an open span.
func (p *painted) read(kind string, canvas []colour, first, end, limit int, ended bool) (spans, holds []string) {
	if canvas == nil {
		return nil, nil
	}
	for m := first; m < end; {
		c, to := canvas[m], m
		for to < end && canvas[to].text == c.text && canvas[to].held == c.held {
			to++
		}
		running := to == end && !ended
		if c.held != "" {
			word, said := p.word(kind, c.held)
			switch {
			case word == "discard":
				m = to
				continue
			case word == "release" && kind == "volume" && (said.VolumeGB.Known() || c.text != ""):
				if c.text == "" {
					c.text = fmt.Sprint(said.VolumeGB.Or(0), " GB")
				}
			case word == "release" && kind == "instance" && (said.FlavorID != "" || c.text != ""):
				if c.text == "" {
					c.text = fmt.Sprintf("%s %d MB", said.Flavor, said.MemoryMB.Or(0))
				}
			default:
				text := fmt.Sprintf("%s held %s %s %s-", p.resource, kind, c.held, short(minute(m)))
				if !running {
					text += short(minute(to))
				}
				holds = append(holds, text)
				m = to
				continue
			}
		}
		if running {
			to = limit
		}
		for at := m; at < to; { // where the place changes, another span begins
			until := at
			for until < to && p.places[until] == p.places[at] {
				until++
			}
			x := p.places[at]
			spans = append(spans, fmt.Sprintf("%s %s %s-%s %s", p.resource, kind, short(minute(at)),
				short(minute(until)),
				c.text+place(events.Footprint{Datastore: x[0], Region: x[1], AvailabilityZone: x[2]})))
			at = until
		}
		if running {
			break
		}
		m = to
	}
	return spans, holds
}

func (p *painted) word(kind, code string) (string, events.Footprint) {
	var newest *events.Act
	for _, d := range p.decisions {
		if d.Decision.Hold == events.ID("hold", "trove", "eu", kind, p.resource, code, "") {
			newest = d
		}
	}
	if newest == nil {
		return "", events.Footprint{}
	}
	return newest.Decision.Action, newest.Decision.Footprint
}

// paintAll is the account of all databases.
func paintAll(messages []any, epoch time.Time, horizon int) (spans, holds []string) {
	heard, wide, by := map[string][]int{}, map[string]bool{}, map[string]*painted{}
	seen := map[string]bool{}
	of := func(resource string) *painted {
		if by[resource] == nil {
			by[resource] = &painted{resource: resource, heard: heard, wide: wide, epoch: epoch, horizon: horizon}
		}
		return by[resource]
	}
	for _, m := range messages {
		if u, ok := m.(*events.Usage); ok && !seen[u.ID] {
			seen[u.ID] = true
			of(u.Resource).facts = append(of(u.Resource).facts, u)
			if u.Event == "exists" {
				at := minuteOf(u.Observed)
				if minute(at).Truncate(time.Hour).Add(time.Hour).After(minute(horizon)) {
					at = -1
				}
				if at >= 0 {
					heard[u.Publisher] = append(heard[u.Publisher], at)
				}
				wide[u.Publisher] = wide[u.Publisher] || u.AuditSeconds.Known()
			}
		}
		if d, ok := m.(*events.Act); ok {
			resource := d.Decision.Resource
			of(resource).decisions = append(of(resource).decisions, d)
		}
	}
	for _, resource := range slices.Sorted(maps.Keys(by)) {
		if len(by[resource].facts) > 0 {
			s, h := by[resource].account()
			spans, holds = append(spans, s...), append(holds, h...)
		}
	}
	slices.Sort(spans)
	slices.Sort(holds)
	return spans, holds
}
