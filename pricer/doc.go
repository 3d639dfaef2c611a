// Package pricer turns spans into charges: it rates the spans of METERED with the catalogue in
// force and publishes to BILLING.
//
// Reads METERED, in order: spans retracted and closed, catalogue versions, closings, seals,
// holds, gaps, horizons.
//
// Writes BILLING: for each METERED message, and each kind in it, the charges on
// billing.charge.<tenant>.<source>.<foundation>.<kind>.<resource> and the parts without a price
// on billing.unrated.…. A retracted span is reversed by the exact negatives of its charges. A
// new catalogue version, or an earlier one published again, rates every span again: where the
// price differs, the old charges are reversed and new ones posted; a part without a price is
// settled as soon as it has one. Closed months it leaves as they are, but for those that it
// names. What changes in a closed month is posted as corrections to the first open one. What the
// version changes, by month and tenant, goes out on billing.effect.<version>, for operators
// alone. When a month closes its statements are proposed; Run appends the seal of each to USAGE,
// with its number (sealing/), and when that comes back on METERED, and is of the next statement,
// the statement goes out on billing.statement.…. Each horizon and each closing passes on once
// everything before it has been charged. Snapshots go to the Object Store bucket daybook-pricer;
// the posted spans in it are in pieces, and each piece is written once.
//
// Guarantees: the output is a pure function of METERED, byte for byte; each output is appended
// exactly once (see internal/stage); the sum of a span's charges does not depend on how it was cut.
//
// A crash at any point loses nothing: the output stream is the checkpoint.
//
// The pure parts are formula/ (the price language), catalogue/ (plans, and the choice of one),
// rating/ (a span times a catalogue), whatif/ (the bill under two catalogues), posted/ (the spans
// with charges, in few bytes), statements/ (what a month comes to), months.go (which months are
// closed, and their terms), correct.go (what changes in them), issue.go (their statements), past.go
// (which spans are dropped) and book.go (all charges so far).
//
// Memory is bounded by the open months and the last closed one. What is needed of earlier ones is
// read again from METERED (reread.go).
//
// The table of errors, and the answer to each, is in docs/errors.md.
package pricer
