// Package sim is a platform to try a billing engine on: a Cloud Foundry foundation and a Trove
// database cloud with a seed. They report their usage exactly as the real ones do, and know the
// truth about it.
//
// It has three layers, each usable alone:
//
//   - Platform is the state of the world and its verbs (StartApp, ScaleProcess, RunTask,
//     ResizeVolume …). A verb changes the state, notes the truth and emits the events of Cloud
//     Controller or Trove, and nothing else: a crash changes nothing and is silent, scaling a
//     stopped app is silent.
//   - World drives a Platform with a seeded random life and streams its events: to the end
//     (Events), or step by step beside its user's own verbs (Advance, Do). The same Config gives
//     the same bytes.
//   - Serving the events (a file, an HTTP API) is not this package's concern. An operator's work on
//     a foundation's tables needs the state of the world, and is here: Reseed, Backfill,
//     RepairEndings.
//
// quirks.go has the paths on which Cloud Controller's events look as if one was lost, though none
// is; Config.Quirks lives with them.
//
// The truth (Span, Bill) comes straight from the verbs' changes of state. It is never computed from
// events and never by code of the engine, so it can judge both. Where the foundation knows no
// better than its events, the truth is its report: a resource's times are by the API servers'
// clocks and never go backward (SetClocks), a process is rated by the buildpack of its newest
// report, builds by the newest build's, and a service is there until it is deleted, even if the
// broker failed to make it. The package reads no clock, does no I/O and imports nothing of ours.
//
// Not safe for concurrent use. Memory grows with the living resources, and with the finished spans
// unless DropTruth is set.
//
// Source of the event values, their order and nullability: cloudfoundry/cloud_controller_ng,
// app/repositories/{app,service}_usage_event_repository.rb and app/presenters/v3; openstack/trove,
// trove/taskmanager/models.py and oslo.messaging's notifier.
package sim
