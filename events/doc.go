// Package events is Daybook's vocabulary: the facts of collectors, the spans of the projector, the
// charges of the pricer, and the ids, subjects, times and money of all three.
//
// The package does no I/O and imports nothing of ours. Every type on the wire has
//
//   - a plain Go struct (usage.go, metered.go, billing.go),
//   - a codec by hand, AppendJSON and Decode… (codec_*.go), fast because every service runs it for
//     every message,
//   - a proto3 message in proto/daybook/v1; its JSON mapping is the wire form,
//   - a JSON Schema in schemas/,
//
// and one test holds the four together. Optional values are left out of the JSON, not written as
// null.
//
// # Glossary
//
// One name per thing, in code, messages and documents. Where things come from:
//
//   - A source is a kind of platform: cf or trove. A foundation is one installation of it.
//   - A tenant pays: a Cloud Foundry organization, an OpenStack project. A space is a part of it.
//   - A resource is a thing with a size and a life: its kind is app, task, staging, service,
//     instance or volume. A footprint is its size at one moment.
//
// Streams:
//
//   - A stream is a list of messages in NATS, each with a sequence and a subject.
//   - A position is a place in the order of a stage's outputs: input sequence and part.
//
// Collecting, into USAGE and QUARANTINE:
//
//   - A fact is one usage event as stored in USAGE.
//   - A poll reads the new events of a list; its cursor is the last event collected before it.
//   - An overlap is a stretch of a list that a poll reads again; a rescan reads all of it again.
//   - A window is the messages of one batch of a collector. The projector publishes once for all
//     facts of a subject in it.
//   - A horizon is a source's promise that all its facts up to a time are collected. A gap is a
//     time of possibly missing facts.
//   - Quarantine keeps input without a meaning to a collector. To resubmit it is to put it through
//     the collector again.
//
// Deciding, into USAGE:
//
//   - An act is something a person decides: about a hold, the retirement of a collector, the
//     catalogue version to be in force, a replay. A decision is an act about a hold.
//   - The expectation of an act is the sequence behind which it was given, and behind any other it
//     is refused.
//   - An observation is an act of a reconciliation, which compares what is there (a floorplan) with
//     what is billed (a blueprint). Its construction plan has a remodel for each difference, but
//     for limitations; an addition is one by a person. A reversion takes the observations of a
//     plan back.
//
// Metering, into METERED:
//
//   - A timeline is the facts of one resource in their order.
//   - A run is one stretch of a timeline from a start to an end.
//   - A span is a part of a run with one footprint. Its evidence is the sequences of its facts.
//   - A cut is an instant (of an hour, a day, a month) at which spans are closed and opened again.
//   - A retraction takes a published span back. A correction is a change to a closed month; its
//     difference is posted to the first open one.
//   - A fact is folded once its month is closed for good: the timeline keeps the result alone. A
//     late fact belongs into folded time; its resource is derived from all its facts again.
//   - A hold is usage that is possible, but not proven: it is not billed until it is settled by a
//     decision. An anomaly is a fact in conflict with others.
//
// Pricing, into BILLING:
//
//   - A plan is a price list for a footprint; each of its components is one line of a bill. A
//     catalogue version is a set of plans under a name, and never changes.
//   - Rating makes charges of a span and a catalogue. A span without a plan is unrated.
//   - The effect of a version is what it changes in the bills of the open months when it comes into
//     force. A preview is the effect before that.
//   - A charge is an entry of the ledger. A reversal cancels one. The entry of a correction is
//     the difference.
//   - A closing ends a month for a bill. A statement is the bill of a closed month. It is proposed
//     first; a seal is the act that issues it, with its number. A credit note takes one back.
//
// A stage, the machine in projector and pricer (internal/stage):
//
//   - A checkpoint is the last own message of the output stream: the stage goes on from there.
//   - The chain is a digest over all outputs so far, in order.
//   - A marker is a message that passes inputs without outputs. A collector's marker begins or ends
//     a batch in USAGE.
//   - A snapshot is the state after an input, kept to make a start quick.
//   - To reread is to take earlier inputs again, for a step that needs them.
//   - To verify is to derive outputs again and to find them equal to the stored ones.
//   - A replay derives outputs again, compares them with the stored ones, and publishes only the
//     difference. Its last message is the base of all later outputs.
package events
