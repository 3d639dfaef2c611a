// Package file collects usage events from files into USAGE. It keeps the contract of package
// collector.
//
// # Reads
//
// Files, gzip files and standard input: one JSON object a line, a v3 app or service usage event or
// a Trove notification, in any mixture (see Normalise). The meaning of an event is decided by
// collector/cf and collector/trove.
//
// # Writes
//
//   - USAGE, usage.<source>.<foundation>.<tenant>.<kind>.<resource>: every fact, in the order of
//     the input
//   - USAGE, usage.<source>.<foundation>.horizon: at the end of the input, one for each source in
//     it
//   - QUARANTINE, quarantine.<source>.<foundation>: every line that is not understood, without
//     secrets, with the reason
//
// # Guarantees
//
// The collector knows the ids of all messages that the streams hold for its foundation (it reads
// them at the start, headers only) and appends only new ones. Each batch expects the last sequence
// that the collector has seen on the foundation's subjects. Therefore:
//
//   - Crash at any point: a whole batch is stored or none of it; the next run finds out which by
//     reading, and goes on.
//   - Unknown outcome (a lost acknowledgement): the collector reads the messages that were added,
//     and appends the missing ones. A batch that is stored after that read makes the next append a
//     conflict.
//   - Conflict (another collector of the same foundation): it reads the other's messages, drops
//     from its batch the known ones, and appends the rest.
//   - Quarantined lines are stored before the horizon that passes them.
//
// # Limits
//
// Lines of 1 MiB, batches of 1,000 messages and 8 MiB, Config.MaxKnown ids in memory (about 30
// bytes each); for one batch, eight failures and 100 conflicts. A longer line is quarantined; any
// other limit ends the run with an error. Nothing is lost.
package file
