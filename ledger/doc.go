// Package ledger is the account book: what was charged, what could not be, what is running, and how
// complete that is.
//
// Reads METERED and BILLING, in order; writes nothing to the bus. Poster does the reading; a Ledger
// does the keeping, in memory (ledger/memory, rebuilt by replay at every start) or elsewhere. Every
// implementation passes ledger/ledgertest.
//
// Guarantees: the ledger equals the sum of the messages up to its positions, which it stores with
// the postings. A crash loses at most the batch that was being posted, which is read again.
package ledger
