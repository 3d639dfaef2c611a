// Package bus is the only user of NATS: the embedded server, the connection, the streams, atomic
// appending, ordered reading and the Object Store. No other package imports a NATS library.
//
// # What it guarantees
//
//   - Append stores a whole batch or nothing, only if the stream is where the caller thinks it is
//     (Expect), and returns when the batch is stored. A refused expectation is a *ConflictError.
//     When nobody can tell whether a batch was stored, the error is ErrOutcomeUnknown: read before
//     trying again. AppendOnce does that.
//   - Read gives every message once and in order, across reconnects and restarts of the server. A
//     message it cannot give is an error (ErrGap, ErrStreamChanged); nothing is skipped silently.
//   - Each ends with the last message stored before the call, and waits for a replica without it.
//   - Last is answered by the stream's leader, so it is never behind an acknowledged append. Get
//     may be answered by any replica.
//   - The embedded server syncs each append to disk before acknowledging it, owns its data folder
//     through a lock file, and does not listen beyond this machine without credentials.
//
// # Limits
//
// MaxBatch messages a batch; pullMessages messages and pullBytes bytes of a Reader under way,
// pullLatest messages where it reads the last of each subject; Config.Timeout for each request. An
// established connection is repaired for as long as it takes; nothing is buffered meanwhile:
// appending fails at once, reading waits.
//
// Sequences start at 1. Times are UTC.
package bus
