package answer

import (
	"context"
	"slices"
	"sync"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/forecast"
	"github.com/daybook-billing/daybook/pricer/terms"
)

// Bus is the part of the bus to answer.
type Bus interface {
	acts.Bus
	metered.Watcher
	ledger.Gets
	ledger.Kept
	status.Reader
}

// Answers answers questions. It is safe for concurrent use.
type Answers struct {
	reader    ledger.Reader
	money     ledger.MonthMoney // the reader, or BILLING for a command without a ledger
	links     ledger.Linked     // nil: the ledger has none
	bus       Bus
	erasures  *names.Current
	versions  versions
	directory directory

	mu    sync.Mutex // guards the next two
	terms *terms.Terms
	until uint64 // position of terms in METERED
}

// New returns the answers of a ledger that is posted from the streams of a bus; nil for none. They
// have no erased names.
func New(r ledger.Reader, b Bus) *Answers {
	erasures := names.NewCurrent(b)
	links, _ := r.(ledger.Linked)
	var money ledger.MonthMoney = r
	if r == nil {
		money = ledger.Billed{Bus: b, To: bus.End}
	}
	return &Answers{
		reader: ledger.Erasing(r, erasures), money: money, links: links, bus: b,
		erasures: erasures, versions: versions{bus: b}, directory: directory{bus: b},
	}
}

// Reader is the ledger, without erased names.
func (a *Answers) Reader() ledger.Reader { return a.reader }

// Scope is a set of owners of data. The zero value is nobody's.
type Scope struct {
	Everybody bool
	Owners    []events.Owner // one without a tenant is every tenant of its foundation
}

// Has reports whether a tenant of a foundation is in the scope.
func (s *Scope) Has(foundation, tenant string) bool {
	return s.Everybody || events.Owns(s.Owners, foundation, tenant)
}

// Whole reports whether all tenants of some foundation are in the scope.
func (s *Scope) Whole() bool {
	return s.Everybody || slices.ContainsFunc(s.Owners, func(o events.Owner) bool { return o.Tenant == "" })
}

// owners are the scope for a query: nil for everybody, and never nil for others.
func (s *Scope) owners() []events.Owner {
	if s.Everybody {
		return nil
	}
	return append([]events.Owner{}, s.Owners...)
}

// Names reports whether something in the scope is of a foundation and a tenant; an empty one stands
// for any.
func (s *Scope) Names(foundation, tenant string) bool {
	return s.Everybody || slices.ContainsFunc(s.Owners, func(o events.Owner) bool {
		return (foundation == "" || foundation == o.Foundation) &&
			(tenant == "" || o.Tenant == "" || tenant == o.Tenant)
	})
}

// Asker is the sender of a question. The zero value may see and do nothing.
type Asker struct {
	Name   string // for the record of acts
	Usage  Scope  // usage
	Money  Scope  // charges
	Decide Scope  // acts
}

// Operator is the asker of a command against the streams: they may see everything.
func Operator() *Asker {
	all := Scope{Everybody: true}
	return &Asker{Usage: all, Money: all}
}

// Position is how far an answer goes.
type Position struct {
	Billing uint64 `json:"billing" doc:"Sequence of the last message of BILLING in the answer."`
	Metered uint64 `json:"metered" doc:"Sequence of the last message of METERED in the answer."`
	Usage   uint64 `json:"usage,omitempty" doc:"With known_at: sequence of the last fact in USAGE that was known."`
}

// found is ledger.Still for a question with n findings: none is an answer to the known alone, see
// heard.
func (a *Answers) found(ctx context.Context, q *ledger.Query, answer func(r ledger.Reader) (n int, err error)) (
	ledger.Positions, error,
) {
	n := 0
	at, _, err := ledger.Still(ctx, a.reader, func(r ledger.Reader) (err error) { n, err = answer(r); return err })
	if err == nil && n == 0 {
		err = a.heard(ctx, q)
	}
	return at, err
}

// position is the Position of ledger.Positions.
func position(at ledger.Positions) Position {
	return Position{Billing: at.Billing, Metered: at.Metered}
}

// Position is how far the ledger has come.
func (a *Answers) Position(ctx context.Context) (Position, error) {
	at, err := a.reader.Positions(ctx)
	return position(at), err
}

// Edition is what answers are made of: equal ones give equal answers to a question about the
// ledger.
type Edition struct {
	Position
	Names  uint64 // message of the bucket of names
	Erased int    // tenants whose names are erased
}

// Edition is what answers are made of now.
func (a *Answers) Edition(ctx context.Context) (e Edition, err error) {
	if e.Position, err = a.Position(ctx); err != nil {
		return e, err
	}
	known, err := a.Names(ctx)
	if err == nil {
		e.Names, e.Erased = known.State()
	}
	return e, err
}

// Terms are the prices of months, as the pricer has them now.
func (a *Answers) Terms(ctx context.Context) (latest forecast.Terms, err error) {
	err = a.withTerms(ctx, 0, func(t *terms.Terms) { latest = t.Latest() })
	return latest, err
}

// Selected is the query of an asker about the money of resources.
func (a *Answers) Selected(asker *Asker, whose *Whose, what *What) (ledger.Query, error) {
	return what.queried(whose, &asker.Money)
}

// Erase puts guids in the places of erased names.
func (a *Answers) Erase(ctx context.Context, c *ledger.Charge) error {
	erasures, err := a.erasures.Read(ctx)
	if err == nil {
		erasures.Charge(c.Source, c.Foundation, &c.Charge)
	}
	return err
}

// withTerms calls f with the terms of entries, as of a message of METERED at least; 0: as of any.
func (a *Answers) withTerms(ctx context.Context, metered uint64, f func(*terms.Terms)) error {
	if metered == 0 {
		at, err := a.reader.Positions(ctx)
		if err != nil {
			return err
		}
		metered = at.Metered
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.terms == nil || a.until < metered {
		state, err := a.bus.Stream(ctx, events.StreamMetered)
		if err != nil {
			return err
		}
		if a.terms, err = terms.Read(ctx, a.bus); err != nil {
			return err
		}
		a.until = state.Last
	}
	f(a.terms)
	return nil
}
