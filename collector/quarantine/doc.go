// Package quarantine is the access to QUARANTINE, the stream of input without a meaning to any
// collector.
//
// Writer is the collectors' side: it appends such input, without secrets, with the reason, each
// once by its id. List and Get read it. Resubmitter puts the input through normalisation again,
// after an upgrade, and appends the resulting facts to USAGE.
//
// An input stays in QUARANTINE for good, and counts as quarantined until it has a last word: a
// resubmission that was understood, on quarantine.<source>.<foundation>.settled, or a person's
// discard, on usage.act.discard.<source>.<foundation>. Board follows both streams and counts.
//
// A foreign message, as one of nats pub, is an Entry too: Foreign, with its text and the reason. No
// collector wrote it. It counts until it is discarded, and gives no fact.
package quarantine
