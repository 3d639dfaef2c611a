// Package file collects usage events from files into USAGE. It keeps the contract of package
// collector.
//
// # Reads
//
// Files, compressed ones (gzip, zstd, bzip2, known by their first bytes) and standard input: usage
// events of Cloud Foundry and Trove notifications, in any mixture, and in any form of JSON: one
// object a line, over several lines, arrays, pages of the API (collector/file/documents). The
// meaning of an event is decided by collector/cf and collector/trove (see Normalise).
//
// The order of the events of Cloud Foundry decides what they mean. It is checked (order.go), for
// each list of the API: a time more than MaxSkew before an earlier one, or an ending before its own
// beginning, is an error with both places. Files with an end are checked before anything is stored,
// so they are read twice; standard input and followed files are checked as they come. Config.Order
// has the ways out.
//
// A followed file is read when the system announces a change of it (collector/file/watch), and once
// a second at least. It may be rotated: it is known by device and inode, its first bytes, and the
// last ones that were read (tail.go). Where its name stands for something else, the rest of the old
// content is read, then the files between the two, from beside it (siblings.go, look.go), then what
// has the name. A run begins with the content that was read last, by the newest place in USAGE
// (place.go).
//
// # Writes
//
//   - USAGE, usage.<source>.<foundation>.<tenant>.<kind>.<resource>: every fact, in the order of
//     the input
//   - USAGE, usage.<source>.<foundation>.gap: before the first fact behind a possible loss, where a
//     followed file was rotated (turn.go)
//   - USAGE, usage.<source>.<foundation>.marker: on the first marker of a batch, the header
//     Daybook-Place has the places in the followed files
//   - USAGE, usage.<source>.<foundation>.horizon: at the end of the input, one for each source in
//     it
//   - QUARANTINE, quarantine.<source>.<foundation>: every document that is not understood, without
//     secrets, with the reason and its first line
//
// No time beyond the clock by more than a minute is believed, unless Config.Horizon says so: such
// an event is quarantined, or waits (Config.Future), and the horizon goes no further.
//
// # Guarantees
//
// The collector knows the ids of all messages that the streams hold for its foundation (it reads
// them at the start, headers only) and appends only new ones. Each batch has the facts of one
// source, between two markers, and expects the last marker that the collector has seen. Therefore:
//
//   - Crash at any point: the next run finds out by reading what of a batch is stored, and goes on.
//   - Unknown outcome (a lost acknowledgement): the collector reads the messages that were added,
//     and appends the missing ones. A batch that is stored after that read makes the next append a
//     conflict.
//   - Conflict (another collector of the same foundation): it reads the other's messages, drops
//     from its batch the known ones, and appends the rest.
//   - Quarantined documents are stored before the horizon that passes them.
//   - Rotation: every line that was in a followed file is read once, in its order, or a gap stands
//     in USAGE. What a content held is stored before a place in the next one is.
//
// # Limits
//
// Documents of 1 MiB, in pages and arrays of any size; a longer one is quarantined. Batches of
// 1,000 messages and 8 MiB, Config.MaxKnown ids in memory (about 30 bytes each); for one batch,
// eight failures and 100 conflicts; 128 MiB for the window of a zstd file; 1 GiB of events for
// OrderCreated; 500 followed files, 100 rotated files beside each. Any of these limits ends the
// run with an error. Nothing is lost.
package file
