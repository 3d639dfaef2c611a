// Package appender appends messages to a stream, each exactly once, for collectors whose input does
// not come again: lines of a file, or notifications with an acknowledgement due.
//
// A batch is appended behind the newest message known to the appender on its subjects. After a lost
// answer, or an append of another writer, the appender reads the added messages, takes the stored
// ones from the batch, and appends the rest (bus.AppendOnce). Ids tell messages apart; the owner
// decides which ids to remember (Options.Seen, Set).
package appender
