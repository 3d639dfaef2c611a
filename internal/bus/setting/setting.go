// Package setting has the texts of a stream's settings, as nats stream info has them.
package setting

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const unlimited = "unlimited"

// Limit is a number of messages or bytes; none up to 0.
func Limit(n int64) string {
	if n <= 0 {
		return unlimited
	}
	return strconv.FormatInt(n, 10)
}

// Age is a limit of age; none up to 0.
func Age(age time.Duration) string {
	if age <= 0 {
		return unlimited
	}
	return age.String()
}

// Discard is what goes where a stream is full.
func Discard(policy jetstream.DiscardPolicy) string {
	if policy == jetstream.DiscardOld {
		return "old"
	}
	return "new"
}

// Persist is when messages are synced.
func Persist(mode jetstream.PersistModeType) string {
	if mode == jetstream.AsyncPersistMode {
		return "async"
	}
	return "default"
}

// Subjects are subjects in one order.
func Subjects(s []string) string {
	s = slices.Clone(s)
	slices.Sort(s)
	return strings.Join(s, ",")
}
