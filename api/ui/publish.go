package ui

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/operate"
)

// This file puts catalogue versions in force: a text is checked, what it changes is shown, and then
// it is published.

// publishPage is a catalogue on its way to be in force.
type publishPage struct {
	Crumbs   crumbs
	Text     string
	Version  string // an earlier version, in place of a text
	Reprice  string // months, with commas between them
	Currency string // the first month of another currency
	Mistakes []mistakenLine
	Omitted  int
	Preview  *operate.Preview // nil before the text is checked
	Effects  []effectShown
	Left     int // rows with a change that are not shown
	Guard    string
	May      bool // the reader may publish
	Problem  string
}

// mistakenLine is a line of a text, with the mistakes in it.
type mistakenLine struct {
	Number   int
	Text     string
	Mistakes []operate.Mistake
}

// effectShown is a row of an effect, with the name of its tenant.
type effectShown struct {
	effectLine
	Name string
}

// Limits of the page.
const (
	maxEffects  = 500 // rows
	linesAround = 2   // a line with a mistake
	maxLine     = 500 // bytes of a line
)

// publishing shows the form for a catalogue: the text in force to begin with, or an earlier version
// to be put in force again.
func (u *Pages) publishing(v *visit) (*view, error) {
	x := newPublishPage(v)
	if x.Version = v.FormValue("version"); x.Version != "" {
		return u.previewed(v, x)
	}
	var current answer.Version
	err := u.get(v.Context(), v.who, ask("/catalogues/"+answer.CurrentVersion), &current)
	var none *refusal
	if err != nil && (!errors.As(err, &none) || none.status != http.StatusNotFound) {
		return nil, err
	}
	x.Text = current.YAML
	return x.view(), nil
}

func newPublishPage(v *visit) *publishPage {
	return &publishPage{
		Crumbs: crumbs{{"Prices", Root + "operate/catalogues"}}, Guard: v.who.Guard,
		May: v.who.Guard != "" && v.who.Asker.Decide.Everybody,
	}
}

func (x *publishPage) view() *view {
	title := "Publish prices"
	if x.Version != "" {
		title = "Put prices in force again"
	}
	return &view{file: "publish", title: title, here: "catalogues", data: x}
}

// publish checks a text and shows its effect, or publishes it, as the form says.
func (u *Pages) publish(v *visit) (*view, error) {
	x := newPublishPage(v)
	x.Version, x.Reprice = v.PostFormValue("version"), v.PostFormValue("reprice")
	x.Currency = v.PostFormValue("currency_from")
	text, err := uploaded(v.Request)
	if err != nil {
		return nil, err
	}
	// Browsers end the lines of a form with CR LF: the same text has one version.
	x.Text = strings.ReplaceAll(cmp.Or(text, v.PostFormValue("text")), "\r\n", "\n")
	if v.PostFormValue("do") != "publish" {
		return u.previewed(v, x)
	}
	word := operate.Publication{Candidate: x.candidate()}
	word.Note = v.PostFormValue("note")
	if v.PostFormValue("anyway") == "" {
		word.Expect = v.expected()
	}
	var done operate.Published
	err = u.post(v.Context(), v.who, ask("/catalogues"), &word, &done)
	var no *refusal
	switch {
	case errors.As(err, &no) && no.status == http.StatusConflict:
		x.Problem = no.detail
		return u.previewed(v, x)
	case err != nil:
		return nil, err
	}
	return &view{to: Root + "operate/catalogues?done=" + url.QueryEscape(became(&done))}, nil
}

// uploaded is the text of a file in a form; empty for none.
func uploaded(r *http.Request) (string, error) {
	file, _, err := r.FormFile("file")
	if err != nil {
		return "", nil // the form has none
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxPost))
	return string(text), err
}

func (x *publishPage) candidate() operate.Candidate {
	months := strings.FieldsFunc(x.Reprice, func(r rune) bool { return r == ',' || r == ' ' })
	return operate.Candidate{Catalogue: x.Text, Version: x.Version, Reprice: months, CurrencyFrom: x.Currency}
}

// previewed shows the effect of a catalogue, or its mistakes.
func (u *Pages) previewed(v *visit, x *publishPage) (*view, error) {
	if x.Version == "" {
		var checked operate.Checked
		err := u.post(v.Context(), v.who, ask("/catalogues/check"), &operate.CatalogueText{Catalogue: x.Text}, &checked)
		if err != nil {
			return u.unpublishable(x, err)
		}
		if len(checked.Mistakes) > 0 {
			x.Mistakes, x.Omitted = marked(x.Text, checked.Mistakes), checked.Omitted
			return x.view(), nil
		}
	}
	candidate := x.candidate()
	x.Preview = &operate.Preview{}
	if err := u.post(v.Context(), v.who, ask("/catalogues/preview"), &candidate, x.Preview); err != nil {
		x.Preview = nil
		return u.unpublishable(x, err)
	}
	for _, text := range x.Preview.Rows {
		row, err := effectRow(text)
		if err != nil {
			return nil, err
		}
		switch {
		case !row.changes():
		case len(x.Effects) == maxEffects:
			x.Left++
		default:
			x.Effects = append(x.Effects, effectShown{*row, x.Preview.Names[row.Tenant]})
		}
	}
	return x.view(), nil
}

// unpublishable shows why a text has no preview, where its author can mend it.
func (*Pages) unpublishable(x *publishPage, err error) (*view, error) {
	var no *refusal
	if errors.As(err, &no) && (no.status == http.StatusUnprocessableEntity || no.status == http.StatusConflict) {
		x.Problem = no.detail
		return x.view(), nil
	}
	return nil, err
}

// changes reports whether a row has a difference.
func (x *effectLine) changes() bool {
	return x.Before != x.After || x.NewlyUnrated > 0 || len(x.Appearing)+len(x.Disappearing) > 0
}

// marked are the lines with mistakes, and a few around them.
func marked(text string, mistakes []operate.Mistake) (out []mistakenLine) {
	lines := strings.Split(text, "\n")
	near := func(line int) bool {
		return slices.ContainsFunc(mistakes, func(m operate.Mistake) bool {
			return line >= m.Line-linesAround && line <= m.Line+linesAround
		})
	}
	for i, line := range lines {
		if !near(i + 1) {
			continue
		}
		l := mistakenLine{Number: i + 1, Text: line[:min(len(line), maxLine)]}
		for _, m := range mistakes {
			if m.Line == l.Number {
				l.Mistakes = append(l.Mistakes, m)
			}
		}
		out = append(out, l)
	}
	return out
}

// became is the outcome of a publication, in words.
func became(x *operate.Published) string {
	switch {
	case x.State == "already":
		return "Version " + x.Version + " is in force already: nothing changed"
	case x.State == "waiting":
		return "Version " + x.Version + " is published; the pricer has not put it in force yet"
	case x.Equal:
		return "Version " + x.Version + " is in force; its effect is the one that was shown, to the last digit"
	}
	return "Version " + x.Version + " is in force; its effect differs from the one that was shown: " +
		counted(x.Between, "message") + " about usage, months or catalogues came in between"
}
