// Package text is the form of times, JSON strings and subject tokens as text. It knows nothing of
// Daybook's messages.
package text

import (
	"fmt"
	"strings"
	"time"
)

// AppendTime appends t in UTC as the proto3 JSON mapping of google.protobuf.Timestamp writes it:
// RFC 3339 with "Z" and 0, 3, 6 or 9 digits of a second.
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = append4(b, year)
	b = append(b, '-')
	b = append2(b, int(month))
	b = append(b, '-')
	b = append2(b, day)
	b = append(b, 'T')
	b = append2(b, hour)
	b = append(b, ':')
	b = append2(b, minute)
	b = append(b, ':')
	b = append2(b, second)
	if ns := t.Nanosecond(); ns != 0 {
		b = append(b, '.')
		digits := 9
		for unit := 1000; digits > 3 && ns%unit == 0; unit *= 1000 {
			digits -= 3
		}
		scale := 100_000_000
		for range digits {
			b = append(b, byte('0'+ns/scale%10))
			scale /= 10
		}
	}
	return append(b, 'Z')
}

// FormatTime is AppendTime as a string.
func FormatTime(t time.Time) string { return string(AppendTime(make([]byte, 0, 30), t)) }

func append2(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

func append4(b []byte, n int) []byte { return append2(append2(b, n/100), n%100) }

// ParseTime reads an RFC 3339 time and returns it in UTC. Years run from 1 to 9999. A leap second,
// the second 60 at the end of June or December (UTC), is the instant after it: the first second of
// the next day.
func ParseTime(s string) (time.Time, error) {
	if t, ok := ParseUTC(s); ok {
		return t, nil
	}
	if t, ok := parseLeapSecond(s); ok {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	// time.Parse takes more than RFC 3339: one digit for the hour, a comma in the seconds.
	strict := len(s) > 13 && s[13] == ':' && !strings.Contains(s, ",")
	if err != nil || !strict || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
		return time.Time{}, fmt.Errorf("%.100q is not an RFC 3339 time such as 2026-11-01T00:00:00Z", s)
	}
	return t.UTC(), nil
}

// parseLeapSecond reads a time in a leap second. Earth's rotation service inserts them at the end
// of June and December alone (ITU-R TF.460); second 60 of another day is a mistake.
func parseLeapSecond(s string) (time.Time, bool) {
	const second = len("2006-01-02T15:04:")
	if len(s) < second+3 || s[second-1:second+2] != ":60" {
		return time.Time{}, false
	}
	before, err := ParseTime(s[:second] + "59" + s[second+2:])
	if err != nil {
		return time.Time{}, false
	}
	t := before.Add(time.Second)
	ofDay := t.Sub(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC))
	return t, ofDay < time.Second && t.Day() == 1 && (t.Month() == time.January || t.Month() == time.July) &&
		t.Year() <= 9999
}

// ParseTimeOrDate reads an RFC 3339 time, or a date: its UTC midnight.
func ParseTimeOrDate(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	t, err := ParseTime(s)
	if err != nil {
		return t, fmt.Errorf("%q is neither an RFC 3339 time such as 2026-11-01T00:00:00Z nor a date such as "+
			"2026-11-01", s)
	}
	return t, nil
}

// ParseUTC is the fast path of ParseTime: exactly the form of AppendTime.
func ParseUTC(s string) (time.Time, bool) {
	if len(s) < 20 || s[len(s)-1] != 'Z' || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	year, ok1 := digits(s[0:4])
	month, ok2 := digits(s[5:7])
	day, ok3 := digits(s[8:10])
	hour, ok4 := digits(s[11:13])
	minute, ok5 := digits(s[14:16])
	second, ok6 := digits(s[17:19])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || year < 1 || month < 1 || month > 12 || day < 1 || day > 28 ||
		hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false // days 29 to 31 take the slow path with its calendar
	}
	ns := 0
	if len(s) > 20 {
		frac := s[20 : len(s)-1]
		if s[19] != '.' || len(frac) > 9 || frac == "" {
			return time.Time{}, false
		}
		n, ok := digits(frac)
		if !ok {
			return time.Time{}, false
		}
		for range 9 - len(frac) {
			n *= 10
		}
		ns = n
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, ns, time.UTC), true
}

func digits(s string) (int, bool) {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}
