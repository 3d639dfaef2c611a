// Package operate has what operators do by the API: they close months and open them again, say how
// months close, put catalogue versions in force, and resubmit or discard quarantined input. A
// closing and a publication have previews, and may expect that what was seen stands.
//
// Reads METERED, BILLING, USAGE and QUARANTINE. Writes acts to USAGE, and by a Resubmit facts, too,
// and last words to QUARANTINE, all of them by the functions that the commands call,
// and names the asker as who acts. An act waits for its effect, at most 20 s.
//
// # Guarantees
//
//   - An act is stored once, or refused whole; its refusals are those of the command.
//   - Who sees nothing of a foundation is told that it does not exist; who sees it and may not
//     decide is told so.
//   - A crash leaves an act stored or not, as the record of acts tells.
package operate
