// Package quarantine is the access to QUARANTINE, the stream of input without a meaning to any
// collector.
//
// Writer is the collectors' side: it appends such input, without secrets, with the reason, each
// once by its id. List and Get read it. Resubmitter puts the input through normalisation again,
// after an upgrade, and appends the resulting facts to USAGE.
package quarantine
