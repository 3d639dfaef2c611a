package export

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events/statement"
)

// What is the kind of an export.
const (
	Charges     = "charges" // reversals and corrections included
	Corrections = "corrections"
	Totals      = "totals"
	Statements  = "statements" // in CSV: their lines
)

// Formats.
const (
	CSV       = "csv"
	JSONLines = "jsonl" // one object a line
)

// HeaderMissing is the header of an answer with a sentence about what the streams lack.
const HeaderMissing = "Daybook-Missing"

// Question asks for an export.
type Question struct {
	answer.Whose
	What   string   `path:"what" json:"what" enum:"charges,corrections,totals,statements" doc:"What is exported."`
	Month  string   `query:"month" json:"month" required:"true" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" example:"2026-10" doc:"Month of posting."`
	Format string   `query:"format" json:"format,omitempty" enum:"csv,jsonl" default:"csv" doc:"csv, or jsonl: one object a line."`
	By     []string `query:"by" json:"by,omitempty" maxItems:"5" uniqueItems:"true" enum:"tenant,foundation,space,app,resource,kind,plan,component,day,month,datastore,region,availability_zone" doc:"Of totals: what they are divided by (none: tenant,kind,plan,component)."`
}

// MediaType is the type of a format.
func MediaType(format string) string {
	if format == CSV {
		return "text/csv; charset=utf-8"
	}
	return "application/jsonl"
}

// Write writes an export. Before anything is written it returns the errors of answers.
func Write(ctx context.Context, w io.Writer, a *answer.Answers, asker *answer.Asker, x *Question) error {
	switch x.What {
	case Totals:
		return x.totals(ctx, w, a, asker)
	case Statements:
		return x.statements(ctx, w, a, asker)
	}
	pages := a.Charges
	if x.What == Corrections {
		pages = a.Corrections
	}
	selection := answer.Selection{Whose: x.Whose, Month: x.Month}
	out := newRows(w, x.Format)
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, err := pages(ctx, asker, &answer.ChargesQuestion{
			Selection: selection, Limit: answer.MaxPage, Cursor: cursor,
		})
		if err != nil {
			return err
		}
		if first {
			out.header(columns(reflect.TypeFor[answer.Charge]()))
		}
		for i := range page.Charges {
			out.add(&page.Charges[i], func() []string { return cells(reflect.ValueOf(page.Charges[i])) })
		}
		if err := out.flush(); err != nil {
			return err
		}
		cursor = page.Next
	}
	return nil
}

// totals writes sums.
func (x *Question) totals(ctx context.Context, w io.Writer, a *answer.Answers, asker *answer.Asker) error {
	by := x.By
	if len(by) == 0 {
		by = []string{"tenant", "kind", "plan", "component"}
	}
	all, err := a.Totals(ctx, asker, &answer.TotalsQuestion{
		Selection: answer.Selection{Whose: x.Whose, Month: x.Month}, By: by,
	})
	if err != nil {
		return err
	}
	out := newRows(w, x.Format)
	out.header(append(append([]string{}, by...), "currency", "charges", "quantity", "unit", "amount", "vat"))
	for i := range all.Totals {
		t := &all.Totals[i]
		out.add(t, func() (row []string) {
			for _, name := range by {
				row = append(row, t.Of[name])
			}
			return append(row, t.Currency, strconv.Itoa(t.Charges), t.Quantity, t.Unit, t.Amount, t.VAT)
		})
	}
	return out.flush()
}

// statements writes statements and credit notes, all revisions of them.
func (x *Question) statements(ctx context.Context, w io.Writer, a *answer.Answers, asker *answer.Asker) error {
	all, err := a.AllStatements(ctx, asker, &answer.StatementsQuestion{Whose: x.Whose, Month: x.Month, All: true})
	if err != nil {
		return err
	}
	return WriteStatements(w, all, x.Format)
}

// WriteStatements writes statements in a format.
func WriteStatements(w io.Writer, all []statement.Statement, format string) error {
	out := newRows(w, format)
	if format == CSV {
		rows := StatementRows(all)
		out.header(rows[0])
		for _, row := range rows[1:] {
			out.add(nil, func() []string { return row })
		}
		return out.flush()
	}
	for i := range all {
		out.add(json.RawMessage(all[i].AppendJSON(nil)), nil)
	}
	return out.flush()
}

// rows writes rows in a format; the first error stays.
type rows struct {
	csv  *csv.Writer // nil for lines of JSON
	json *json.Encoder
	err  error
}

func newRows(w io.Writer, format string) *rows {
	if format == CSV {
		return &rows{csv: csv.NewWriter(w)}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return &rows{json: encoder}
}

// header writes the names of the columns.
func (r *rows) header(names []string) {
	if r.csv != nil && r.err == nil {
		r.err = r.csv.Write(names)
	}
}

// add writes an object, or its cells.
func (r *rows) add(object any, cells func() []string) {
	if r.err != nil {
		return
	}
	if r.csv == nil {
		r.err = r.json.Encode(object)
		return
	}
	row := cells()
	for i := range row {
		row[i] = Cell(row[i])
	}
	r.err = r.csv.Write(row)
}

// flush writes what is buffered.
func (r *rows) flush() error {
	if r.csv != nil && r.err == nil {
		r.csv.Flush()
		r.err = r.csv.Error()
	}
	return r.err
}

// columns are the names of a form's fields in JSON.
func columns(form reflect.Type) (names []string) {
	for i := range form.NumField() {
		name, _, _ := strings.Cut(form.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// cells are a form's fields: texts, numbers, and lists of texts with spaces between.
func cells(form reflect.Value) (row []string) {
	for i := range form.NumField() {
		switch v := form.Field(i); v.Kind() {
		case reflect.Uint64:
			row = append(row, strconv.FormatUint(v.Uint(), 10))
		case reflect.Slice:
			texts, _ := v.Interface().([]string)
			row = append(row, strings.Join(texts, " "))
		default:
			row = append(row, v.String())
		}
	}
	return row
}
