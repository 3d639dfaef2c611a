// Package foreman compares a blueprint with a floorplan and makes a construction plan: what the
// record would change to fit the platform, in stages.
//
// The package is pure: it reads and writes nothing, and equal inputs give equal plans.
//
// # What becomes a remodel
//
//   - A difference at the horizon, of a resource without an event around the floorplan: an event
//     within Skew of it may be on one side alone.
//   - A stop needs two complete listings a settle window apart, and a look at the resource alone
//     with the answer that it is gone: absence from a list proves nothing. A start and a drift need
//     a look that agrees with the listing.
//   - A difference that no plan in force prices differently is a note.
//
// Stops of more than a few of what is billed of a kind are refused as a whole (guard.go). A remodel
// is enacted as its rule says: reported, held, or settled (bounds.go has the times).
package foreman
