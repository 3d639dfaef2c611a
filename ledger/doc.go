// Package ledger keeps the sums of the bill: charges, unrated parts, running spans, held parts, and
// their completeness.
//
// Reads METERED and BILLING, in order; writes nothing to the bus. Poster does the reading; a Ledger
// does the keeping, in memory (ledger/memory, rebuilt by replay at every start) or elsewhere. Every
// implementation passes ledger/ledgertest.
//
// Guarantees: the ledger equals the sum of the messages up to its positions, stored with the
// postings. A crash loses at most the batch of the moment, and the poster reads that again.
//
// The ledger is no service: the API and the commands read it, and it imports none of the services.
package ledger
