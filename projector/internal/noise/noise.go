// Package noise draws input at random, for the property tests of the projector and of its
// platforms.
package noise

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
)

// Began is before all drawn times: two hours before March 2026.
var Began = time.Date(2026, 2, 28, 22, 0, 0, 0, time.UTC)

// Minute is n minutes after Began.
func Minute(n int) time.Time { return Began.Add(time.Duration(n) * time.Minute) }

// Databases draws messages about a few databases, fitting together or not, and an operator's
// decisions: *events.Usage and *events.Act.
func Databases(t *rapid.T) (messages []any) {
	born := map[string]int{}
	for i := range rapid.IntRange(1, 40).Draw(t, "messages") {
		resource := pick(t, "instance", "I", "I", "J", "K")
		if _, ok := born[resource]; !ok {
			born[resource] = rapid.IntRange(0, 300).Draw(t, "born")
		}
		at := born[resource] + rapid.IntRange(0, 3000).Draw(t, "at")
		u := fact(t, resource, born[resource], at)
		u.ID = fmt.Sprint("m", i)
		messages = append(messages, u)
		if rapid.IntRange(0, 5).Draw(t, "twice") == 0 {
			messages = append(messages, u)
		}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "decisions") {
		d := decision(t)
		d.ID = fmt.Sprint("d", i)
		messages = append(messages, d)
	}
	return messages
}

func pick(t *rapid.T, label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(t, label)
}

// fact draws a fact of an instance that was created at minute `born`.
func fact(t *rapid.T, resource string, born, at int) *events.Usage {
	event := pick(t, "event", "exists", "exists", "exists", "exists", "create", "modify_volume", "modify_flavor",
		"resize_volume.end", "delete")
	f := pick(t, "flavour", "s", "m", "l")
	memory := map[string]uint32{"s": 512, "m": 1024, "l": 2048}[f]
	u := &events.Usage{
		Source: events.SourceTrove, Foundation: "eu", Tenant: "project", Name: "db",
		Kind: events.KindInstance, Resource: resource, Event: event, State: "active",
		Footprint: events.Footprint{
			Flavor: "m1." + f, FlavorID: f, MemoryMB: events.Some(memory),
			VolumeGB: events.Some(rapid.Uint32Range(1, 3).Draw(t, "volume")),
		},
	}
	u.Created, u.Time, u.Observed = Minute(born), Minute(at), Minute(at+rapid.IntRange(0, 2).Draw(t,
		"later"))
	switch event {
	case "create":
		u.Time = u.Created
	case "exists":
		u.Time, u.Footprint = Minute(at-rapid.IntRange(0, 3).Draw(t, "seen before")), events.Footprint{FlavorID: f}
		u.Observed = Minute(at)
		u.State = pick(t, "state", "active", "active", "active", "shutdown", "build")
		u.Publisher = pick(t, "publisher", "r/a", "r/a", "r/b", "")
		if rapid.IntRange(0, 15).Draw(t, "wide") == 0 {
			u.AuditSeconds = events.Some(24 * 3600)
		}
		if u.Time.Before(u.Created) {
			u.Time = u.Created
		}
	case "resize_volume.end":
		u.Footprint, u.Created, u.Time = events.Footprint{VolumeGB: u.Footprint.VolumeGB}, time.Time{}, u.Observed
	case "modify_volume":
		if rapid.Bool().Draw(t, "says the old one") {
			u.OldVolumeGB = events.Some(rapid.Uint32Range(1, 3).Draw(t, "old volume"))
		}
	case "delete":
		u.NoServer = rapid.IntRange(0, 3).Draw(t, "no server") == 0
	}
	if event != "resize_volume.end" {
		f := &u.Footprint
		f.Datastore = pick(t, "datastore", "mysql", "mysql", "mysql", "mysql", "mysql", "redis", "")
		f.Region = pick(t, "region", "r", "r", "r", "r", "r", "s", "")
		if event != "exists" {
			f.AvailabilityZone = pick(t, "zone", "a", "a", "b", "")
		}
	}
	if slices.Contains([]string{"create", "modify_flavor", "delete"}, event) && rapid.IntRange(0, 3).Draw(t,
		"unsized") == 0 {
		u.Footprint.VolumeGB, u.VolumeUnknown = events.Count{}, true
	}
	return u
}

// decision draws a decision on a hold.
func decision(t *rapid.T) *events.Act {
	resource := pick(t, "of", "I", "J")
	hold := rapid.SampledFrom([][2]string{
		{"instance", "delete_without_create"},
		{"volume", "delete_without_create"},
		{"instance", "unknown_flavor"},
		{"volume", "unknown_volume"},
	}).Draw(t, "hold")
	d := &events.Act{Kind: events.ActDecision, Source: "trove", Foundation: "eu", Decision: events.Decision{
		Kind: "instance", Resource: resource,
		Action: pick(t, "action", "release", "release", "discard"),
		Hold:   events.ID("hold", "trove", "eu", hold[0], resource, hold[1], ""),
	}}
	d.Time = Minute(rapid.IntRange(0, 9).Draw(t, "decided"))
	if d.Decision.Action == "release" && rapid.Bool().Draw(t, "complete") {
		d.Decision.Footprint = events.Footprint{
			FlavorID: "x", Flavor: "m1.x", MemoryMB: events.Some(4096),
			VolumeGB: events.Some(9),
		}
	}
	return d
}
