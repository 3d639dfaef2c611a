package pricer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/internal/stage/reread"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// world is METERED, told at random, with the bill of full knowledge beside it.
type world struct {
	*rapid.T
	p       *processor
	whole   *processor // without dropped spans
	stream  []bus.Stored
	billing []bus.Stored
	spans   map[string]events.Span // that stand, by resource and day
	open    string                 // the first open month; empty while none is closed
	opened  bool                   // it was closed before
	price   map[string]int         // of closed months
	now     int                    // the price in force
	started bool                   // runs begin before their spans, and started hours count
	number  uint64                 // of the last statement
	base    reread.Streams         // up to the last replay
	forging bool                   // the message at hand is forged
}

func newWorld(t *rapid.T) *world {
	return &world{
		T: t, p: newProcessor(), whole: wholeProcessor(), spans: map[string]events.Span{}, price: map[string]int{},
	}
}

// worldBegins is the first day of a world.
var worldBegins = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func priced(amount int) string {
	return fmt.Sprintf("currency: GBP\nvat_rates: [{code: S, valid_from: 2001-01-01, rate: 0.2}]\nplans:\n"+
		"  - {name: app, match: {kind: app}, valid_from: 2001-01-01, components: [{name: use, "+
		"quantity: \"seconds / 3600\", unit: h, unit_price: %d, vat: S}]}\n", amount)
}

func (w *world) step(kind string, body stage.Body) {
	id := fmt.Sprint("message-", len(w.stream))
	subject := map[string]string{
		events.TypeMetered:   events.MeteredSubject("cf", "prod", "org", "app", "app"),
		events.TypeClosing:   events.MeteredClosingSubject("cf", "prod"),
		events.TypeCatalogue: events.MeteredCatalogueSubject,
		statement.SealType:   statement.SealSubject("cf", "prod"),
	}[kind]
	m := bus.NewStored(bus.Message{
		Subject: subject, Data: body.AppendJSON(nil),
		Header: []events.Header{{Key: events.HeaderType, Value: kind}, {Key: events.HeaderID, Value: id}},
	}, uint64(len(w.stream)+1), worldBegins, 0)
	before, posted := w.stream, len(w.billing)
	w.stream = append(w.stream, m)
	if err := w.take(before, &m, func(o stage.Output) {
		w.billing = append(w.billing, stored(o))
		if b, is := o.Body.(*events.Billing); is {
			for i := range b.Charges {
				if b.Charges[i].Period < w.open && b.Kind != statement.Kind {
					w.Fatalf("%s changes %s, which is closed", id, b.Charges[i].Period)
				}
			}
		}
		if o.Type == events.TypeAnomaly && !w.forging {
			w.Fatalf("%s: an anomaly", id)
		}
	}); err != nil {
		w.Fatal(err)
	}
	var all []bus.Stored
	if err := w.whole.Step(&m, func(o stage.Output) { all = append(all, stored(o)) }); err != nil {
		w.Fatal(err)
	}
	if got, want := said(w.billing[posted:]), said(all); got != want {
		w.Fatalf("%s: a book that drops spans says\n%sand one that keeps them\n%s", id, got, want)
	}
}

// take steps a message behind others, with what BILLING had up to the last replay.
func (w *world) take(before []bus.Stored, in *bus.Stored, emit func(stage.Output)) error {
	s := w.base
	s.Source = streams{events.StreamMetered: before, events.StreamBilling: w.billing}
	s.Input, s.Output = events.StreamMetered, events.StreamBilling
	return s.Step(context.Background(), w.p, uint64(len(before)+1), func() error { return w.p.Step(in, emit) })
}

// said are messages as text.
func said(messages []bus.Stored) string {
	var b strings.Builder
	for i := range messages {
		fmt.Fprintf(&b, "%s %s\n", messages[i].Subject, messages[i].Data)
	}
	return b.String()
}

