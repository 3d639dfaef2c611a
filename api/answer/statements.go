package answer

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/bundle"
	"github.com/daybook-billing/daybook/pricer/preview"
)

// StatementsQuestion asks for statements.
type StatementsQuestion struct {
	Whose
	Month   string `query:"month" json:"month,omitempty" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" doc:"Only this month."`
	All     bool   `query:"all" json:"all,omitempty" doc:"All revisions and credit notes, not only the statements that stand."`
	Preview bool   `query:"preview" json:"preview,omitempty" doc:"Of a tenant's month, what is not issued yet, too: without a number."`
	KnownAt string `query:"known_at" json:"known_at,omitempty" maxLength:"64" doc:"As known at this time (RFC 3339), or by this sequence of USAGE."`
}

// maxStatements is how many statements an answer has.
const maxStatements = 1000

// Statements are statements and credit notes, in the order of BILLING.
type Statements struct {
	Position   Position          `json:"position"`
	Statements []json.RawMessage `json:"statements" doc:"As BILLING has them: schemas/statement.schema.json."`
	Platforms  []PlatformState   `json:"platforms,omitempty" doc:"With previews: whether METERED agrees with what platforms count."`
}

// Statements answers with statements and credit notes.
func (a *Answers) Statements(ctx context.Context, asker *Asker, x *StatementsQuestion) (*Statements, error) {
	all, at, err := a.statements(ctx, asker, x)
	if err != nil {
		return nil, err
	}
	if len(all) > maxStatements {
		return nil, invalid("there are more than %d: choose a tenant, a foundation or a month", maxStatements)
	}
	out := &Statements{Position: at, Statements: []json.RawMessage{}}
	for i := range all {
		out.Statements = append(out.Statements, all[i].AppendJSON(nil))
	}
	out.Platforms, err = Platforms(ctx, a.bus, &asker.Usage, Previewed(all))
	return out, err
}

// Previewed are the foundations of the previews among statements.
func Previewed(all []statement.Statement) (of []FoundationState) {
	for i := range all {
		x := FoundationState{Source: all[i].Source, Foundation: all[i].Foundation}
		if all[i].Preview() && !slices.Contains(of, x) {
			of = append(of, x)
		}
	}
	return of
}

// AllStatements are the statements of an answer, of any number.
func (a *Answers) AllStatements(ctx context.Context, asker *Asker, x *StatementsQuestion) ([]statement.Statement,
	error,
) {
	all, _, err := a.statements(ctx, asker, x)
	return all, err
}

func (a *Answers) statements(ctx context.Context, asker *Asker, x *StatementsQuestion) (all []statement.Statement,
	at Position, err error,
) {
	q, err := x.query(&asker.Money)
	if err != nil {
		return nil, at, err
	}
	q.Period = x.Month
	if q.Known, err = a.known(ctx, x.KnownAt); err != nil {
		return nil, at, err
	}
	positions, err := a.reader.Positions(ctx)
	if err != nil {
		return nil, at, err
	}
	at = position(positions)
	at.Usage = q.Known
	if q.Upto = positions.Billing; q.Upto > 0 {
		all, err = a.reader.Statements(ctx, q)
	}
	if err == nil && !x.All {
		all = standing(all)
	}
	if err == nil && x.Preview {
		var drafts []statement.Statement
		drafts, err = a.drafts(ctx, &q, x)
		all = append(all, drafts...)
	}
	if err == nil && len(all) == 0 {
		err = a.heard(ctx, &q)
	}
	return all, at, err
}

// standing are the statements that stand, of each tenant and month.
func standing(all []statement.Statement) (out []statement.Statement) {
	type of struct{ tenant, month string }
	groups, order := map[of][]statement.Statement{}, []of{}
	for i := range all {
		key := of{all[i].Tenant, all[i].Month}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], all[i])
	}
	for _, key := range order {
		out = append(out, ledger.Standing(groups[key])...)
	}
	return out
}

// drafts are the previews of a tenant's month, of what the query has.
func (a *Answers) drafts(ctx context.Context, q *ledger.Query, x *StatementsQuestion) (
	all []statement.Statement, err error,
) {
	if q.Tenant == "" || q.Period == "" || x.KnownAt != "" {
		return nil, invalid("a preview is of a tenant and a month, as they are known now")
	}
	if q.Owners == nil {
		return preview.Statements(ctx, a.bus, q.Tenant, q.Foundation, q.Period)
	}
	for _, o := range q.Owners {
		if o.Tenant != "" && o.Tenant != q.Tenant || q.Foundation != "" && o.Foundation != q.Foundation {
			continue
		}
		some, err := preview.Statements(ctx, a.bus, q.Tenant, o.Foundation, q.Period)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// StatementQuestion asks for a statement by its number.
type StatementQuestion struct {
	Source     string `path:"source" json:"source" maxLength:"64" doc:"cf or trove."`
	Foundation string `path:"foundation" json:"foundation" maxLength:"1024" doc:"Foundation with this series of numbers."`
	Number     uint64 `path:"number" json:"number" minimum:"1" doc:"Number of a statement or a credit note."`
}

// Bundle is a statement with all that a stranger needs to compute it again.
func (a *Answers) Bundle(ctx context.Context, asker *Asker, x *StatementQuestion) (*bundle.Contents, error) {
	issued, err := a.Statement(ctx, asker, x)
	if err != nil {
		return nil, err
	}
	view, err := a.View(ctx)
	if err != nil {
		return nil, err
	}
	contents, err := bundle.Collect(ctx, view, issued)
	if err == nil {
		err = contents.CollectFacts(ctx, view)
	}
	return contents, unbundled(err)
}

// unbundled is an error of a statement's contents as the asker's.
func unbundled(err error) error {
	if errors.Is(err, bundle.ErrTooLarge) || errors.Is(err, bundle.ErrOtherEntries) {
		return &Problem{Kind: Refused, Detail: err.Error()}
	}
	return err
}

// Statement finds a statement or a credit note by its number.
func (a *Answers) Statement(ctx context.Context, asker *Asker, x *StatementQuestion) (*statement.Statement, error) {
	q, err := (&Whose{Foundation: x.Foundation}).query(&asker.Money)
	if err != nil {
		return nil, err
	}
	all, err := a.reader.Statements(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Source == x.Source && all[i].Number == x.Number {
			return &all[i], nil
		}
	}
	return nil, errNone
}
