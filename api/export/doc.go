// Package export writes what finance takes away: charges, corrections, totals and statements of a
// month, as CSV or as lines of JSON.
//
// The content is that of package answer. Entries are read page by page, so an export of any length
// takes little memory, and all of it is of the position of its first page. Amounts are exact.
package export
