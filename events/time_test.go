package events_test

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
)

var _ = Describe("A time", func() {
	DescribeTable("is refused when it is not RFC 3339",
		func(s string) {
			_, err := events.ParseTime(s)
			Expect(err).To(MatchError(ContainSubstring("not an RFC 3339 time")))
		},
		Entry("empty", ""), Entry("a date", "2026-11-01"), Entry("no zone", "2026-11-01T00:00:00"),
		Entry("a space", "2026-11-01 00:00:00Z"),
		Entry("a 13th month", "2026-13-01T00:00:00Z"), Entry("30 February", "2026-02-30T00:00:00Z"),
		Entry("29 February in a common year", "2026-02-29T00:00:00Z"),
		Entry("hour 24", "2026-11-01T24:00:00Z"), Entry("second 61", "2026-12-31T23:59:61Z"),
		Entry("second 60 of a day without a leap second", "2026-11-30T23:59:60Z"),
		Entry("second 60 of another minute", "2026-12-31T22:59:60Z"),
		Entry("second 60 here, and not in UTC", "2026-12-31T23:59:60+01:00"),
		Entry("a comma", "2026-11-01T00:00:00,5Z"),
		Entry("no digits after the point", "2026-11-01T00:00:00.Z"), Entry("one digit for the hour",
			"2026-11-01T1:00:00Z"),
		Entry("year 0", "0000-11-01T00:00:00Z"), Entry("year 0 in UTC", "0001-01-01T00:00:00+01:00"),
		Entry("year 10000 in UTC", "9999-12-31T23:59:59-01:00"),
	)

	DescribeTable("in a leap second is the instant after it",
		func(s string, after time.Time) {
			at, err := events.ParseTime(s)
			Expect(err).NotTo(HaveOccurred())
			Expect(at).To(Equal(after))
		},
		Entry("of December", "2016-12-31T23:59:60Z", time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)),
		Entry("of June", "2015-06-30T23:59:60Z", time.Date(2015, 7, 1, 0, 0, 0, 0, time.UTC)),
		Entry("with a fraction", "2016-12-31T23:59:60.25Z", time.Date(2017, 1, 1, 0, 0, 0, 250_000_000, time.UTC)),
		Entry("east of Greenwich", "2017-01-01T00:59:60+01:00", time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)),
		Entry("west of Greenwich", "2016-12-31T15:59:60-08:00", time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)),
	)

	It("may be given as a date, which is its midnight", func() {
		Expect(events.ParseTimeOrDate("2026-11-01")).To(Equal(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)))
	})
})

func TestTimesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := moments().Draw(t, "time")
		text := events.FormatTime(at)
		// What the proto3 JSON mapping writes.
		if want, err := protojson.Marshal(timestamppb.New(at)); err != nil || `"`+text+`"` != string(want) {
			t.Fatalf("FormatTime = %s, protojson %s, %v", text, want, err)
		}
		// What the standard library reads, and writes, in any zone.
		if back, err := time.Parse(time.RFC3339Nano, text); err != nil || !back.Equal(at) {
			t.Fatalf("time.Parse(%s) = %s, %v", text, back, err)
		}
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "minutes"))
		local := at.In(zone).Format(time.RFC3339Nano)
		inRange := at.In(zone).Year() >= 1 && at.In(zone).Year() <= 9999
		for _, s := range []string{text, at.Format(time.RFC3339Nano), local} {
			back, err := events.ParseTime(s)
			if s == local && !inRange {
				continue
			}
			if err != nil || !back.Equal(at) || back.Location() != time.UTC {
				t.Fatalf("ParseTime(%s) = %s, %v: want %s", s, back, err, at)
			}
		}
	})
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{
		"2026-11-01T00:00:00Z", "2026-02-29T00:00:00.5Z", "2024-02-29T23:59:59.999999999Z",
		"2026-11-01T00:00:00+02:00", "2016-12-31T23:59:60Z", strings.Repeat("0", 20),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := events.ParseTime(s)
		if err != nil {
			return
		}
		want, err := time.Parse(time.RFC3339Nano, s)
		if err != nil && len(s) > 19 && s[16:19] == ":60" { // which the standard library does not know
			want, err = time.Parse(time.RFC3339Nano, s[:17]+"59"+s[19:])
			want = want.Add(time.Second)
		}
		if err != nil || !want.Equal(at) {
			t.Fatalf("ParseTime(%q) = %s, time.Parse %s, %v", s, at, want, err)
		}
		if back, err := events.ParseTime(events.FormatTime(at)); err != nil || !back.Equal(at) {
			t.Fatalf("%q became %s, then %s, %v", s, events.FormatTime(at), back, err)
		}
	})
}