// fact replaces what a resource ran on a day.
func (w *world) fact() {
	resource := rapid.SampledFrom([]string{"a", "b"}).Draw(w.T, "resource")
	day := worldBegins.AddDate(0, rapid.IntRange(0, 3).Draw(w.T, "month"), rapid.IntRange(0, 1).Draw(w.T, "day"))
	key := resource + day.Format(time.DateOnly)
	m := events.Metered{
		ID: fmt.Sprint("metered-", len(w.stream)), Source: "cf", Foundation: "prod", Tenant: "org", Kind: "app",
		Resource: "app",
	}
	if was, stands := w.spans[key]; stands {
		m.Retracted = []events.Span{was}
		delete(w.spans, key)
	}
	if hours := rapid.IntRange(0, 3).Draw(w.T, "hours"); hours > 0 || len(m.Retracted) == 0 {
		s := events.Span{
			ID: fmt.Sprint("span-", key, "-", hours), Kind: "app", Resource: resource, Tenant: "org",
			Start: day, Since: day, End: day.Add(time.Duration(hours+1) * time.Hour),
			Footprint: events.Footprint{Instances: events.Some(1)},
		}
		if w.started {
			before := rapid.SampledFrom([]int{0, 10, 40, 1500}).Draw(w.T, "minutes before")
			s.Since = day.Add(-time.Duration(before) * time.Minute)
			s.End = s.Start.Add(time.Duration(hours) * 25 * time.Minute)
			s.ID += s.Since.Format(time.RFC3339)
		}
		m.Closed, w.spans[key] = []events.Span{s}, s
	}
	w.step(events.TypeMetered, &m)
}

// month closes the next month, or opens the last one again.
func (w *world) month() {
	c := events.Closing{ID: fmt.Sprint("closing-", len(w.stream)), Source: "cf", Foundation: "prod"}
	switch {
	case w.open != "" && !w.opened && rapid.Bool().Draw(w.T, "reopen"):
		c.Month, c.Reopened = events.MonthAfter(w.open, -1), true
		w.open, w.opened = c.Month, true
		delete(w.price, c.Month)
		w.step(events.TypeClosing, &c)
	case w.open < "2026-04":
		c.Month = max(w.open, worldBegins.Format(events.MonthForm))
		w.step(events.TypeClosing, &c)
		w.open, w.opened = events.MonthAfter(c.Month, 1), false
		w.price[c.Month] = w.now
	}
}

// publish puts a price in force, perhaps for a closed month, too.
func (w *world) publish() {
	w.now = rapid.IntRange(1, 3).Draw(w.T, "price")
	c := events.Catalogue{Version: fmt.Sprint("v", w.now), YAML: priced(w.now)}
	if w.started {
		c.YAML = strings.Replace(c.YAML, "seconds / 3600", "ceil(seconds / 3600)", 1)
	}
	for _, month := range slices.Sorted(maps.Keys(w.price)) {
		if rapid.IntRange(0, 2).Draw(w.T, "reprice "+month) == 0 {
			c.Reprice = append(c.Reprice, month)
			w.price[month] = w.now
		}
	}
	w.shown(&c)
	if rapid.Bool().Draw(w.T, "twice") {
		before := len(w.billing)
		w.step(events.TypeCatalogue, &c)
		for i := range w.billing[before:] {
			if w.billing[before+i].Header(events.HeaderType) == events.TypeBilling {
				w.Fatal("twice is not once")
			}
		}
	}
}

// shown publishes a version, and compares what a preview has shown before: the effect, with the
// corrections of the closed months that are named, and those of one that alone is named.
func (w *world) shown(c *events.Catalogue) {
	v := NewPreview()
	for i := range w.stream {
		if err := v.Step(&w.stream[i]); err != nil {
			w.Fatal(err)
		}
	}
	next, err := catalogue.Parse(c.Version, []byte(c.YAML))
	if err != nil {
		w.Fatal(err)
	}
	rows, left, _ := v.Rows(next, c.Reprice)
	seen, closed := effect.Effect{Rows: rows, Closed: left}, v.Closed(next)
	for _, r := range closed {
		if len(c.Reprice) == 0 && r.Changes() && !slices.Contains(left, r.Month) {
			w.Fatalf("the version would change %s, and it is not named", r.Month)
		}
	}
	before := len(w.billing)
	w.step(events.TypeCatalogue, c)
	var put effect.Effect
	sums := map[string]events.Decimal{}
	for i := range w.billing[before:] {
		m := &w.billing[before+i]
		switch m.Header(events.HeaderType) {
		case effect.Type:
			if err := put.DecodeJSON(m.Data); err != nil {
				w.Fatal(err)
			}
		case events.TypeBilling:
			var b events.Billing
			if err := b.DecodeJSON(m.Data); err != nil {
				w.Fatal(err)
			}
			for _, entry := range b.Charges {
				if entry.Entry == events.EntryCorrection {
					sums[entry.Month] = sums[entry.Month].Add(entry.Amount)
				}
			}
		}
	}
	if !put.Equal(&seen) {
		w.Fatalf("the preview was\n%s\nand the effect is\n%s", seen.AppendJSON(nil), put.AppendJSON(nil))
	}
	for _, month := range c.Reprice {
		w.corrects(month, rows, sums[month])
		if len(c.Reprice) == 1 {
			w.corrects(month, closed, sums[month])
		}
	}
}

