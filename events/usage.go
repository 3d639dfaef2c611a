package events

import (
	"slices"
	"time"
)

// Sources of facts.
const (
	SourceCF    = "cf"
	SourceTrove = "trove"
)

// Sources lists the sources of facts.
func Sources() []string { return []string{SourceCF, SourceTrove} }

// Owner is a tenant of one foundation; an empty tenant stands for all of its tenants. Foundations
// that were cloned have tenants with the same ids.
type Owner struct{ Foundation, Tenant string }

// Owns reports whether one of the owners is a tenant of a foundation.
func Owns(owners []Owner, foundation, tenant string) bool {
	return slices.ContainsFunc(owners, func(o Owner) bool {
		return o.Foundation == foundation && (o.Tenant == "" || o.Tenant == tenant)
	})
}

// Kinds of resources. A volume shares the id of its instance, and its facts are the instance's.
const (
	KindApp      = "app"
	KindTask     = "task"
	KindStaging  = "staging"
	KindService  = "service"
	KindInstance = "instance"
	KindVolume   = "volume"
)

// Events of Cloud Foundry are its usage event states, as the v3 API spells them. Source:
// cloud_controller_ng, app/repositories/{app,service}_usage_event_repository.rb; WAS_RUNNING: pull
// request 5210.
const (
	EventStarted        = "STARTED"
	EventStopped        = "STOPPED"
	EventWasRunning     = "WAS_RUNNING"
	EventTaskStarted    = "TASK_STARTED"
	EventTaskStopped    = "TASK_STOPPED"
	EventTaskWasRunning = "TASK_WAS_RUNNING"
	EventStagingStarted = "STAGING_STARTED"
	EventStagingStopped = "STAGING_STOPPED"
	EventBuildpackSet   = "BUILDPACK_SET"
	EventCreated        = "CREATED"
	EventUpdated        = "UPDATED"
	EventDeleted        = "DELETED"
	EventRetired        = "RETIRED"  // no platform's: an operator has retired the foundation
	EventObserved       = "OBSERVED" // no platform's: a reconciliation saw it run
	EventAbsent         = "ABSENT"   // no platform's: a reconciliation saw that it does not
)

// Events of Trove are its notification types without the "trove.instance." or "dbaas.instance_" in
// front.
const (
	EventTroveCreate       = "create"
	EventTroveModifyVolume = "modify_volume"
	EventTroveModifyFlavor = "modify_flavor"
	EventTroveDelete       = "delete"
	EventTroveExists       = "exists"
	EventTroveResizeVolume = "resize_volume.end"
)

