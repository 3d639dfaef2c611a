package events

import (
	"time"

	"github.com/daybook-billing/daybook/events/text"
)

// AppendTime is text.AppendTime.
func AppendTime(b []byte, t time.Time) []byte { return text.AppendTime(b, t) }

// FormatTime is text.FormatTime.
func FormatTime(t time.Time) string { return text.FormatTime(t) }

// ParseTime is text.ParseTime.
func ParseTime(s string) (time.Time, error) { return text.ParseTime(s) }

// ParseTimeOrDate is text.ParseTimeOrDate.
func ParseTimeOrDate(s string) (time.Time, error) { return text.ParseTimeOrDate(s) }

// MonthForm is the form of a month, YYYY-MM: in it months compare as texts.
const MonthForm = "2006-01"

// MonthTime is a month's time [from, to), UTC; zero for a text that is no month.
func MonthTime(month string) (from, to time.Time) {
	from, err := time.Parse(MonthForm, month)
	if err != nil {
		return time.Time{}, time.Time{}
	}
	return from, from.AddDate(0, 1, 0)
}

// MonthAfter is the month so many after another, which is one.
func MonthAfter(month string, n int) string {
	from, _ := MonthTime(month)
	return from.AddDate(0, n, 0).Format(MonthForm)
}

// MonthOf is the number of a time's month: 12 × year + month − 1.
func MonthOf(t time.Time) uint32 {
	year, month, _ := t.Date()
	return uint32(12*year + int(month) - 1) //nolint:gosec // years have four digits
}

// MonthNumber is the number of a month as it is written; 0 for any other text.
func MonthNumber(month string) uint32 {
	t, err := time.Parse(MonthForm, month)
	if err != nil {
		return 0
	}
	return MonthOf(t)
}

// MonthText is a month as it is written, by its number; empty for 0.
func MonthText(number uint32) string {
	if number == 0 {
		return ""
	}
	return time.Date(int(number/12), time.Month(number%12+1), 1, 0, 0, 0, 0, time.UTC).Format(MonthForm)
}
