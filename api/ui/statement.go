package ui

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events/statement"
)

// statementsPage is the statements of a tenant.
type statementsPage struct {
	Crumbs     crumbs
	Name       string
	Statements []statementRow
}

// statementRow is a statement with the addresses of its files.
type statementRow struct {
	*statement.Statement
	Files string
}

// filesPath is the address of a statement in the API.
func filesPath(s *statement.Statement) string {
	return "/v1/statements/" + url.PathEscape(s.Source) + "/" + url.PathEscape(s.Foundation) + "/" +
		strconv.FormatUint(s.Number, 10)
}

// statements shows the statements and credit notes of a tenant, the newest first.
func (u *Pages) statements(v *visit) (*view, error) {
	foundation, tenant := v.PathValue("foundation"), v.PathValue("tenant")
	q := ask("/statements", "foundation", foundation, "tenant", tenant, "all", "true")
	var all answer.Statements
	if err := u.get(v.Context(), v.who, q, &all); err != nil {
		return nil, err
	}
	x := &statementsPage{Name: u.tenantName(v, foundation, tenant)}
	for _, text := range all.Statements {
		s, err := statementOf(text)
		if err != nil {
			return nil, err
		}
		x.Statements = append(x.Statements, statementRow{s, filesPath(s)})
	}
	slices.Reverse(x.Statements)
	x.Crumbs = tenantCrumbs(foundation, tenant, x.Name, "")
	return &view{
		file: "statements", title: "Statements", here: "tenants", json: q, live: positions(), data: x,
	}, nil
}

func statementOf(text json.RawMessage) (*statement.Statement, error) {
	s := new(statement.Statement)
	return s, s.DecodeJSON(text)
}

// statementPage is a statement.
type statementPage struct {
	Crumbs crumbs
	Name   string
	*statement.Statement
	JSON, CSV, Bundle string
}

// statement shows a statement or a credit note by its number. Its print is the paper.
func (u *Pages) statement(v *visit) (*view, error) {
	q := ask("/statements/" + v.PathValue("source") + "/" + v.PathValue("foundation") + "/" + v.PathValue("number"))
	var text json.RawMessage
	if err := u.get(v.Context(), v.who, q, &text); err != nil {
		return nil, err
	}
	s, err := statementOf(text)
	if err != nil {
		return nil, err
	}
	x := &statementPage{
		Statement: s, Name: u.tenantName(v, s.Foundation, s.Tenant),
		JSON: filesPath(s), CSV: filesPath(s) + "/csv", Bundle: filesPath(s) + "/bundle",
	}
	x.Crumbs = append(tenantCrumbs(s.Foundation, s.Tenant, x.Name, s.Month),
		crumb{"Statements", tenantPath(s.Foundation, s.Tenant) + "/statements"})
	return &view{
		file: "statement", title: "Statement " + strconv.FormatUint(s.Number, 10), here: "tenants", json: q, data: x,
	}, nil
}
