// Package pricer turns spans into charges: it rates what METERED says with the catalogue in force
// and publishes to BILLING.
//
// Reads METERED, in order: spans retracted and closed, catalogue versions, horizons.
//
// Writes BILLING: for each METERED message, and each kind in it, the charges on
// billing.charge.<tenant>.<source>.<foundation>.<kind>.<resource> and what no plan prices on
// billing.unrated.…; a retracted span is reversed by the exact negative of what it was charged. A
// new catalogue version rates every span again: where the price differs the old charges are
// reversed and new ones posted; where there was no price before, there is one now. Each horizon
// passes on once everything before it has been charged. Snapshots go to the Object Store bucket
// daybook-pricer.
//
// Guarantees: the output is a pure function of METERED, byte for byte; each output is appended
// exactly once (see internal/stage); the sum of a span's charges does not depend on how it was cut.
//
// A crash at any point loses nothing: the output stream is the checkpoint.
//
// The pure parts are formula/ (the price language), catalogue/ (what a plan is, and which one
// applies), rating/ (a span times a catalogue) and book.go (what is charged so far).
package pricer
