// Package api serves Daybook's HTTP API: the answers of package answer, as JSON below /v1.
//
// The code is the contract: /openapi.json is made from the questions and answers (OpenAPI 3.1), and
// docs/openapi.json is the same file. docs/api.md shows how to use it.
//
// # Requests
//
// Every request below /v1 is authenticated; its sender's scope goes into the query of the
// ledger (answer.Asker). Unknown parameters, and values without a meaning, are refused (422).
// Errors are problem details (RFC 9457). A tenant that the asker may not see is answered as one
// that does not exist.
//
// # Answers
//
// Every answer names the sequences of BILLING and METERED that it goes up to, in a header. Of
// questions about the ledger they are in the ETag, with the state of the names, so that
// If-None-Match is answered (304) without work until something is posted. The ETag of others is
// that of their content. An answer with a token may not be stored by shared caches. Long ones are
// compressed by gzip.
//
// # Limits
//
//   - Headers of 32 KiB, bodies of 2 MiB.
//   - 30 s for an answer; 2 at once of those that read much (explanations of resources, traces,
//     statements, months, what-if).
//   - 100 live streams; a client that reads nothing for 10 s is cut off, and so is an export's for
//     30 s.
//   - Pages of 1,000 entries, 100,000 sums, 10,000 running spans, ranges of 366 days.
//
// Reads the ledger and the streams. Writes decisions about holds to USAGE.
package api
