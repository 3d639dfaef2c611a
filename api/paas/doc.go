// Package paas answers as the HTTP API of alphagov/paas-billing does, from a ledger, so that its
// clients keep working: the same paths, parameters and field names.
//
//	GET /usage_events      usage (token)
//	GET /billable_events   its price (token)
//	GET /forecast_events   the price of hypothetical usage (token)
//	GET /totals            net costs by plan (token)
//	GET /pricing_plans     the price list (open, unless told otherwise)
//	GET /currency_rates, GET /vat_rates
//
// Reads a ledger, the catalogue in force and, for the guids of usage events, USAGE. Writes nothing.
//
// An object of billable_events is all that a resource costs in a month from one usage event on to
// the next one: the pieces of cuts are one. Amounts are those of the charges, never rounded again.
// Running usage is priced up to the horizon. A correction is an object of its month of posting,
// on the month's first day. Tasks are one object for each space and month.
//
// Differences from paas-billing are on purpose: totals and forecasts need a token, amounts are
// exact decimals, ranges have a limit, and no answer begins before its first row is sure.
package paas
