package projector_test

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("A snapshot", func() {
	settings := projector.Config{Cut: timeline.CutHour}
	snapshot := func() []byte {
		b := newBooks(settings).tell(app("STARTED", "09:00"), app("STOPPED", "09:30", late(1)), service("CREATED",
			"09:10", "small")).
			gap("", "10:00", "11:00").tell(build("STAGING_STARTED", "11:10")).reach("11:20")
		return b.meter.Snapshot()
	}

	DescribeTable("is refused when it is damaged", func(damage func([]byte) []byte) {
		_, err := projector.RestoreMeter(settings, damage(snapshot()))
		Expect(err).To(MatchError(ContainSubstring("snapshot is damaged")))
	},
		Entry("empty", func([]byte) []byte { return nil }),
		Entry("cut short", func(b []byte) []byte { return b[:len(b)-1] }),
		Entry("cut to its first words", func(b []byte) []byte { return b[:20] }),
		Entry("longer", func(b []byte) []byte { return append(b, 0) }),
		Entry("with a changed bit", func(b []byte) []byte { b[len(b)/2] ^= 4; return b }),
		Entry("of another form", func(b []byte) []byte { b[20] ^= 1; return b }),
	)

	It("is the same whenever it is taken of the same state", func() {
		Expect(snapshot()).To(Equal(snapshot()))
	})
})

// TestDamagedSnapshots: whatever a snapshot holds, even with a right checksum, is restored or
// refused, and never ends the program.
func TestDamagedSnapshots(t *testing.T) {
	check(t, 300, func(t *rapid.T) {
		settings := projector.Config{Cut: timeline.CutDay}
		a := newAccount(settings)
		facts, _, _ := drawDatabase(t)
		items := drawHistory(t)
		for _, u := range facts {
			items = append(items, u)
		}
		for i, item := range items {
			after := uint64(0)
			if i > 2 && i%4 == 0 {
				after = uint64(i - 1)
			}
			a.tell(item, after)
		}
		a.decide(t)
		b := a.meter.Snapshot()
		b = b[:len(b)-4]
		const head = 29 // the form
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			at := rapid.IntRange(head, len(b)-1).Draw(t, "at")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				b[at] = rapid.Byte().Draw(t, "byte")
			case 1:
				b = slices.Delete(b, at, min(len(b), at+rapid.IntRange(1, 9).Draw(t, "bytes")))
			case 2:
				b = slices.Insert(b, at, rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "more")...)
			}
			if len(b) <= head {
				return
			}
		}
		meter, err := projector.RestoreMeter(settings, binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
		if err == nil {
			meter.Anomalies(events.SourceTrove, "eu")
		}
	})
}
