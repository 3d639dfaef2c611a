// Package appender appends messages to a stream, each exactly once, for collectors whose input does
// not come again: lines of a file, or notifications with an acknowledgement due.
//
// A batch is appended behind the newest message known to the appender: in USAGE behind the newest
// marker of the foundation, one literal subject, which begins and ends every batch. After a lost
// answer, an append of another writer, or a batch of which the server has stored the beginning
// alone, the appender reads the added messages, takes the stored ones from the batch, and appends
// the rest (once.Append). Ids tell messages apart; the owner decides which ids to remember
// (Options.Seen, Set).
package appender
