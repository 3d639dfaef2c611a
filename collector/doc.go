// Package collector is the contract that all collectors keep, and the errors that they share. A
// collector is a folder: collector/file reads files and standard input, collector/cf the API of
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
//   - USAGE, usage.<source>.<foundation>.gap: a time in which facts may be missing
//   - QUARANTINE, quarantine.<source>.<foundation>: input that no rule understands, without
//     secrets, with the reason (collector/quarantine)
//
// # Guarantees
//
//   - Every fact is in USAGE exactly once. Its id comes from the platform's words alone, so that
//     the same event has the same id whenever, and by whichever collector, it is read.
//   - A fact is stored before its source is told so, or its cursor moves.
//   - Facts go out as atomic batches of at most 1,000 messages. A batch expects the last sequence
//     that the collector knows on its foundation's subjects, so that two collectors of one
//     foundation never store the same fact twice.
//   - No input is lost. Normalise either understands it, or ignores it because it is not about
//     usage (ErrIgnored), or refuses it, and then QUARANTINE has it.
//   - No secret is stored or logged (internal/redact).
//
// # A crash
//
// USAGE and QUARANTINE are the only memory. A batch is stored whole or not at all. After a crash,
// or an append with an unknown outcome, the collector reads the streams again and goes on from
// there: messages that are stored are known by their ids.
//
// # Cursor, horizon, quarantine
//
// The cursor is the place where a collector goes on reading. It is a fact in USAGE (cf), an
// acknowledgement at the broker (trove), or the start of the input (file); nothing else keeps it.
//
// The horizon is the time up to which everything that the source has said is stored. It stands
// behind all that it covers, never goes backward, and never passes input that was read and is not
// stored. Input in quarantine counts as stored.
//
// Quarantined input is stored before the facts and the horizon that follow it. It stays in
// QUARANTINE for ever; resubmitting it (daybook quarantine resubmit) adds facts to USAGE.
package collector