// Usage is one fact: a report of a platform, verbatim (Raw) and in Daybook's terms (all other
// fields). It is the body of a message on usage.<source>.<foundation>.<tenant>.<kind>.<resource>.
type Usage struct {
	// ID is derived from the upstream identity (guid and created_at, or message_id): the same fact
	// collected twice has the same id.
	ID         string
	Source     string // SourceCF or SourceTrove
	Foundation string
	Tenant     string // Cloud Foundry organization guid, OpenStack tenant_id
	Kind       string // KindApp, KindTask, KindStaging, KindService or KindInstance
	// Resource is the id of the fact's timeline: process guid (app), task guid
	// (task), app guid (staging), service instance guid (service), Trove instance id (instance).
	Resource string
	App      string // app guid of an app, task or staging fact; else empty
	Event    string // one of the Event constants
	// Previous is the upstream state before the event, where it says one.
	Previous string
	// Time is when the fact took effect: created_at for Cloud Foundry; created_at, modify_at or
	// deleted_at for Trove, and the notification's timestamp where it has none of them. For a Trove
	// exists it is when the instance was seen last: the end of the audit period, or the timestamp
	// if it is earlier.
	Time time.Time
	// Observed is the Trove notification's own timestamp; zero for Cloud Foundry.
	Observed time.Time
	// Created is the instance's created_at as a Trove notification repeats it; zero for Cloud
	// Foundry.
	Created time.Time

	Space     string // space guid
	SpaceName string
	Name      string // name of the app, task, service instance or database instance
	// State is Trove's status word in lower case. It never starts or stops a charge.
	State string

	// Footprint is the resource's size, as far as the fact reports it. For Trove it holds the
	// flavour and the volume.
	Footprint Footprint
	// OldVolumeGB is the size before a modify_volume.
	OldVolumeGB Count

	// Raw is the upstream JSON, verbatim but for removed secrets.
	Raw []byte

	// AfterGUID and AfterSequence are set on a late Cloud Foundry fact, published after facts from
	// behind it in the API's order: the guid of the upstream event before it there, and the
	// sequence of this event's fact in USAGE. Without them a fact follows all facts published
	// before it.
	AfterGUID     string
	AfterSequence uint64
	// Listed is set when the fact is no new one: in a rescan the API still lists this event of a
	// beginning, though younger ones were pruned. Cloud Controller keeps the beginnings of running
	// resources: it had not ended at that time.
	Listed time.Time
	// Publisher is the reporter, for Trove: region and publisher_id with a slash between them.
	Publisher string
	// PreviousInstances and PreviousMemoryMB are the size before an event, where they differ from
	// the Footprint. Trove reports the memory before a modify_flavor.
	PreviousInstances Count
	PreviousMemoryMB  Count
	// AuditSeconds is the width of the audit period of a Trove exists: how often it is meant to be
	// sent, at the least.
	AuditSeconds Count
	// NoServer is set when a Trove notification reports an instance without a server: one was never
	// made.
	NoServer bool
	// VolumeUnknown is set when a Trove notification names the volume of the instance and does not
	// say how large it is.
	VolumeUnknown bool
	// NoPreviousInstances and NoPreviousMemory are set where a Cloud Foundry event says STARTED
	// before, and null for that size: the size before is then not known, and not that of the
	// Footprint.
	NoPreviousInstances bool
	NoPreviousMemory    bool
	// Reseeded is set on a row of a purge and reseed of Cloud Foundry: the event's guid is that of
	// the process or service instance. Its previous values repeat the present ones, and it says
	// nothing of the time before.
	Reseeded bool
}

// SubjectResource is the last token of the fact's subject: the app guid for apps, tasks and
// staging, else Resource. Subjects therefore grow with apps and instances, never with tasks.
func (x *Usage) SubjectResource() string {
	if x.App != "" {
		return x.App
	}
	return x.Resource
}

// Horizon is a source's promise: all its facts up to Time have been collected, metered or charged,
// by the stream of the message. It is the completeness mark on every bill.
type Horizon struct {
	ID         string
	Source     string
	Foundation string
	Time       time.Time
	// Collector names one of several collectors of the source in this foundation. The source is
	// complete up to the lowest horizon of its named collectors. One without a name, such as a file
	// collected once, holds nobody up.
	Collector string
	// Settled is the end of the time of which no late fact is looked for any more; zero for Time.
	Settled time.Time
	Ended   time.Time // of the foundation, as an operator says; zero for none
}

// Gap is a time of possibly missing facts, between From and To. A zero From or To is not known.
type Gap struct {
	ID         string
	Source     string
	Foundation string
	From, To   time.Time
	Reason     string
	List       string // a list of usage events, ListApp or ListService; empty for all of the source
	Cursor     string // guid of the last event collected before it, where there was one
}

// The two lists of usage events of Cloud Foundry.
const (
	ListApp     = "app"     // apps, tasks, staging
	ListService = "service" // service instances
)

// ListOf returns the list of a kind's usage events; empty for Trove's kinds.
func ListOf(kind string) string {
	switch kind {
	case KindApp, KindTask, KindStaging:
		return ListApp
	case KindService:
		return ListService
	}
	return ""
}

// Quarantined is input without a meaning to the collector, with secrets removed. It is the body of
// a message on quarantine.<source>.<foundation>.
type Quarantined struct {
	ID         string
	Source     string // SourceCF, SourceTrove, or "unknown"
	Foundation string
	File       string // where it came from: a file name, a queue
	Line       uint32 // 1-based; 0 when the origin has no lines
	Reason     string // the fault and its place, for a person
	Input      string // the input as text, with secrets removed
	// AfterID is the id of the fact before a Cloud Foundry event in the API's order; empty for
	// input without an order.
	AfterID string
}
