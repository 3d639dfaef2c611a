package projector_test

import (
	"bytes"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// end is the end of the foundation.
func end(at string) *events.Act {
	return &events.Act{
		ID: "end of " + at, Kind: events.ActRetirement, Source: events.SourceCF, Foundation: "eu", Time: clock(at),
		Retirement: events.Retirement{At: clock(at)},
	}
}

// ends retires the foundation, and returns its horizon.
func (b *books) ends(at string) string {
	GinkgoHelper()
	b.sequence++
	all, known := b.meter.End(end(at), b.sequence, b.post)
	Expect(known).To(BeTrue())
	return short(all)
}

var _ = Describe("A foundation that has ended", func() {
	var b *books
	BeforeEach(func() { b = newBooks(projector.Config{Cut: timeline.CutHour}) })

	It("takes back what was billed after its end", func() {
		b.tell(app("STARTED", "09:00")).reach("12:00")
		Expect(b.ends("10:30")).To(Equal("12:00"))
		Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024", "P 10:00-10:30 1x1024 since 09:00"}))
		Expect(b.running()).To(BeEmpty())
	})

	It("ends nothing before it was last reported", func() {
		b.tell(app("STARTED", "09:00"), app("STARTED", "11:00", scaledFrom(1), size(2, 1024))).reach("12:00")
		b.ends("10:30")
		Expect(b.closed()).To(Equal([]string{"P 09:00-10:00 1x1024", "P 10:00-11:00 1x1024 since 09:00"}))
	})

	It("goes on where it reports again", func() {
		b.tell(app("STARTED", "09:00")).reach("10:00")
		b.ends("10:00")
		b.tell(app("STARTED", "13:00")).reach("14:00")
		Expect(b.closed()).To(ContainElement("P 13:00-14:00 1x1024"))
	})

	It("of which nothing is known is none", func() {
		_, known := b.meter.End(end("10:00"), 1, b.post)
		Expect(known).To(BeFalse())
	})
})

// TestEndOfFoundation: whatever was reported, nothing runs on and no hold is without an end,
// nothing is billed from the horizon or from the end on, and the state is the same after a restart.
func TestEndOfFoundation(t *testing.T) {
	check(t, 300, func(t *rapid.T) {
		settings := projector.Config{Cut: timeline.CutDay}
		a := newAccount(settings)
		newest := minute(0)
		for _, item := range drawHistory(t) {
			a.tell(item, 0)
			switch x := item.(type) {
			case *events.Usage:
				newest = timeline.Later(newest, x.Time, x.Listed)
			case *events.Gap:
				newest = timeline.Later(newest, x.To)
			}
		}
		a.tell(newest, 0)
		at := newest.Add(time.Duration(rapid.IntRange(-600, 600).Draw(t, "end")) * time.Minute)
		act := end("00:00")
		act.Retirement.At = at
		a.sequence++
		if _, known := a.meter.End(act, a.sequence, a.take); !known {
			t.Fatal("nothing is known of the foundation")
		}
		if left := a.meter.Accrued("cf", "eu"); len(left) > 0 {
			t.Fatalf("runs on: %v", left)
		}
		for _, span := range a.spans() {
			if span.End.After(newest) {
				t.Fatalf("billed after the horizon %v and the end %v: %v", newest, at, span)
			}
		}
		for subject, holds := range a.holds {
			for _, h := range holds {
				if h.End.IsZero() {
					t.Fatalf("%s is held without an end: %v", subject, h)
				}
			}
		}
		snapshot := a.meter.Snapshot()
		restored, err := projector.RestoreMeter(settings, snapshot)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(restored.Snapshot(), snapshot) {
			t.Fatal("the state is another one after a restart")
		}
	})
}
