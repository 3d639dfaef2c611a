package pricer

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

const testCatalogue = `
currency: GBP
plans:
  - name: app
    match: {kind: app}
    valid_from: 2000-01-01
    components:
      - {name: hour, formula: "ceil(seconds / 3600) * 0.%02d"}
`

// story is a METERED stream: spans, a catalogue, its successor, retractions, a horizon, and
// messages without meaning for the pricer.
func story() []bus.Stored {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var stream []bus.Stored
	add := func(kind, id string, body stage.Body) {
		stream = append(stream, bus.NewStored(bus.Message{
			Subject: "metered.test", Data: body.AppendJSON(nil), Header: []events.Header{{
				Key:   events.HeaderType,
				Value: kind,
			}, {Key: events.HeaderID, Value: id}, {
				Key: stage.HeaderSourceSeq, Value: strconv.Itoa(1000 + len(stream)),
			}},
		}, uint64(len(stream)+1), start, 0))
	}
	var last events.Span
	for i := range 60 {
		id := fmt.Sprint("m", i)
		switch i % 20 {
		case 5:
			add(events.TypeCatalogue, id, &events.Catalogue{Version: id, YAML: fmt.Sprintf(testCatalogue, i)})
		case 6:
			add(events.TypeCatalogue, id, &events.Catalogue{Version: id, YAML: "not a catalogue"})
		case 7:
			add(events.TypeHorizon, id, &events.Horizon{
				ID: id, Source: "cf", Foundation: "prod",
				Time: start.Add(time.Duration(i) * time.Hour),
			})
		case 8:
			add(events.TypeMarker, id, &events.Marker{InputSequence: 1})
		default:
			m := events.Metered{
				ID: id, Source: "cf", Foundation: "prod", Tenant: "org", Kind: "app", Resource: "app",
				Cause: events.Cause{ID: "fact", Time: start},
			}
			if i%7 == 3 && last.ID != "" {
				m.Retracted = []events.Span{last}
			}
			from := start.Add(time.Duration(i) * time.Hour)
			last = events.Span{
				ID: events.ID("span", id), Kind: "app", Resource: "p", Tenant: "org", Start: from,
				End: from.Add(90 * time.Minute), Since: from,
				Footprint: events.Footprint{Instances: events.Some(2)}, Flags: events.InferredStart,
			}
			m.Closed = []events.Span{last}
			add(events.TypeMetered, id, &m)
		}
	}
	return stream
}

