// Package quarantine is the access to QUARANTINE, the stream of input that no collector understood.
//
// Resubmitter puts such input through normalisation again, after an upgrade, and appends the facts
// that it makes to USAGE.
package quarantine
