// Package trace tells what became of an event of a platform: the spans that name it, their charges,
// what is held, or why it has no effect. The answer is one of a closed set (answer.go), for every
// event.
//
// Reads USAGE for the event and the facts of its resource, METERED and BILLING for the messages
// about its subject, and QUARANTINE for what was not understood (read.go). The rest is pure: a
// Record takes the messages, and answers for each of its facts.
//
// An entry of a ledger with links is explained by the few messages that they lead to (entry.go).
//
// Writes nothing.
package trace
