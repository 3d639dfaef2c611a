// Package order is the order of Cloud Foundry's facts: that of the API. It is pure: it reads and
// writes nothing, and a crash is nothing to it.
//
// A fact that is published in order stands by its sequence in USAGE, a late one directly behind the
// fact that it follows in the API's list. Guarantees: the order is total, and the same in whatever
// order late facts are published.
package order
