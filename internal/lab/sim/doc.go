// Package sim is a platform to try a billing engine on: a Cloud Foundry foundation and a Trove
// database cloud that live by a seed, report what happens to them exactly as the real ones do, and
// know what truly ran.
//
// It has three layers, each usable alone:
//
//   - Platform is the state of the world and its verbs (StartApp, ScaleProcess, RunTask,
//     ResizeVolume …). A verb changes the state, notes the truth and emits the events that Cloud
//     Controller or Trove would emit, and nothing else: a crash changes nothing and is silent,
//     scaling a stopped app is silent.
//   - World drives a Platform with a seeded random life and streams its events: to the end
//     (Events), or step by step beside what its user does (Advance, Do). The same Config gives the
//     same bytes.
//   - How events are served (a file, an HTTP API) is not this package's concern. What an operator
//     does to a foundation's tables is told from the state of the world all the same: Reseed,
//     Backfill, RepairEndings.
//
// The truth (Span, Bill) comes straight from the verbs' changes of state. It is never computed from
// events and never by code of the engine, so it can judge both. Where the foundation knows no
// better than its events, the truth is what it reports: a resource's times are those of the API
// servers' clocks and never go backward (SetClocks), a process is rated by the buildpack of its
// newest report, builds by that of the newest build, and a service that the broker failed to make
// is there until it is deleted. The package reads no clock, does no I/O and imports nothing of
// ours.
//
// Not safe for concurrent use. Memory grows with what lives, and with the finished spans unless
// DropTruth is set.
//
// Source of the event values, their order and nullability: cloudfoundry/cloud_controller_ng,
// app/repositories/{app,service}_usage_event_repository.rb and app/presenters/v3; openstack/trove,
// trove/taskmanager/models.py and oslo.messaging's notifier.
package sim
