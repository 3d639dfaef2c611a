// Package sealing gives the statements that a pricer proposes their numbers, by acts in USAGE.
//
// Reads the place of the last seal of a foundation in USAGE, and how far METERED has come. Writes
// usage.act.seal.<source>.<foundation>: one act for each part of a statement.
//
// A number is given behind the last seal in USAGE only, once the pricer has taken that: so whatever
// the pricer refuses has no number, however many pricers seal.
package sealing