// corrects compares the corrections of a month with what rows have shown.
func (w *world) corrects(month string, rows []effect.Row, got events.Decimal) {
	var want events.Decimal
	for _, r := range rows {
		if r.Month == month {
			want = want.Add(r.After.Amount).Sub(r.Before.Amount)
		}
	}
	if got.Cmp(want) != 0 {
		w.Fatalf("the preview of %s was %s, and the corrections are %s", month, want, got)
	}
}

func (w *world) restart() {
	snapshot, err := w.p.Snapshot()
	if err != nil {
		w.Fatal(err)
	}
	again := newProcessor()
	if err := again.RestorePieces(snapshot, w.p.Pieces()); err != nil {
		w.Fatal(err)
	}
	w.p = again
}

// bill is the sum of all entries by resource and the month that they are about, and what stands.
func (w *world) bill() (got, want map[string]string) {
	sums, due := map[string]events.Decimal{}, map[string]events.Decimal{}
	for i := range w.billing {
		var b events.Billing
		if w.billing[i].Header(events.HeaderType) != events.TypeBilling || b.DecodeJSON(w.billing[i].Data) != nil {
			continue
		}
		for _, c := range b.Charges {
			key := c.Resource + " " + c.Start.Format(events.MonthForm)
			if c.Entry == events.EntryCorrection && c.Month != c.Start.Format(events.MonthForm) {
				w.Fatalf("a correction of %s begins at %s", c.Month, c.Start)
			}
			sums[key] = sums[key].Add(c.Amount)
		}
	}
	for _, s := range w.spans {
		month := s.Start.Format(events.MonthForm)
		price, closed := w.price[month]
		if !closed {
			price = w.now
		}
		key := s.Resource + " " + month
		due[key] = due[key].Add(events.NewDecimal(int64(price)*int64(s.End.Sub(s.Start)/time.Hour), 0))
	}
	return nonZero(sums), nonZero(due)
}

func nonZero(sums map[string]events.Decimal) map[string]string {
	out := map[string]string{}
	for key, sum := range sums {
		if !sum.IsZero() {
			out[key] = sum.String()
		}
	}
	return out
}

// TestMonthsAndCorrections: whatever the order of late facts, closings, reopenings and re-ratings,
// a closed month with its corrections is the bill of full knowledge at the month's prices, and no
// entry is posted to a closed month. A restart changes nothing, and a replay publishes nothing.
func TestMonthsAndCorrections(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.publish()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1:
				w.month()
			case 2:
				w.publish()
			case 3:
				w.restart()
			default:
				w.fact()
			}
		}
		if got, want := w.bill(); !maps.Equal(got, want) {
			t.Fatalf("the entries are %v, full knowledge says %v", got, want)
		}
		if out := replayed(t, w.stream, w.billing, "replay"); len(out) > 0 {
			t.Fatalf("a replay publishes %s", out[0].Data)
		}
	})
}

// TestPreviewOfStartedHours: where started hours count, and runs cross the borders of closed
// months, a version has the effect that its preview shows, in the closed months that it names, too.
func TestPreviewOfStartedHours(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.started = true
		w.publish()
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 7).Draw(t, "step") {
			case 0, 1:
				w.month()
			case 2, 3:
				w.publish()
			default:
				w.fact()
			}
		}
	})
}

// TestLeftMonths: a catalogue says which closed months it would change.
func TestLeftMonths(t *testing.T) {
	p := newProcessor()
	p.figures = NewMetrics()
	p.figures.watch(func() error { return nil })
	steps(t, p, corrected())
	if left := p.figures.Now().Left; len(left) > 0 {
		t.Fatalf("%v", left)
	}
	other := stored(stage.Output{
		Type: events.TypeCatalogue, Body: &events.Catalogue{Version: "d", YAML: fmt.Sprintf(testCatalogue, 6)},
	})
	out := steps(t, p, []bus.Stored{other})
	if len(out) != 1 || !strings.Contains(out[0], `"closed":["2026-01"]`) {
		t.Fatalf("got %q", out)
	}
	if left := p.figures.Now().Left; !slices.Equal(left, []string{"2026-01"}) {
		t.Fatalf("%v", left)
	}
}
