package print

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// InForce says which version is in force.
func InForce(version string) string {
	if version == "" {
		return "none is in force"
	}
	return version + " is in force"
}

// Compared prints how the effect that the pricer put out compares with the one that was shown
// before it, and so many messages about usage, months or catalogues in between.
func Compared(w io.Writer, put *effect.Effect, equal bool, between int, exact bool) error {
	out := &failing{w: w}
	come := counted(between, "message", "messages") + " about usage, months or catalogues came in between"
	switch {
	case equal && between == 0:
		Text(out, "The pricer has put it in force, with this effect to the last digit.")
		return out.err
	case equal:
		Text(out, "The pricer has put it in force, with this effect to the last digit; "+come+".")
		return out.err
	case between == 0:
		Text(out, "The pricer has put it in force with another effect, though no message about usage, months or "+
			"catalogues came in between: this program and the pricer's are not the same. Its effect is:")
	default:
		Text(out, "The pricer has put it in force; "+come+", and its effect is:")
	}
	fmt.Fprintln(out)
	if out.err != nil {
		return out.err
	}
	return CatalogueEffect(w, put, exact)
}

// Differences prints the differences of two catalogues, under a heading for each thing.
func Differences(w io.Writer, all []catalogue.Difference) error {
	out := &failing{w: w}
	if len(all) == 0 {
		Text(out, "No price differs: no plan, component or rate, and not the currency.")
	}
	for i, d := range all {
		if i == 0 || all[i-1].Of != d.Of {
			Text(out, d.Of)
		}
		Text(out, "- "+d.Text)
	}
	return out.err
}

// Versions prints the versions of catalogues in the order of their first publication, each with
// the last act that put it in force, or the last refused one where none did; history is the acts.
func Versions(w io.Writer, history []answer.Version, asJSON bool) error {
	var names []string
	last := map[string]*answer.Version{}
	for i := range history {
		name := history[i].Version
		if last[name] == nil {
			names = append(names, name)
		}
		if last[name] == nil || last[name].Refused != "" || history[i].Refused == "" {
			last[name] = &history[i]
		}
	}
	sheet := &page{titles: []string{"VERSION", "PUBLISHED", "BY", "NOTE", ""}, right: make([]bool, 5)}
	sheet.header()
	for _, name := range names {
		act := last[name]
		if asJSON {
			if err := JSON(w, versionFields(act)); err != nil {
				return err
			}
			continue
		}
		mark := ""
		switch {
		case act.InForce:
			mark = "in force"
		case act.Refused != "":
			mark = "refused"
		}
		sheet.row(name, act.Time, act.By, act.Note, mark)
	}
	out := &failing{w: w}
	switch {
	case asJSON:
	case len(names) == 0:
		Text(out, "No catalogue was ever published: daybook catalogue publish FILE publishes one.")
	default:
		sheet.print(out)
		for _, name := range names {
			if refused := last[name].Refused; refused != "" {
				Text(out, refusal(name+": refused", refused))
			}
		}
	}
	return out.err
}

// refusal says why a version is not in force.
func refusal(what, why string) string {
	return what + ", the version before it stays in force: " + strings.ReplaceAll(why, "\n", "; ")
}

func versionFields(v *answer.Version) Fields {
	return Fields{
		{"version", v.Version},
		{"time", v.Time},
		{"by", v.By},
		{"note", v.Note},
		{"sequence", v.Usage},
		{"in_force", v.InForce},
		{"refused", v.Refused},
	}
}

// History prints the acts about the catalogue, with their effects.
type History struct {
	out  *failing
	json bool
	any  bool
}

// NewHistory returns a History, for people or as JSON, one object a line.
func NewHistory(w io.Writer, asJSON bool) *History {
	return &History{out: &failing{w: w}, json: asJSON}
}

// Add prints an act; its effect is nil where the pricer has put out none.
func (h *History) Add(act *acts.Version, e *effect.Effect) error {
	h.any = true
	if h.json {
		months, closed := []Fields{}, []string{}
		if e != nil {
			closed = append(closed, e.Closed...)
			for _, t := range monthTotals(e) {
				months = append(months, Fields{
					{"month", t.month},
					{"tenants", t.tenants},
					{"changed", t.changed},
					{"before", t.before.String()},
					{"currency_before", t.currencyBefore},
					{"after", t.after.String()},
					{"currency_after", t.currencyAfter},
					{"newly_unrated", t.newly},
				})
			}
		}
		return JSON(h.out, append(versionFields(answer.NewAct(answer.Operator(), act)),
			Field{"put_in_force", e != nil}, Field{"effect", months}, Field{"closed", closed}))
	}
	line := Time(act.Time) + "  " + act.Catalogue.Version
	if act.By != "" {
		line += "  by " + act.By
	}
	if act.Note != "" {
		line += ": " + act.Note
	}
	if act.InForce {
		line += "  (in force)"
	}
	Text(h.out, line)
	if act.Refused != nil {
		Text(h.out, refusal("- refused", act.Refused.Error()))
		return h.out.err
	}
	if e != nil && len(e.Closed) > 0 {
		Text(h.out, "- closed months that it would change, and leaves: "+strings.Join(e.Closed, ", "))
	}
	if months := act.Catalogue.Reprice; len(months) > 0 {
		Text(h.out, "- closed months that it prices, too, the difference as corrections: "+strings.Join(months, ", "))
	}
	switch {
	case e == nil:
		Text(h.out, "- the pricer has not put it in force")
	case len(e.Rows) == 0:
		Text(h.out, "- nothing was metered in an open month")
	default:
		for _, t := range monthTotals(e) {
			Text(h.out, "- "+t.text())
		}
	}
	return h.out.err
}

// End ends the list.
func (h *History) End() error {
	if !h.any && !h.json {
		Text(h.out, "No catalogue was ever published: daybook catalogue publish FILE publishes one.")
	}
	return h.out.err
}

// monthTotal is the effect on all tenants of a month, from one currency.
type monthTotal struct {
	month                         string
	tenants, changed              int
	newly                         uint32
	currencyBefore, currencyAfter string
	before, after                 events.Decimal
}

func monthTotals(e *effect.Effect) (all []monthTotal) {
	for i := range e.Rows {
		r := &e.Rows[i]
		n := slices.IndexFunc(all, func(t monthTotal) bool {
			return t.month == r.Month && t.currencyBefore == r.Before.Currency
		})
		if n < 0 {
			n = len(all)
			all = append(all, monthTotal{
				month: r.Month, currencyBefore: r.Before.Currency, currencyAfter: r.After.Currency,
			})
		}
		t := &all[n]
		t.tenants++
		if r.Changes() {
			t.changed++
		}
		t.newly += r.NewlyUnrated
		t.before, t.after = t.before.Add(r.Before.Amount), t.after.Add(r.After.Amount)
	}
	return all
}

func (t *monthTotal) text() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: ", t.month)
	if t.currencyBefore != "" && t.currencyBefore != t.currencyAfter {
		fmt.Fprintf(&text, "%s %s before, %s %s after", money(t.before, t.currencyBefore), t.currencyBefore,
			money(t.after, t.currencyAfter), t.currencyAfter)
	} else {
		cells := amounts(t.before, t.after, t.currencyAfter, false)
		fmt.Fprintf(&text, "%s before, %s after, %s %s", cells[0], cells[1], cells[2], cells[3])
	}
	fmt.Fprintf(&text, "; %d of %s", t.changed, counted(t.tenants, "tenant", "tenants"))
	if t.newly > 0 {
		fmt.Fprintf(&text, "; newly without a price: %s", counted(int(t.newly), "span", "spans"))
	}
	return text.String()
}
