package print

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/daybook-billing/daybook/events"
)

// JSON prints one JSON value and a line end.
func JSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// Table prints rows in columns.
func Table(w io.Writer, rows [][]string) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(out, "\t")
			}
			fmt.Fprint(out, strings.Map(visible, cell))
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}

// visible replaces control characters: they would break a table or steer a terminal.
func visible(r rune) rune {
	if unicode.IsControl(r) {
		return unicode.ReplacementChar
	}
	return r
}

// list prints objects: as JSON one by one, as a table all at the end.
type list struct {
	w    io.Writer
	json bool
	rows [][]string // the first is the header
}

func newList(w io.Writer, asJSON bool, header ...string) list {
	return list{w: w, json: asJSON, rows: [][]string{header}}
}

// add takes one object, with its row of the table.
func (l *list) add(object any, row ...string) error {
	if l.json {
		return JSON(l.w, object)
	}
	l.rows = append(l.rows, row)
	return nil
}

// end prints the table and an empty line, unless there is nothing to print.
func (l *list) end() error {
	if l.json || len(l.rows) == 1 {
		return nil
	}
	if err := Table(l.w, l.rows); err != nil {
		return err
	}
	_, err := fmt.Fprintln(l.w)
	return err
}

// endCounted is end, and prints the number of rows, with how many more are omitted and why. Beside
// JSON the latter stands elsewhere.
func (l *list) endCounted(elsewhere io.Writer, what string, omitted uint64, why string) error {
	if err := l.end(); err != nil {
		return err
	}
	if !l.json {
		elsewhere = l.w
		fmt.Fprintf(l.w, "%s: %d\n", what, uint64(len(l.rows)-1)+omitted) //nolint:gosec // the header is a row
	}
	if omitted == 0 {
		return nil
	}
	_, err := fmt.Fprintf(elsewhere, "not listed: %d more%s\n", omitted, why)
	return err
}

// Join appends an item to a list with spaces between its items.
func Join(list, item string) string {
	if list == "" {
		return item
	}
	return list + " " + item
}

// called is a guid, with the name in front where it is known.
func called(guid, name string) string {
	if name == "" {
		return guid
	}
	return name + " (" + guid + ")"
}

// Time is a time as Daybook writes it, empty for none.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return events.FormatTime(t)
}

func orNever(s string) string {
	if s == "" {
		return "nothing yet"
	}
	return s
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown time"
	}
	return s
}
