// Package reconciling has the commands of daybook reconcile: the service, plans, and what persons
// do about them.
//
// Reads METERED, USAGE, the platform, and the bucket daybook-reconcile; writes observations to
// USAGE, through package acts, and the bucket.
package reconciling
