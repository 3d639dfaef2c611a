package pricer

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// hourly counts started hours.
func hourly(price string) string {
	return "currency: GBP\nplans:\n  - {name: app, match: {kind: app}, valid_from: 2001-01-01, " +
		"components: [{name: use, quantity: \"ceil(seconds / 3600)\", unit: h, unit_price: " + price + "}]}\n"
}

// crossing is METERED with one run from 23:30 on the last day of October to 00:10, and October and
// the months before it closed at 0.01 an hour.
func crossing() []bus.Stored {
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 10, day, hour, minute, 0, 0, time.UTC) }
	span := func(id string, start, end time.Time) events.Span {
		return events.Span{
			ID: id, Kind: "app", Resource: "p", Tenant: "o", Start: start, End: end, Since: at(31, 23, 30),
			Footprint: events.Footprint{Instances: events.Some(1)},
		}
	}
	return []bus.Stored{
		putInForce("A", hourly("0.01")),
		stored(stage.Output{Type: events.TypeMetered, Body: &events.Metered{
			ID: "m", Source: "cf", Foundation: "prod", Tenant: "o", Kind: "app", Resource: "p", Closed: []events.Span{
				span("october", at(31, 23, 30), at(32, 0, 0)), span("november", at(32, 0, 0), at(32, 0, 10)),
			},
		}}),
		closed("2026-09"), closed("2026-10"),
	}
}

func closed(month string) bus.Stored {
	return stored(stage.Output{Type: events.TypeClosing, Body: &events.Closing{
		ID: "closing-" + month, Source: "cf", Foundation: "prod", Month: month,
	}})
}

func putInForce(version, text string, named ...string) bus.Stored {
	return stored(stage.Output{Type: events.TypeCatalogue, Body: &events.Catalogue{
		Version: version, YAML: text, Reprice: named,
	}})
}

// effectIn is the effect among outputs behind others, as text.
func effectIn(t *testing.T, p *processor, before []bus.Stored, in bus.Stored) (all []string, left []string) {
	t.Helper()
	if err := take(p, before, &in, func(o stage.Output) {
		if e, is := o.Body.(*effect.Effect); is {
			all, left = append(all, differences(e.Rows)...), e.Closed
		}
	}); err != nil {
		t.Fatal(err)
	}
	return all, left
}

func differences(rows []effect.Row) (all []string) {
	for i := range rows {
		all = append(all, fmt.Sprint(rows[i].Month, " ", rows[i].Before.Amount, " → ", rows[i].After.Amount))
	}
	return all
}

// TestNamedMonthWithStartedHours: a version that a closed month takes over begins no new started
// hour at the month's end, and the preview says so.
func TestNamedMonthWithStartedHours(t *testing.T) {
	next, err := catalogue.Parse("B", []byte(hourly("0.02")))
	if err != nil {
		t.Fatal(err)
	}
	for _, named := range [][]string{nil, {"2026-10"}} {
		v, p := NewPreview(), newProcessor()
		steps(t, p, crossing())
		steps(t, v.processor, crossing())
		want := []string{"2026-11 0 → 0.02"}
		if named != nil {
			want = []string{"2026-10 0.01 → 0.02", "2026-11 0 → 0"}
		}
		rows, _, none := v.Rows(next, named)
		if got := differences(rows); !slices.Equal(got, want) || len(none) > 0 {
			t.Fatalf("the preview is %q, without %q", got, none)
		}
		if got, _ := effectIn(t, p, crossing(), putInForce("B", hourly("0.02"), named...)); !slices.Equal(got, want) {
			t.Fatalf("the effect is %q", got)
		}
	}
}

// TestNamedMonthWithoutClosedUsage: an open month, and a closed one without usage, are told apart
// from those that a version can price.
func TestNamedMonthWithoutClosedUsage(t *testing.T) {
	v := NewPreview()
	steps(t, v.processor, crossing())
	next, err := catalogue.Parse("B", []byte(hourly("0.02")))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, none := v.Rows(next, []string{"2026-09", "2026-10", "2026-11"}); !slices.Equal(none,
		[]string{"2026-09", "2026-11"}) {
		t.Fatalf("%q", none)
	}
}

// TestRepricedMonthIsLeft: a version changes a closed month only where its prices behind the month
// before it are others.
func TestRepricedMonthIsLeft(t *testing.T) {
	p, v := newProcessor(), NewPreview()
	stream := append(crossing(), closed("2026-11"), putInForce("B", hourly("0.02"), "2026-11"))
	steps(t, p, stream)
	steps(t, v.processor, stream)
	again := "# the same prices\n" + hourly("0.02")
	next, err := catalogue.Parse("C", []byte(again))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"2026-10"}
	if _, left, _ := v.Rows(next, nil); !slices.Equal(left, want) {
		t.Fatalf("the preview leaves %q", left)
	}
	if _, left := effectIn(t, p, stream, putInForce("C", again)); !slices.Equal(left, want) {
		t.Fatalf("the effect leaves %q", left)
	}
}

