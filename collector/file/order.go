package file

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// The orders of an input; see Config.Order.
const (
	OrderAPI     = "api"        // as the API lists the events, and as the files are given: checked
	OrderNatural = "natural"    // the same, with the files in the natural order of their names
	OrderCreated = "created_at" // the events of Cloud Foundry by their times
	OrderGiven   = "given"      // as the files are given, not checked
)

// The tolerances of a check: the clocks of a foundation's API servers differ.
const (
	// MaxSkew is the most by which a time may lie before an earlier one of its list.
	MaxSkew = time.Minute
	// maxRestartSkew is the most by which an app may seem to start before it stopped, where the
	// input begins with that stop. Beyond it the two stand the wrong way round.
	maxRestartSkew = 15 * time.Second

	maxBegun   = 1_000_000 // resources in memory
	maxEndings = 100_000   // endings of the last MaxSkew in memory
)

// Place is where an event stands in the input.
type Place struct {
	File string
	Line uint32 // of its first byte, from 1
	Item uint32 // its number in a page or an array, from 1; 0 outside of one
}

// String is the place as file:line, with the number in its page or array.
func (p Place) String() string {
	if p.Item == 0 {
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d (event %d of its list)", p.File, p.Line, p.Item)
}

// moment is the time of an event and its place.
type moment struct {
	at    time.Time
	place Place
	event string
}

func (m moment) String() string {
	return fmt.Sprintf("%s (%s of %s)", m.place, m.event, events.FormatTime(m.at))
}

// order checks that the events of Cloud Foundry come as its API lists them: the order decides what
// they mean. Each list, of apps and of services, has an order of its own; notifications of Trove
// have none.
type order struct {
	natural []string // the files in the order of their numbers, where that is another
	newest  map[string]moment
	begun   map[string]struct{} // apps with an event other than an ending
	endings map[string]moment   // of resources without an event before
	pruneAt int
}

func newOrder(files []string) *order {
	o := &order{
		newest: map[string]moment{}, begun: map[string]struct{}{},
		endings: map[string]moment{}, pruneAt: 1024,
	}
	if natural := naturalOrder(files); !slices.Equal(natural, files) {
		o.natural = natural
	}
	return o
}

// listOf is the list of the API with events of a kind.
func listOf(kind string) string {
	if kind == events.KindService {
		return events.ListService
	}
	return events.ListApp
}

// note takes an event that is known to stand in its place.
func (o *order) note(place Place, u *events.Usage) {
	list := listOf(u.Kind)
	if u.Source == events.SourceCF && !u.Time.Before(o.newest[list].at) {
		o.newest[list] = moment{u.Time, place, u.Event}
	}
}

// check takes the next event. The error names both places.
func (o *order) check(place Place, u *events.Usage) error {
	if u.Source != events.SourceCF {
		return nil
	}
	now := moment{u.Time, place, u.Event}
	if before := o.newest[listOf(u.Kind)]; u.Time.Before(before.at.Add(-MaxSkew)) {
		return o.wrong(now, before)
	}
	if before, found := o.reversed(now, u); found {
		return o.wrong(now, before)
	}
	o.note(place, u)
	return nil
}

// reversed finds the ending that stands before its own beginning.
func (o *order) reversed(now moment, u *events.Usage) (ending moment, found bool) {
	id := u.Kind + " " + u.Resource
	again := u.Kind == events.KindApp || u.Kind == events.KindStaging // it may begin again
	switch u.Event {
	case events.EventStopped, events.EventTaskStopped, events.EventDeleted, events.EventStagingStopped:
		if _, begun := o.begun[id]; !begun && len(o.begun) < maxBegun {
			o.prune(now.at)
			o.endings[id] = now
		}
		return moment{}, false
	case events.EventStarted, events.EventTaskStarted, events.EventCreated, events.EventStagingStarted:
		if ending, found = o.endings[id]; found {
			delete(o.endings, id)
			tolerated := ending.at.Add(-maxRestartSkew)
			found = again && now.at.Before(tolerated) || !again && !now.at.After(ending.at)
		}
	}
	if again && len(o.begun) < maxBegun {
		o.begun[id] = struct{}{}
	}
	return ending, found
}

// prune forgets endings so old that a beginning before them is refused anyway.
func (o *order) prune(now time.Time) {
	if len(o.endings) < o.pruneAt {
		return
	}
	for id, ending := range o.endings {
		if ending.at.Before(now.Add(-2*MaxSkew)) || len(o.endings) >= maxEndings {
			delete(o.endings, id)
		}
	}
	o.pruneAt = max(1024, 2*len(o.endings))
}

// wrong is the error for two events in the wrong order.
func (o *order) wrong(now, before moment) error {
	if now.at.Equal(before.at) {
		return fmt.Errorf("%s comes behind %s, and their times do not tell which was first: the input has its newest "+
			"events first: turn it round, as tac does with lines", now, before)
	}
	var ways []string
	if o.natural != nil {
		ways = append(ways, fmt.Sprintf("--order natural takes the files in the order of their numbers (%s)",
			excerpt(o.natural)))
	}
	ways = append(ways, "--order created_at puts the events in the order of their times",
		"--order given takes them as they stand, where clocks of the platform are to blame")
	return fmt.Errorf("%s comes behind %s: this is not the order in which Cloud Foundry's API lists events, and the "+
		"order decides what they cost. %s", now, before, strings.Join(ways, "; "))
}

// excerpt names the first of many files.
func excerpt(names []string) string {
	const most = 3
	text := strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		text += ", …"
	}
	return text
}

// naturalOrder is the names in natural order: numbers in them count as numbers, page-2 before
// page-10.
func naturalOrder(names []string) []string {
	sorted := slices.Clone(names)
	slices.SortStableFunc(sorted, compareNatural)
	return sorted
}

func compareNatural(a, b string) int {
	for a != "" && b != "" {
		numberA, restA := leadingDigits(a)
		numberB, restB := leadingDigits(b)
		if numberA != "" && numberB != "" {
			shortA, shortB := strings.TrimLeft(numberA, "0"), strings.TrimLeft(numberB, "0")
			if c := cmp.Or(cmp.Compare(len(shortA), len(shortB)), strings.Compare(shortA, shortB)); c != 0 {
				return c
			}
			a, b = restA, restB
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func leadingDigits(s string) (digits, rest string) {
	rest = strings.TrimLeft(s, "0123456789")
	return s[:len(s)-len(rest)], rest
}
