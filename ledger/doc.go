// Package ledger keeps the sums of the bill: charges, unrated parts, running spans, held parts, and
// their completeness.
//
// Reads METERED and BILLING, in order. Poster does the reading, CatchUp does it once; a Ledger does
// the keeping, in memory (ledger/memory) or elsewhere. Every implementation passes
// ledger/ledgertest.
//
// A Reader answers all questions, those about single entries, too: of the ledger in memory that is
// memory.Reader, which takes single entries from BILLING by subject. Every reader passes
// ledgertest.Readers. What an asker may see (Query.Owners) stands in the query, never in a filter
// behind an answer.
//
// Writes snapshots of a Saver, such as the ledger in memory, to the Object Store bucket
// daybook-ledger, with how far both streams were read: the next reader begins there. A snapshot
// that is damaged, ahead of a stream, or of other messages than the stream's is passed over; where
// anything behind it does not fit, the streams are read from their start. So a bill says the same
// with a snapshot and without.
//
// Guarantees: the ledger equals the sum of the messages up to its positions, stored with the
// postings. A crash loses at most the batch of the moment, and the poster reads that again.
//
// The ledger is no service: the API and the commands read it, and it imports none of the services.
package ledger