func steps(t *testing.T, p *processor, stream []bus.Stored) (out []string) {
	t.Helper()
	for i := range stream {
		if err := take(p, stream[:i], &stream[i], func(o stage.Output) {
			out = append(out, fmt.Sprintf("%d %s %s %s", stream[i].Sequence, o.Subject, o.ID, o.Body.AppendJSON(nil)))
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Every entry tells the sequence in USAGE of the last fact behind it.
func TestCauseInUsage(t *testing.T) {
	stream := story()
	p, entries := newProcessor(), 0
	for i := range stream {
		if err := take(p, stream[:i], &stream[i], func(o stage.Output) {
			if m, is := o.Body.(*events.Billing); is {
				entries += len(m.Charges)
				if m.Cause.Usage != 1000+uint64(i) {
					t.Errorf("entries of message %d are caused by message %d of USAGE", i+1, m.Cause.Usage)
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if entries == 0 {
		t.Error("no entries")
	}
}

// A snapshot taken after any message gives the same outputs from there on, byte for byte.
func TestSnapshotAnywhere(t *testing.T) {
	stream := story()
	for cut := range stream {
		whole := newProcessor()
		steps(t, whole, stream[:cut])
		snapshot, err := whole.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		restored := newProcessor()
		if err := restored.Restore(snapshot); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(steps(t, whole, stream[cut:]), steps(t, restored, stream[cut:])); diff != "" {
			t.Fatalf("restored after message %d:\n%s", cut, diff)
		}
	}
}

// A snapshot of very many spans is mostly pieces, and gives them all.
func TestSnapshotInPieces(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	p := newProcessor()
	var spans []events.Span
	for i := range 20_000 {
		spans = append(spans, events.Span{
			ID: events.ID("span", strconv.Itoa(i)), Kind: "app", Resource: "p",
			Start: from.Add(time.Duration(i) * time.Hour),
			End:   from.Add(time.Duration(i+1) * time.Hour), Footprint: events.Footprint{Instances: events.Some(2)},
		})
	}
	m := events.Metered{ID: "m", Source: "cf", Foundation: "prod", Resource: "app", Closed: spans}
	p.book.Metered(&m, func(*Entries) {})
	snapshot, err := p.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	pieces := p.Pieces()
	if len(pieces) == 0 || len(snapshot) > len(pieces[0].Data)+1<<16 {
		t.Fatalf("%d pieces and a snapshot of %d bytes", len(pieces), len(snapshot))
	}
	restored := newProcessor()
	if err := restored.RestorePieces(snapshot, pieces); err != nil {
		t.Fatal(err)
	}
	m = events.Metered{ID: "n", Source: "cf", Foundation: "prod", Resource: "app", Retracted: spans}
	if anomalies := restored.book.Metered(&m, func(*Entries) {}); len(anomalies) > 0 {
		t.Fatalf("%d spans are lost: %v", len(anomalies), anomalies[0])
	}
	if err := newProcessor().RestorePieces(snapshot, pieces[1:]); err == nil && len(pieces) > 1 {
		t.Fatal("a missing piece is not seen")
	}
}

// A snapshot cut off anywhere is an error, or a shorter list of spans, which the chain then
// tells; never a panic.
func TestDamagedSnapshot(t *testing.T) {
	p := newProcessor()
	steps(t, p, story())
	snapshot, err := p.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, short := range [][]byte{{}, {1}, snapshot[:3]} {
		if err := newProcessor().Restore(short); err == nil {
			t.Fatalf("a snapshot of %d bytes is taken", len(short))
		}
	}
	for n := 0; n < len(snapshot); n += 11 {
		broken := newProcessor()
		_ = broken.Restore(snapshot[:n])
		flipped := append([]byte(nil), snapshot...)
		flipped[n] ^= 0x81
		_ = broken.Restore(flipped)
	}
}

// A message of another publisher is an anomaly, not silence.
func TestForeignMessage(t *testing.T) {
	foreign := bus.NewStored(bus.Message{Subject: "catalogue.x", Data: []byte("rubbish")}, 7, time.Now(), 0)
	out := steps(t, newProcessor(), []bus.Stored{foreign})
	if len(out) != 1 || !strings.Contains(out[0], `"code":"unreadable"`) || !strings.Contains(out[0],
		"message 7 of METERED on catalogue.x") {
		t.Fatalf("got %q", out)
	}
}

// A version that comes into force puts out what it changes, behind the entries, and names the
// version before it.
func TestEffectIsPutOut(t *testing.T) {
	var said []string
	var former string
	for _, line := range steps(t, newProcessor(), story()) {
		rest, is := strings.CutPrefix(line[strings.IndexByte(line, ' ')+1:], "billing.effect.")
		if !is {
			continue
		}
		var e effect.Effect
		if err := e.DecodeJSON([]byte(rest[strings.IndexByte(rest, '{'):])); err != nil {
			t.Fatal(err)
		}
		if e.Former != former || e.Parts != 1 || len(e.Rows) != 1 || e.Rows[0].Month != "2026-11" {
			t.Errorf("behind %q: %s", former, rest)
		}
		former = e.Version
		said = append(said, fmt.Sprint(e.Cause.Sequence, " ", e.Rows[0].Before.Currency, " ", e.Rows[0].Before.Amount,
			" ", e.Rows[0].After.Amount))
	}
	// Spans of two started hours each: 5 are closed before message 6, and 1 of them is retracted;
	// 21 and 4 before message 26; 37 and 6 before message 46. An hour costs 0.05, 0.25, 0.45.
	want := []string{"6  0 0.4", "26 GBP 1.7 8.5", "46 GBP 15.5 27.9"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Fatal(diff)
	}
}

// A price that no catalogue is published with any more stays in force where it was published, after
// a restart, too.
func TestFormerPricesStayInForce(t *testing.T) {
	const former = `{currency: GBP, plans: [{name: app, match: {kind: app}, valid_from: 2000-01-01, components: [
		{name: c, formula: "seconds / memory_mb"}]}]}`
	if _, err := catalogue.Check("former", []byte(former)); err == nil {
		t.Fatal("it can be published")
	}
	stream := corrected()
	stream[0].Data = (&events.Catalogue{Version: "former", YAML: former}).AppendJSON(nil)
	var m events.Metered
	if err := m.DecodeJSON(stream[1].Data); err != nil {
		t.Fatal(err)
	}
	m.Closed[0].Footprint.MemoryMB, m.Closed[1].Footprint.MemoryMB = events.Some(0), events.Some(1800)
	stream[1].Data = m.AppendJSON(nil)
	p := newProcessor()
	if out := steps(t, p, stream[:1]); len(out) != 1 || !strings.HasPrefix(out[0], "1 billing.effect.former ") {
		t.Fatalf("published: %q", out) // not an anomaly
	}
	snapshot, err := p.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	restored := newProcessor()
	if err := restored.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	out := steps(t, restored, stream[1:2])
	if len(out) != 2 || !strings.Contains(out[0], `"catalogue":"former"`) ||
		!strings.Contains(out[0], `"amount":"2"`) || !strings.Contains(out[1], "division by zero") {
		t.Fatalf("got %q", out)
	}
	if diff := cmp.Diff(out, steps(t, p, stream[1:2])); diff != "" {
		t.Fatal(diff)
	}
}

// The outputs for a METERED message do not depend on its time of storing.
func TestOutputsAreAFunctionOfTheInput(t *testing.T) {
	stream := story()
	later := append([]bus.Stored(nil), stream...)
	for i := range later {
		later[i].Time = later[i].Time.Add(1000 * time.Hour)
	}
	if diff := cmp.Diff(steps(t, newProcessor(), stream), steps(t, newProcessor(), later)); diff != "" {
		t.Fatal(diff)
	}
}

func stored(o stage.Output) bus.Stored {
	return bus.NewStored(bus.Message{
		Subject: o.Subject, Data: o.Body.AppendJSON(nil),
		Header: []events.Header{{Key: events.HeaderType, Value: o.Type}, {Key: events.HeaderID, Value: o.ID}},
	}, 1, time.Time{}, 0)
}

// corrected is a METERED stream with a correction of January in February: one span is retracted,
// another is retracted and closed again.
func corrected() (stream []bus.Stored) {
	from := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	add := func(kind, id string, body stage.Body) {
		stream = append(stream, bus.NewStored(bus.Message{
			Subject: "metered.test", Data: body.AppendJSON(nil), Header: []events.Header{{
				Key:   events.HeaderType,
				Value: kind,
			}, {Key: events.HeaderID, Value: id}},
		}, uint64(len(stream)+1), from, 0))
	}
	spans := make([]events.Span, 2)
	for i := range spans {
		at := from.Add(time.Duration(i) * time.Hour)
		spans[i] = events.Span{
			ID: fmt.Sprint("span", i), Kind: "app", Resource: "p", Tenant: "org", Start: at, End: at.Add(time.Hour),
			Since:     at,
			Footprint: events.Footprint{Instances: events.Some(2)},
		}
	}
	m := events.Metered{
		ID: "first", Source: "cf", Foundation: "prod", Tenant: "org", Kind: "app", Resource: "app",
		Cause: events.Cause{ID: "a", Time: from},
	}
	m.Closed = spans
	add(events.TypeCatalogue, "c", &events.Catalogue{Version: "c", YAML: fmt.Sprintf(testCatalogue, 5)})
	add(events.TypeMetered, m.ID, &m)
	add(events.TypeClosing, "closing", &events.Closing{
		ID: "closing", Source: "cf", Foundation: "prod", Month: "2026-01", Time: from.AddDate(0, 1, 0),
	})
	m.ID, m.Retracted, m.Closed, m.Correction = "second", spans, spans[:1], "2026-02"
	add(events.TypeMetered, m.ID, &m)
	return stream
}

// What no plan prices of a month that is closed is unrated in the month that a charge would be
// posted to.
func TestUnratedCorrection(t *testing.T) {
	out := steps(t, newProcessor(), corrected()[2:]) // without the catalogue
	if len(out) == 0 || !strings.Contains(strings.Join(out, "\n"), `"period":"2026-02"`) {
		t.Fatalf("got %q", out)
	}
}

// An anomaly in place of a message that is too long counts like the others.
func TestTooLongMessagesAreCounted(t *testing.T) {
	p := newProcessor()
	p.figures = NewMetrics()
	p.figures.watch(func() error { return nil })
	out := p.tooLong(&stage.Output{ID: "b"}, events.Cause{ID: "m"}, events.Anomaly{Code: events.AnomalyTooLong})
	if notice, is := out.Body.(*events.AnomalyNotice); !is || notice.Anomaly.Code != events.AnomalyTooLong {
		t.Fatalf("%v", out)
	}
	p.publish()
	registry := prometheus.NewRegistry()
	registry.MustRegister(p.figures)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "daybook_pricer_anomalies_total" {
				counted[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	if diff := cmp.Diff(counted, map[string]float64{
		"inconsistent": 0, "too_long": 1, "unreadable": 0, "refused_seal": 0,
	}); diff != "" {
		t.Fatal(diff)
	}
}

// TestUnsealed: statements are counted until their seals come back.
func TestUnsealed(t *testing.T) {
	p := newProcessor()
	p.figures = NewMetrics()
	p.figures.watch(func() error { return nil })
	steps(t, p, corrected()[:3])
	f := p.figures.Now()
	if f.Unsealed != 1 || f.Waiting() != "statements of closed months that wait for their seals: 1" {
		t.Fatalf("%d, %q", f.Unsealed, f.Waiting())
	}
	x := Proposed(p)[0]
	x.Number = 1
	steps(t, p, []bus.Stored{stored(stage.Output{Type: statement.SealType, ID: "seal", Body: &x})})
	if f = p.figures.Now(); f.Unsealed != 0 || f.Waiting() != "" {
		t.Fatalf("%d, %q", f.Unsealed, f.Waiting())
	}
}
