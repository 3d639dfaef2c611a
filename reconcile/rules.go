package reconcile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Limits of a plan.
const (
	// Life is how long a plan may be enacted.
	Life = 15 * time.Minute
	// StopsAllowed is the number of stops of a kind that is always allowed; MaxStops the number
	// that is never allowed without a word; between them MaxStopsPercent of what is billed of the
	// kind is.
	StopsAllowed    = 3
	MaxStopsPercent = 5
	MaxStops        = 200
	// MaxNotes is how many notes a plan has.
	MaxNotes = 1000
	// DefaultSettle is Rules.Settle where nobody says another one.
	DefaultSettle = 5 * time.Minute
)

// Rules say how differences of one foundation are settled.
type Rules struct {
	Acts        []ActRule // the first that fits counts; Hold where none does
	Limitations []Limitation
	// Allow are numbers of stops that an operator has allowed: a refusal of this very number of the
	// kind is none.
	Allow []Allowance
	// Settle is how far apart two listings are that prove a stop.
	Settle time.Duration
}

// Allowance is a number of stops of one kind, of one foundation or of any.
type Allowance struct {
	Foundation string // empty for any
	Kind       string
	Count      int
}

// String is the allowance as UnmarshalText reads it.
func (a Allowance) String() string {
	text := a.Kind + "=" + strconv.Itoa(a.Count)
	if a.Foundation != "" {
		text = a.Foundation + "/" + text
	}
	return text
}

// UnmarshalText reads an allowance such as app=12 or eu/app=12.
func (a *Allowance) UnmarshalText(text []byte) error {
	place, number, _ := strings.Cut(string(text), "=")
	foundation, kind, named := strings.Cut(place, "/")
	if !named {
		foundation, kind = "", place
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || !slices.Contains(Kinds(), kind) {
		return fmt.Errorf("%q is no number of stops of a kind, such as app=12 or eu/app=12; the kinds are %s", text,
			strings.Join(Kinds(), ", "))
	}
	*a = Allowance{foundation, kind, n}
	return nil
}

// Kinds are the reconciled kinds, in their order on bills.
func Kinds() []string {
	return []string{events.KindApp, events.KindTask, events.KindService, events.KindInstance, events.KindVolume}
}

// ActRule is the act for some remodels; an empty field fits all.
type ActRule struct {
	Foundation string
	Kind       string
	Type       Type
	Act        Act
	// At is "earliest" or "latest" of the bounds of a change whose time is not known; empty: the
	// one that costs the tenant less.
	At string
}

// Limitation says what to leave alone; an empty field fits all. Patterns are globs with * and ?.
type Limitation struct {
	Foundation string    `json:"foundation,omitempty"`
	Tenant     string    `json:"tenant,omitempty"` // guid
	Space      string    `json:"space,omitempty"`  // guid, or a pattern of names
	Kind       string    `json:"kind,omitempty"`
	Resource   string    `json:"resource,omitempty"` // a pattern of ids and names
	Type       Type      `json:"type,omitempty"`
	Until      time.Time `json:"until,omitzero"` // zero: for ever
	By         string    `json:"by"`
	Note       string    `json:"note"`
}