// TestMonthBehindANamedOneStays: a version that prices one closed month leaves the closed month
// behind it as it is, with the piece that goes on from before: nobody has named it. Named itself,
// it is priced behind the other.
func TestMonthBehindANamedOneStays(t *testing.T) {
	p, v := newProcessor(), NewPreview()
	sums := map[string]events.Decimal{} // corrections by month
	var stream []bus.Stored
	put := func(in bus.Stored) (left []string) {
		t.Helper()
		if err := take(p, stream, &in, func(o stage.Output) {
			switch b := o.Body.(type) {
			case *effect.Effect:
				left = b.Closed
			case *events.Billing:
				for _, c := range b.Charges {
					if c.Entry == events.EntryCorrection {
						sums[c.Month] = sums[c.Month].Add(c.Amount)
					}
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		if err := v.Step(&in); err != nil {
			t.Fatal(err)
		}
		stream = append(stream, in)
		return left
	}
	for _, in := range append(crossing(), closed("2026-11")) {
		put(in)
	}
	for _, step := range []struct {
		version, price string
		named          []string
		left           []string
		want           string // corrections of October and November so far
	}{
		{"B", "0.02", []string{"2026-10"}, nil, "0.01 0"},                    // the hour is October's
		{"C", "0.03", []string{"2026-11"}, []string{"2026-10"}, "0.01 0.03"}, // an hour of another price
		{"C", "0.03", []string{"2026-10"}, []string{"2026-11"}, "0.02 0.03"}, // November keeps its hour
		{"C", "0.03", []string{"2026-10", "2026-11"}, nil, "0.02 0"},         // and goes on when it is named
		{"A", "0.01", []string{"2026-10", "2026-11"}, nil, "0 0"},            // as it was closed
	} {
		next, err := catalogue.Parse(step.version, []byte(hourly(step.price)))
		if err != nil {
			t.Fatal(err)
		}
		_, shown, _ := v.Rows(next, step.named)
		left := put(putInForce(step.version, hourly(step.price), step.named...))
		if got := fmt.Sprint(sums["2026-10"], " ", sums["2026-11"]); got != step.want {
			t.Errorf("%s for %v: the corrections are %s", step.version, step.named, got)
		}
		if !slices.Equal(left, step.left) || !slices.Equal(shown, left) {
			t.Errorf("%s for %v leaves %v, and the preview %v", step.version, step.named, left, shown)
		}
	}
}

// TestOneMonthIsOpenedAgain: the last closed month is opened again, and none before it while it is
// open. METERED that says so contradicts itself.
func TestOneMonthIsOpenedAgain(t *testing.T) {
	open := func(month string) bus.Stored {
		return stored(stage.Output{Type: events.TypeClosing, Body: &events.Closing{
			ID: "open-" + month, Source: "cf", Foundation: "prod", Month: month, Reopened: true,
		}})
	}
	p := newProcessor()
	steps(t, p, append(crossing(), open("2026-10")))
	for month, want := range map[string]string{"2026-10": events.TypeClosing, "2026-09": events.TypeAnomaly} {
		var types []string
		in := open(month)
		if err := p.Step(&in, func(o stage.Output) { types = append(types, o.Type) }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(types, []string{want}) {
			t.Errorf("opening %s again puts out %q", month, types)
		}
	}
	if m := p.book.months[place{"cf", "prod"}]; m.open != "2026-10" {
		t.Errorf("the first open month is %s", m.open)
	}
}

// TestReopenedMonthMovesTheBorder: a month that is opened again has no border at its end: the month
// behind it loses the started hour that began there.
func TestReopenedMonthMovesTheBorder(t *testing.T) {
	p := newProcessor()
	sums := map[string]events.Decimal{}
	reopened := stored(stage.Output{Type: events.TypeClosing, Body: &events.Closing{
		ID: "reopened", Source: "cf", Foundation: "prod", Month: "2026-10", Reopened: true,
	}})
	for _, in := range append(crossing(), putInForce("B", hourly("0.02")), reopened) {
		if err := p.Step(&in, func(o stage.Output) {
			if b, is := o.Body.(*events.Billing); is {
				for _, c := range b.Charges {
					sums[c.Start.Format(events.MonthForm)] = sums[c.Start.Format(events.MonthForm)].Add(c.Amount)
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(sums["2026-10"], " ", sums["2026-11"]); got != "0.02 0" {
		t.Fatalf("October and November cost %s", got)
	}
}
