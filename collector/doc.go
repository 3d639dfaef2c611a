// Package collector is the contract of all collectors, with their common errors. A collector is a
// folder: collector/file reads files and standard input, collector/cf the API of
// Cloud Foundry, collector/trove the notifications of Trove.
//
// # Reads
//
// A collector reads one kind of source. A pure function of its package, Normalise, turns one input
// into one fact.
//
// # Writes
//
//   - USAGE, usage.<source>.<foundation>.<tenant>.<kind>.<resource>: every fact
//   - USAGE, usage.<source>.<foundation>.horizon: the time up to which the source is collected
//     (collector/horizons)
//   - USAGE, usage.<source>.<foundation>.gap: a time with facts missing, perhaps
//   - USAGE, usage.<source>.<foundation>.marker: the two ends of every batch of these, with the
//     header Daybook-Window (begin, end), and Daybook-Platform, the platform of the facts
//   - QUARANTINE, quarantine.<source>.<foundation>: input without a meaning to any rule, without
//     secrets, with the reason (collector/quarantine)
//
// # Guarantees
//
//   - Every fact is in USAGE exactly once. Its id comes from the platform's words alone: the
//     same event has the same id for every collector, at every time.
//   - A fact is stored before its source is told so, or its cursor moves.
//   - Facts go out as atomic batches of at most 1,000 messages, the first and the last of them a
//     marker. A batch expects the last marker known to the collector: two collectors of one source
//     in a foundation never store the same fact twice.
//   - The facts of a foundation come from one platform (Platform): another one is refused, unless
//     an operator says that the platform has moved.
//   - No input is lost. Normalise either understands it, or ignores it because it is not about
//     usage (ErrIgnored), or refuses it, and then QUARANTINE has it.
//   - No string of a fact but its Raw has more than 1,024 bytes: spans repeat them. Labels are cut
//     (limit.Label), input with a longer id is in QUARANTINE.
//   - No secret is stored or logged (internal/redact).
//
// # A crash
//
// USAGE and QUARANTINE are the only memory. A batch is stored whole, not at all, or, where the
// server runs out of room, in part: then the first marker is stored, and what is there is a shorter
// batch. After a crash, or an append with an unknown outcome, the collector reads the streams again
// and goes on from there: it knows stored messages by their ids.
//
// # Cursor, horizon, quarantine
//
// The cursor is the place where a collector goes on reading. It is a fact in USAGE (cf), an
// acknowledgement at the broker (trove), or the start of the input (file), of a followed file the
// content that the newest marker with a place names; nothing else keeps it.
//
// The horizon is a time: everything from the source up to it is stored. It stands in USAGE behind
// everything covered by it, never goes backward, and never passes input on its way to a stream.
// Input in quarantine counts as stored.
//
// Quarantined input is stored before the facts and the horizon behind it. It stays in
// QUARANTINE for ever; resubmitting it (daybook quarantine resubmit) adds facts to USAGE.
package collector
