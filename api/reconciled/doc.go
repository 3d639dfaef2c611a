// Package reconciled answers questions about reconciliations, and takes what persons decide about
// them: the last plans of foundations, their differences with the evidence of both sides, and what
// is left alone.
//
// A plan is of a whole foundation. Who may not see all of its tenants reads the same as about one
// that does not exist; an act needs the right to decide in all of it. Money is shown to those who
// may see it. Names of tenants whose names are erased are guids, in evidence, too.
//
// Reads the bucket of package plans, and erasures in USAGE. Writes reversions to USAGE, by package
// assembler, and limitations to the bucket. Making a plan, enacting one, and an operator's own
// observations need the platform: package requests asks the reconciliation that runs.
//
// A crash leaves an act stored or not; sent again, a reversion is stored once.
package reconciled
