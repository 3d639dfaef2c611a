// Package bundle writes and checks bundles: an issued statement with all that a stranger needs to
// compute it again, in one file, without a server.
//
// A bundle is a tar archive, compressed by gzip. Its files are sorted by name, and have fixed times
// and owners, so that the same statement makes the same bytes:
//
//	README.txt          what is in it, and how to compute it again
//	catalogues/*.yaml   the catalogue versions, each named by the digest of its text
//	chains.json         the chains of BILLING and METERED at the messages that were read last
//	entries.jsonl       the entries, by id: the SHA-256 of this file is the statement's digest
//	facts.jsonl         the evidence of the spans: messages of USAGE as they are stored, by sequence
//	manifest.json       size and SHA-256 of every other file, signature.json excepted
//	signature.json      an ed25519 signature over manifest.json; absent in an unsigned bundle
//	spans.jsonl         the spans of the charges, by id, each with the index of its terms
//	statement.json      the statement or the credit note, as BILLING has it, in one part
//	terms.json          which catalogue priced, and which ones did before it
//
// collect.go reads the streams; all else is pure.
package bundle

import "errors"

// Limits in bytes, for the writer and the reader.
const (
	maxFile  = 256 << 20 // of entries.jsonl, facts.jsonl and spans.jsonl
	maxOther = 16 << 20  // of any other file
	maxAll   = 512 << 20 // of all files together
	maxLine  = 8 << 20   // of a line
	maxFiles = 1000
	maxLines = 1 << 20 // of a file with a line for each entry, span or fact
)

// Errors of a bundle that is not written, and of one that cannot be read.
var (
	ErrTooLarge = errors.New("the statement is too large for a bundle: 256 MiB of entries, of spans and of facts, " +
		"a million lines of each, 512 MiB in all are the most; daybook explain tells what a line of it goes back to")
	ErrOtherEntries = errors.New("BILLING does not hold the entries of the statement any more, for it was derived " +
		"otherwise since: restore a backup of BILLING, and export from there")
	ErrUnreadable = errors.New("it is no whole bundle: ask for it again where it comes from")
)

// Names of the files.
const (
	fileReadme     = "README.txt"
	folderPrices   = "catalogues/"
	fileChains     = "chains.json"
	fileEntries    = "entries.jsonl"
	fileFacts      = "facts.jsonl"
	fileManifest   = "manifest.json"
	fileSignature  = "signature.json"
	fileSpans      = "spans.jsonl"
	fileStatement  = "statement.json"
	fileTerms      = "terms.json"
	manifestFormat = "daybook.bundle.v1"
)
