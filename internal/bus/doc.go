// Package bus is the only user of NATS: the embedded server, the connection, the streams,
// appending, ordered reading and the Object Store. No other package imports a NATS library.
//
// # What it guarantees
//
//   - Append stores a whole batch or nothing, only if the stream is where the caller thinks it is
//     (Expect), and returns when the batch is stored. A refused expectation is a *ConflictError.
//     When nobody can tell whether a batch was stored, the error is ErrOutcomeUnknown: read before
//     trying again. Package once does that.
//
//   - AppendDerived stores a batch message by message, each only behind its predecessor: all of it,
//     a beginning of it, or nothing. Where it ended early, by a *ConflictError or
//     ErrOutcomeUnknown, the caller reads how far it came. METERED and BILLING take no other
//     append.
//
//   - Read gives every message once and in order, across reconnects and restarts of the server. A
//     message it cannot give is an error (ErrGap, ErrStreamChanged); nothing is skipped silently.
//
//   - Each ends with the last message stored before the call, and waits for a replica without it.
//
//   - Last is answered by the stream's leader, so it is never behind an acknowledged append. Get
//     may be answered by any replica.
//
//   - The embedded server syncs each Append to disk before acknowledging it, and what is derived
//     within a second. It owns its data folder through a lock file, and does not listen beyond
//     this machine without credentials.
//
//   - Memory, where Config.Feed asks for it: a Reader of all messages takes from it what its own
//     connection appended and the server acknowledged whole. It gives the same messages without
//     one, but for their Time.
//
// # Durability
//
// USAGE and QUARANTINE are synced before an append is acknowledged, where the server syncs always.
// METERED and BILLING are derived from USAGE: on one server they have persist_mode async, so a
// power cut may take their end, which is derived again; on a cluster they are replicated.
//
// # The server's API
//
// Subjects that a connection publishes to, beside those of the streams:
//
//	$JS.API.INFO                              whether JetStream answers
//	$JS.API.STREAM.INFO.<stream>, .CREATE.<stream>
//	$JS.API.STREAM.MSG.GET.<stream>           last_by_subj, seq, or seq with next_by_subj
//	$JS.API.DIRECT.GET.<stream>               seq
//	$JS.API.CONSUMER.CREATE.<stream>.…, .MSG.NEXT.<stream>.<consumer>, .DELETE.<stream>.<consumer>
//
// An atomic batch goes out with the headers Nats-Batch-*, a fast-ingest batch with reply subjects
// <inbox>.<flow>.fail.<number>.<operation>.$FI, where the operation is 0 start, 1 add, 2 add and
// commit, or 4 ping. Expectations are the headers Nats-Expected-*.
//
// # Limits
//
// MaxBatch messages a batch; pullMessages messages and pullBytes bytes of a Reader under way,
// pullLatest messages where it reads the last of each subject; Config.Feed bytes of each stream in
// memory; Config.Timeout for each request. An established connection is repaired for as long as it
// takes; nothing is buffered meanwhile: appending fails at once, reading waits.
//
// Sequences start at 1. Times are UTC.
package bus
