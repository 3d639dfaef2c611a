package notification

import (
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
)

const wantTime = "a time such as 2015-06-28T05:54:52Z or 2015-06-28 05:54:57.725572 (UTC), from the year 2000 on, " +
	"before 2200"

// parseTime reads every form of a time in Trove and oslo.messaging: "T" or a space
// in the middle; no fraction, or up to nine digits; "Z", an offset, or nothing, which means UTC.
// Nothing is rounded.
func parseTime(s string) (time.Time, bool) {
	const shortest = len("2006-01-02T15:04:05")
	if len(s) < shortest || len(s) > 40 {
		return time.Time{}, false
	}
	b := append(make([]byte, 0, 48), s...)
	if b[10] == ' ' {
		b[10] = 'T'
	}
	switch zone := strings.LastIndexAny(s[shortest:], "Z+-"); {
	case zone < 0:
		b = append(b, 'Z')
	case len(s)-shortest-zone == len("+0000"): // Python's %z
		b = append(b[:len(b)-2], ':', s[len(s)-2], s[len(s)-1])
	}
	t, err := events.ParseTime(string(b))
	if err != nil || t.Year() < 2000 || t.Year() >= 2200 {
		return time.Time{}, false
	}
	return t, true
}
