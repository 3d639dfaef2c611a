package postgres

import (
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/ledger"
)

// where is the condition of a question, with its arguments: values never stand in its text.
type where struct {
	conditions []string
	arguments  []any
}

// with takes the arguments of an expression; each ? in it stands for the next one.
func (w *where) with(expression string, arguments ...any) string {
	for _, a := range arguments {
		w.arguments = append(w.arguments, a)
		expression = strings.Replace(expression, "?", "$"+strconv.Itoa(len(w.arguments)), 1)
	}
	return expression
}

// add adds a condition.
func (w *where) add(condition string, arguments ...any) {
	w.conditions = append(w.conditions, w.with(condition, arguments...))
}

// is adds that an expression has a value; an empty one is any.
func (w *where) is(expression, value string) {
	if value != "" {
		w.add(expression+" = ?", value)
	}
}

// owners adds what Query.Has says.
func (w *where) owners(q *ledger.Query) {
	w.is("foundation", q.Foundation)
	w.is("tenant", q.Tenant)
	if q.Owners == nil {
		return
	}
	foundations, tenants, whole := []string{}, []string{}, []string{}
	for _, o := range q.Owners {
		if o.Tenant == "" {
			whole = append(whole, o.Foundation)
			continue
		}
		foundations, tenants = append(foundations, o.Foundation), append(tenants, o.Tenant)
	}
	theirs := "(foundation, tenant) IN (SELECT * FROM unnest(?::text[], ?::text[]))"
	if len(whole) == 0 {
		w.add(theirs, foundations, tenants)
		return
	}
	w.add("("+theirs+" OR foundation = ANY(?))", foundations, tenants, whole)
}

// sql is the condition with WHERE in front, or nothing.
func (w *where) sql() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}
