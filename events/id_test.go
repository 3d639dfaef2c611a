package events_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
)

var _ = Describe("An id", func() {
	// These are stored in streams and ledgers: a change here is a change of every id there is.
	DescribeTable("is the same for ever",
		func(want string, parts ...string) { Expect(events.ID(parts...)).To(Equal(want)) },
		Entry("of a fact", "d7609089-6039-5fb6-8c4f-87b78bc7b183", "usage", "cf", "cf-eu-1",
			"a1b2c3d4-0000-4000-8000-00000000abcd", "2026-11-01T08:15:30Z"),
		Entry("of nothing", "b4f8e6eb-d26f-569c-ab63-e8958a9025ea"),
		Entry("of an empty part", "d691a09e-219a-5b86-b350-f4a1efeabbe5", ""),
	)

	It("knows where its parts end", func() {
		Expect(events.ID("ab", "c")).NotTo(Equal(events.ID("a", "bc")))
		Expect(events.ID("ab")).NotTo(Equal(events.ID("ab", "")))
	})
})

var _ = Describe("The bytes of an id", func() {
	const id = "d7609089-6039-5fb6-8c4f-87b78bc7b183"

	It("are 16, and give the id again", func() {
		raw, ok := events.ParseID(id)
		Expect(ok).To(BeTrue())
		Expect(events.FormatID(raw)).To(Equal(id))
		Expect(raw[0]).To(Equal(byte(0xd7)))
		Expect(raw[15]).To(Equal(byte(0x83)))
	})

	DescribeTable("are read of one form alone",
		func(other string) {
			_, ok := events.ParseID(other)
			Expect(ok).To(BeFalse())
		},
		Entry("nothing", ""),
		Entry("no dashes", strings.ReplaceAll(id, "-", "")),
		Entry("capital letters", strings.ToUpper(id)),
		Entry("a digit more", id+"0"),
		Entry("many digits more", id+strings.Repeat("00", 40)),
		Entry("another letter", strings.Replace(id, "d", "g", 1)),
		Entry("a dash at another place", "d760908-96039-5fb6-8c4f-87b78bc7b183"),
		Entry("a dash more", "d7609089-6039-5fb6-8c4f-87b78bc7b18-"),
	)
})

// TestIDIsAUUID compares with a UUID library.
func TestIDIsAUUID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.String()).Draw(t, "parts")
		var name []byte
		for _, p := range parts {
			name = append(binary.BigEndian.AppendUint32(name, uint32(len(p))), p...)
		}
		if want := uuid.NewSHA1(uuid.MustParse(events.Namespace), name).String(); events.ID(parts...) != want {
			t.Fatalf("got %s, want %s", events.ID(parts...), want)
		}
		last := rapid.SliceOf(rapid.Byte()).Draw(t, "last")
		if got, want := events.IDWith(last, parts...), events.ID(append(parts, string(last))...); got != want {
			t.Fatalf("with %q: got %s, want %s", last, got, want)
		}
	})
}
