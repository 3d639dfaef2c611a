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
