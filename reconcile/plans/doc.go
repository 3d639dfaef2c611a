// Package plans keeps the last plan of each foundation that is reconciled, the last comparison of
// sums, and what persons leave alone, in the bucket daybook-reconcile.
//
// Reads and writes that bucket. An object is replaced as a whole, so that a crash leaves the former
// one or the new one. A loss of the bucket costs a round of package service.
package plans
