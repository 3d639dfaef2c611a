// Package appender appends messages to a stream, each exactly once, for collectors whose input does
// not come again: what was read from a file, or waits for its acknowledgement in a queue.
//
// A batch is appended behind what the appender has seen on its subjects. When the answer is lost,
// or somebody else was faster, the appender reads what was added meanwhile, takes from the batch
// what is stored, and appends the rest. Ids tell messages apart; which ids are worth remembering is
// its owner's business (Options.Seen, Recent).
package appender
