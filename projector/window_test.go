package projector_test

import (
	"fmt"
	"slices"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// windowed are messages of USAGE with the marks of windows, and the processor's outputs for them.
type windowed struct{ inputs []*bus.Stored }

func (w *windowed) add(kind string, body stage.Body, mark string) {
	w.put(kind, body.AppendJSON(nil), mark)
}

func (w *windowed) put(kind string, data []byte, mark string) {
	sequence := uint64(len(w.inputs) + 1)
	in := bus.NewStored(bus.Message{Subject: "usage.cf.eu.x", Data: data, Header: []events.Header{
		{Key: events.HeaderType, Value: kind},
		{Key: events.HeaderID, Value: fmt.Sprint(sequence)},
		{Key: events.HeaderWindow, Value: mark},
	}}, sequence, began, 0)
	w.inputs = append(w.inputs, &in)
}

// end is the marker at the end of a batch.
func (w *windowed) end() { w.add(events.TypeMarker, &events.Marker{}, events.WindowEnd) }

// output is a message with its input.
type output struct {
	input   uint64
	subject string
	body    string
}

// outputs steps the inputs. restart, where it is not nil, says behind which inputs the processor is
// replaced by one of its last snapshot that was possible, which steps the inputs since again.
func (w *windowed) outputs(restart func(sequence uint64) bool) (all []output) {
	cfg := projector.Config{Cut: timeline.CutDay}
	p := projector.NewProcessor(cfg)
	var snapshot []byte
	settled := 0
	for i := 0; i < len(w.inputs); i++ {
		n := len(all)
		if err := p.Step(w.inputs[i], func(o stage.Output) {
			all = append(all, output{w.inputs[i].Sequence, o.Subject, string(o.Body.AppendJSON(nil))})
		}); err != nil {
			panic(err)
		}
		if first := p.(stage.Windowed).Window(); first != 0 {
			if len(all) > n && w.inputs[i].Header(events.HeaderWindow) != events.WindowBegin {
				panic("an output in the middle of a window")
			}
		} else if restart != nil {
			var err error
			if snapshot, err = p.Snapshot(); err != nil {
				panic(err)
			}
			settled = i + 1
		}
		if restart == nil || !restart(w.inputs[i].Sequence) {
			continue
		}
		p = projector.NewProcessor(cfg)
		if err := p.Restore(snapshot); err != nil {
			panic(err)
		}
		for _, in := range w.inputs[settled : i+1] { // these outputs are stored
			if err := p.Step(in, func(stage.Output) {}); err != nil {
				panic(err)
			}
		}
	}
	return all
}

// metered are the messages of METERED among outputs.
func metered(all []output) (messages []events.Metered) {
	for _, o := range all {
		var m events.Metered
		if err := m.DecodeJSON([]byte(o.body)); err == nil && m.Cause.ID != "" && m.Tenant != "" {
			messages = append(messages, m)
		}
	}
	return messages
}

var _ = Describe("A window", func() {
	batch := func(facts ...*events.Usage) *windowed {
		w := &windowed{}
		for i, u := range facts {
			u.ID = events.ID("test", fmt.Sprint(i))
			mark := ""
			if i == 0 {
				mark = events.WindowBegin
			}
			w.add(events.TypeUsage, u, mark)
		}
		return w
	}

	It("makes one message of all facts of a resource, of the last of them", func() {
		w := batch(app("STARTED", "10:00"), app("STARTED", "11:00", size(2, 1024)), app("STARTED", "12:00",
			size(3, 1024)),
			service("CREATED", "12:30", "small"), app("STOPPED", "13:00", size(3, 1024)))
		Expect(w.outputs(nil)).To(BeEmpty(), "it has not ended")
		w.end()
		all := w.outputs(nil)
		Expect(all).To(HaveLen(2))
		m := metered(all)[0]
		Expect(lines(m.Closed)).To(Equal([]string{
			"P 10:00-11:00 1x1024", "P 11:00-12:00 2x1024",
			"P 12:00-13:00 3x1024",
		}))
		Expect(m.Running).To(BeEmpty())
		Expect(m.Cause.Sequence).To(BeNumerically("==", 5))
		Expect(m.Closed[0].Evidence).To(Equal([]uint64{1, 2}))
		Expect(all[0].input).To(BeNumerically("==", 6), "the mark of the end")
	})

	It("puts out nothing of a span that it closes and takes back", func() {
		late := app("STOPPED", "10:30", late(1))
		w := batch(app("STARTED", "10:00"), app("STOPPED", "11:00"), late)
		w.end()
		m := metered(w.outputs(nil))
		Expect(m).To(HaveLen(1))
		Expect(m[0].Retracted).To(BeEmpty())
		Expect(lines(m[0].Closed)).To(Equal([]string{"P 10:00-10:30 1x1024"}))
	})

	It("ends at whatever is not a fact, and at the beginning of another", func() {
		for _, next := range []func(w *windowed){
			func(w *windowed) {
				w.add(events.TypeHorizon, &events.Horizon{
					ID: "h", Source: "cf", Foundation: "eu",
					Time: clock("14:00"),
				}, "")
			},
			func(w *windowed) {
				w.add(events.TypeGap, &events.Gap{ID: "g", Source: "cf", Foundation: "eu", To: clock("9:00")}, "")
			},
			func(w *windowed) { w.add(events.TypeUsage, app("STARTED", "14:00"), events.WindowBegin) },
			func(w *windowed) { w.add("foreign", &events.Marker{}, "") },
		} {
			w := batch(app("STARTED", "10:00"), app("STOPPED", "11:00"))
			next(w)
			first := w.outputs(nil)[0]
			Expect(first.input).To(BeNumerically("==", 3))
			Expect(lines(metered([]output{first})[0].Closed)).To(Equal([]string{"P 10:00-11:00 1x1024"}))
		}
	})

	It("ends at a change of tenant: everything before it is the old one's", func() {
		w := batch(app("STARTED", "10:00"), app("STARTED", "11:00", size(2, 1024)),
			app("STARTED", "12:00", size(2, 1024), tenant("org2")))
		m := metered(w.outputs(nil))
		Expect(m).To(HaveLen(2))
		Expect(m[0].Tenant).To(Equal("org"))
		Expect(lines(m[0].Closed)).To(Equal([]string{"P 10:00-11:00 1x1024"}))
		Expect(m[0].Running).To(BeEmpty())
		Expect(m[1].Tenant).To(Equal("org2"))
		Expect(lines(m[1].Running)).To(Equal([]string{"P 12:00- 2x1024"}))
	})

	It("ends by itself when it has as many messages as a batch may have", func() {
		w := &windowed{}
		for i := range bus.MaxBatch {
			u := app("STARTED", "10:00", size(uint32(i%2+1), 1024))
			u.ID = events.ID("test", fmt.Sprint(i))
			mark := ""
			if i == 0 {
				mark = events.WindowBegin
			}
			w.add(events.TypeUsage, u, mark)
		}
		Expect(w.outputs(nil)).NotTo(BeEmpty())
	})

	It("of one fact is a fact without a mark", func() {
		w := &windowed{}
		w.add(events.TypeUsage, app("STARTED", "10:00"), "")
		Expect(w.outputs(nil)).To(HaveLen(1))
	})
})

// drawWindows draws facts of several foundations with marks of windows, whole or torn, and control
// messages between and within them.
func drawWindows(t *rapid.T) *windowed {
	w := &windowed{}
	facts := drawLife(t)
	open := false
	for i, u := range facts {
		one := *u
		one.Foundation = rapid.SampledFrom([]string{"eu", "eu", "eu", "us"}).Draw(t, "foundation")
		one.Tenant = rapid.SampledFrom([]string{"org", "org", "org", "org", "org2"}).Draw(t, "tenant")
		if i > 1 && rapid.IntRange(0, 5).Draw(t, "late") == 0 {
			one.AfterSequence = uint64(rapid.IntRange(1, len(w.inputs)).Draw(t, "after"))
		}
		mark := ""
		switch rapid.IntRange(0, 5).Draw(t, "mark") {
		case 0, 1:
			mark, open = events.WindowBegin, true
		case 2:
			if open {
				w.end()
				open = false
			}
		}
		w.add(events.TypeUsage, &one, mark)
		switch rapid.IntRange(0, 14).Draw(t, "control") {
		case 0:
			w.add(events.TypeHorizon, &events.Horizon{
				ID: fmt.Sprint("h", i), Source: "cf", Foundation: one.Foundation, Time: one.Time,
			}, "")
		case 1:
			w.add(events.TypeGap, &events.Gap{
				ID: fmt.Sprint("g", i), Source: "cf", Foundation: one.Foundation, From: one.Time.Add(-1e12),
				To: one.Time,
			}, "")
		case 2:
			w.add("foreign", &events.Marker{}, "")
		}
	}
	w.end()
	return w
}

// TestWindows: what is put out depends on the stream alone, wherever the projector is restarted;
// and the net spans, and what runs at the end, are those of the same facts without windows.
func TestWindows(t *testing.T) {
	check(t, 150, func(t *rapid.T) {
		w := drawWindows(t)
		all := w.outputs(nil)
		again := w.outputs(func(uint64) bool { return rapid.Bool().Draw(t, "restart") })
		if !slices.Equal(all, again) {
			t.Fatalf("with restarts\n%v\nand without\n%v", again, all)
		}
		plain := &windowed{}
		for _, in := range w.inputs {
			plain.put(in.Header(events.HeaderType), in.Data, "")
		}
		with, without := newBooks(projector.Config{}), newBooks(projector.Config{})
		for _, m := range metered(all) {
			with.post(&m)
		}
		for _, m := range metered(plain.outputs(nil)) {
			without.post(&m)
		}
		if len(with.wrong) > 0 {
			t.Fatal(with.wrong)
		}
		a, b := lines(with.spans()), lines(without.spans())
		slices.Sort(a) // of several foundations
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Fatalf("the net spans with windows\n%v\nand without\n%v", a, b)
		}
		if a, b := with.all(), without.all(); !slices.Equal(a, b) {
			t.Fatalf("with windows there runs\n%v\nand without\n%v", a, b)
		}
	})
}

// all is everything that runs and is held, under all subjects.
func (b *books) all() (all []string) {
	for subject, s := range b.standing {
		for _, id := range s.Resources() {
			running, held := s.Of(id)
			for i := range running {
				all = append(all, subject+" "+line(&running[i]))
			}
			for i := range held {
				all = append(all, subject+" "+heldPart(&held[i]))
			}
		}
	}
	slices.Sort(all)
	return all
}
