// Package collector puts usage events into USAGE, exactly once: from files in this package, and by
// the same rules from wherever its siblings read. What an event means in our terms is decided by
// collector/cf and collector/trove.
//
// # Reads
//
// Files, gzip files and standard input: one JSON object a line, a v3 app or service usage event or
// a Trove notification, in any mixture (see Line).
//
// # Writes
//
//   - USAGE, usage.<source>.<foundation>.<tenant>.<kind>.<resource>: every fact, in the order of
//     the input
//   - USAGE, usage.<source>.<foundation>.horizon: at the end of the input, how far each source has
//     been collected
//   - QUARANTINE, quarantine.<source>.<foundation>: every line that could not be understood,
//     without secrets, with the reason
//
// # Guarantees
//
// A fact's id comes from what the platform said alone, so that the same event has the same id in
// every file. The collector knows the ids of all that the streams already hold for its foundation
// (it reads them at the start, headers only) and appends only what is new, in atomic batches of at
// most 1,000 messages. Each batch expects the last sequence that the collector has seen on the
// foundation's subjects. Therefore:
//
//   - Crash at any point: a whole batch is stored or none of it; the next run finds out which by
//     reading, and goes on.
//   - Unknown outcome (a lost acknowledgement): the collector reads what was added, and appends
//     what is missing. A batch that is stored after that read makes the next append a conflict.
//   - Conflict (another collector of the same foundation): it reads what the other wrote, drops
//     what is known by now, and appends the rest.
//   - Quarantined lines are stored before the horizon that passes them.
//
// # Limits
//
// Lines of 1 MiB, batches of 1,000 messages and 8 MiB, Config.MaxKnown ids in memory (about 30
// bytes each); for one batch, eight failures and 100 conflicts. What a limit refuses is quarantined
// or ends the run with an error; nothing is lost.
package collector
