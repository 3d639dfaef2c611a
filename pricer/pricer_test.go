package pricer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
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

// story is a METERED stream: spans, a catalogue, its successor, retractions, a horizon, and what is not for the pricer.
func story() []bus.Stored {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var stream []bus.Stored
	add := func(kind, id string, body stage.Body) {
		stream = append(stream, bus.NewStored(bus.Message{
			Subject: "metered.test", Data: body.AppendJSON(nil), Header: []bus.Header{{Key: events.HeaderType, Value: kind}, {Key: events.HeaderID, Value: id}},
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
			add(events.TypeHorizon, id, &events.Horizon{ID: id, Source: "cf", Foundation: "prod", Time: start.Add(time.Duration(i) * time.Hour)})
		case 8:
			add(events.TypeMarker, id, &events.Marker{InputSequence: 1})
		default:
			m := events.Metered{
				ID: id, Source: "cf", Foundation: "prod", Tenant: "org", Kind: "app", Resource: "app", Cause: events.Cause{ID: "fact", Time: start},
			}
			if i%7 == 3 && last.ID != "" {
				m.Retracted = []events.Span{last}
			}
			from := start.Add(time.Duration(i) * time.Hour)
			last = events.Span{
				ID: events.ID("span", id), Kind: "app", Resource: "p", Tenant: "org", Start: from, End: from.Add(90 * time.Minute), Since: from,
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
		if err := p.Step(&stream[i], func(o stage.Output) {
			out = append(out, fmt.Sprintf("%d %s %s %s", stream[i].Sequence, o.Subject, o.ID, o.Body.AppendJSON(nil)))
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func newProcessor() *processor {
	return &processor{book: NewBook()}
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

// A snapshot that is cut off anywhere is an error, or a shorter list of spans, which the chain then tells; never a panic.
func TestDamagedSnapshot(t *testing.T) {
	p := newProcessor()
	steps(t, p, story())
	snapshot, err := p.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(snapshot); n += 11 {
		broken := newProcessor()
		_ = broken.Restore(snapshot[:n])
		flipped := append([]byte(nil), snapshot...)
		flipped[n] ^= 0x81
		_ = broken.Restore(flipped)
	}
}

// A message that Daybook did not publish is an anomaly, not silence.
func TestForeignMessage(t *testing.T) {
	foreign := bus.NewStored(bus.Message{Subject: "catalogue.x", Data: []byte("rubbish")}, 7, time.Now(), 0)
	out := steps(t, newProcessor(), []bus.Stored{foreign})
	if len(out) != 1 || !strings.Contains(out[0], `"code":"unreadable"`) || !strings.Contains(out[0], "message 7 of METERED on catalogue.x") {
		t.Fatalf("got %q", out)
	}
}

// What the pricer puts out for a METERED message does not depend on when it was stored.
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
