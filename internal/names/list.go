package names

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/limit"
)

// Limits of one list: the earliest names go first.
const (
	maxNames = 32       // each of at most limit.MaxLabel bytes
	maxValue = 48 << 10 // bytes of its JSON, as AppendJSON writes it
)

// Name is the name of a tenant or a space in [From, Until), UTC.
type Name struct {
	Name  string
	From  time.Time // when it was taken up, or the birth of its owner
	Until time.Time // zero: it is the name now
}

// List is the names of one tenant or space, in order of time and without overlap. Only the last one
// may be without an end.
type List []Name

// Observation is a platform's word on one name. Born and Since are zero where it does not say.
type Observation struct {
	Name  string    // empty: the platform has it no more
	Born  time.Time // of the tenant or space: its first name counts from there
	Since time.Time // the last change of its owner
	Seen  time.Time // when this was read
}

// Latest is the name now, or the last one of something gone.
func (l List) Latest() string {
	if len(l) == 0 {
		return ""
	}
	return l[len(l)-1].Name
}

// At is the name at a time; before the first one that is the first, and after the end the last.
func (l List) At(t time.Time) string {
	for i := range l {
		if i == len(l)-1 || t.Before(l[i+1].From) {
			return l[i].Name
		}
	}
	return ""
}

// Observe is the list with an observation, and whether that changed anything. A change counts from
// Since, or from Seen where Since can not be its time; one that was seen before the last known
// change says nothing new. The list itself stays.
func (l List) Observe(o Observation) (List, bool) {
	o.Name = limit.Label(o.Name)
	if len(l) == 0 {
		if o.Name == "" {
			return l, false
		}
		return List{{Name: o.Name, From: moment(o.Born, o.Since, o.Seen)}}, true
	}
	next := append(make(List, 0, len(l)+1), l...)
	last := &next[len(next)-1]
	known, changed := last.Name, last.From
	if !last.Until.IsZero() {
		known, changed = "", last.Until
	}
	at := moment(o.Since, o.Seen)
	if !at.After(changed) {
		at = moment(o.Seen)
	}
	if o.Name == known || !at.After(changed) {
		return l, false
	}
	if known != "" {
		last.Until = at
	}
	if o.Name != "" {
		next = append(next, Name{Name: o.Name, From: at})
	}
	return next.bounded(), true
}

// moment is the first known time, as the wire has it.
func moment(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t.UTC().Truncate(time.Microsecond)
		}
	}
	return time.Time{}
}

// bounded leaves out the earliest names beyond the limits.
func (l List) bounded() List {
	l = l[max(0, len(l)-maxNames):]
	for len(l) > 1 && len(l.AppendJSON(nil)) > maxValue {
		l = l[1:]
	}
	return l
}

// nameJSON is a Name on the wire.
type nameJSON struct {
	Name  string `json:"name"`
	From  string `json:"from"`
	Until string `json:"until,omitempty"`
}

// AppendJSON appends the list as a JSON array of objects with name, from and, where it has ended,
// until, in RFC 3339.
func (l List) AppendJSON(b []byte) []byte {
	all := make([]nameJSON, 0, len(l))
	for _, n := range l {
		x := nameJSON{Name: n.Name, From: events.FormatTime(n.From)}
		if !n.Until.IsZero() {
			x.Until = events.FormatTime(n.Until)
		}
		all = append(all, x)
	}
	text, _ := json.Marshal(all) // of strings
	return append(b, text...)
}

// DecodeJSON makes l the list in b, as AppendJSON wrote it. A list out of order is an error.
func (l *List) DecodeJSON(b []byte) error {
	var all []nameJSON
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	*l = make(List, 0, len(all))
	var before time.Time
	for i, x := range all {
		n := Name{Name: limit.Label(x.Name)}
		var err error
		if n.From, err = events.ParseTime(x.From); err != nil {
			return err
		}
		end := i == len(all)-1 && x.Until == ""
		if !end {
			if n.Until, err = events.ParseTime(x.Until); err != nil {
				return err
			}
		}
		if n.From.Before(before) || !end && !n.From.Before(n.Until) {
			return fmt.Errorf("name %d of the list is out of order", i+1)
		}
		before = n.Until
		*l = append(*l, n)
	}
	*l = l.bounded()
	return nil
}
