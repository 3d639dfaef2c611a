package projector_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// guid is the id of a task, in the form of Cloud Controller's.
func guid(n int) string { return fmt.Sprintf("%08x-7777-4d42-893c-360e42a300b6", n) }

var _ = Describe("An ended task", func() {
	ran := func() *books {
		return newBooks(projector.Config{Cut: timeline.CutDay}).tell(task("TASK_STARTED", "10:00", process(guid(1))),
			task("TASK_STOPPED", "11:00", process(guid(1))))
	}

	It("has a small form", func() {
		b := ran()
		Expect(b.meter.Frozen()).To(Equal(1))
		Expect(b.meter.Tracked()).To(Equal(1))
		Expect(b.running()).To(BeEmpty())
		Expect(b.closed()).To(HaveLen(1))
	})

	It("is known when it is told again, and when it ends a second time", func() {
		b := ran()
		before := len(b.stream)
		b.tell(task("TASK_STOPPED", "11:00", process(guid(1))), task("TASK_STARTED", "10:00", process(guid(1))),
			task("TASK_STOPPED", "11:30", process(guid(1))))
		Expect(b.stream).To(HaveLen(before))
		Expect(b.meter.Tracked()).To(Equal(1))
	})

	It("is changed by a late fact: its span is retracted as it was published", func() {
		b := ran().tell(task("TASK_STOPPED", "10:30", process(guid(1)), late(1)))
		Expect(b.closed()).To(Equal([]string{guid(1) + " 10:00-10:30 1x256"}))
		Expect(b.last.Retracted).To(HaveLen(1))
		Expect(b.wrong).To(BeEmpty())
	})

	It("that ran over a cut has both of its spans", func() {
		b := newBooks(projector.Config{Cut: timeline.CutDay}).tell(task("TASK_STARTED", "22:00", process(guid(1)))).
			reach("03-02 01:00").tell(task("TASK_STOPPED", "03-02 02:00", process(guid(1))))
		Expect(b.meter.Frozen()).To(Equal(1))
		b.tell(task("TASK_STOPPED", "23:00", process(guid(1)), late(1)))
		Expect(b.closed()).To(Equal([]string{guid(1) + " 22:00-23:00 1x256"}))
	})

	It("costs nothing more when the message that published its span is read again", func() {
		b := ran()
		before := b.meter.FrozenBytes()
		for range 100 {
			b.meter.Adopt(&b.last, 2)
		}
		Expect(b.meter.FrozenBytes()).To(Equal(before))
		Expect(b.meter.Frozen()).To(Equal(1))
	})

	It("is retracted by the id of the message that published its span, if that is another one", func() {
		b := ran()
		other := b.last
		other.ID = events.ID("metered", "by a replay")
		b.meter.Adopt(&other, 2)
		Expect(b.meter.Frozen()).To(Equal(1))
		b.tell(task("TASK_STOPPED", "10:30", process(guid(1)), late(1)))
		Expect(b.last.Retracted[0].Publication).To(Equal(other.ID))
	})

	It("keeps its publication where a message has no id of Daybook's", func() {
		b := ran()
		other, id := b.last, b.last.ID
		for _, other.ID = range []string{"", "forged", strings.Repeat("0", 64), strings.ToUpper(id) + "00"} {
			b.meter.Adopt(&other, 2)
		}
		b.tell(task("TASK_STOPPED", "10:30", process(guid(1)), late(1)))
		Expect(b.last.Retracted[0].Publication).To(Equal(id))
	})

	It("is forgotten when its month is closed", func() {
		b := ran().reach("05-06 00:00")
		Expect(b.meter.Tracked()).To(BeZero())
	})

	It("is the same after a snapshot", func() {
		b := ran()
		snapshot := b.meter.Snapshot()
		meter, err := projector.RestoreMeter(projector.Config{Cut: timeline.CutDay}, snapshot)
		Expect(err).NotTo(HaveOccurred())
		Expect(meter.Frozen()).To(Equal(1))
		Expect(meter.Snapshot()).To(Equal(snapshot))
	})
})

// TestEndedTasksAreSmall: an ended task of an open month costs at most 64 bytes, with its published
// span and whatever its name is.
func TestEndedTasksAreSmall(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	meter, sequence := newMeter(projector.Config{}), uint64(0)
	run := func(from, to int) {
		for i := from; i < to; i++ {
			for k, event := range []string{"TASK_STARTED", "TASK_STOPPED"} {
				sequence++
				u := task(event, "10:00", process(guid(i)))
				u.ID = events.ID("test", fmt.Sprint(sequence))
				u.App, u.Space = guid(i%1000), guid(i%100)
				u.Name = fmt.Sprintf("%08x", i*2654435761%(1<<32))
				u.Time = clock("10:00").Add(time.Duration(i*10+k*65) * time.Second)
				meter.Fact(u, sequence, func(*events.Metered) {})
			}
		}
	}
	last := 5_000
	run(0, last)                              // the apps, and memory of a fixed size
	for _, n := range []int{55_000, 80_000} { // the index grows in steps
		before := heap()
		run(last, n)
		each := float64(heap()-before) / float64(n-last)
		t.Logf("%d ended tasks cost %.1f bytes each", n-last, each)
		if each > 64 || meter.Frozen() != n {
			t.Errorf("%d ended tasks cost %.1f bytes each, and %d are in their small form", n-last, each,
				meter.Frozen())
		}
		last = n
	}
	runtime.KeepAlive(meter)
}
