// Package service is the loop of a reconciliation: it inspects a foundation, makes a plan, and
// enacts it as the rules say. Between two inspections an alarm compares sums.
//
// Reads METERED, USAGE, the platform, and the bucket of package plans. Writes
// observations to USAGE, by package assembler, and the bucket.
//
// # A round
//
//  1. The newest fact of the foundation in USAGE is noted, and the platform is listed.
//  2. METERED is awaited up to the listing and foreman.Skew, for Config.Patience at most.
//  3. What differs is asked for alone, and the foreman makes the plan.
//  4. The plan is stored, and enacted where this is no dry run. The first round of a foundation is
//     dry.
//
// A stop needs a listing before this one, Rules.Settle apart. Where only that is missing, the next
// round comes after Rules.Settle.
//
// # The alarm
//
// The platform's own sums are compared with METERED as of their time, once the horizon has passed
// it, less what the last inspection knew to differ: excluded spaces, limitations. Pending and
// canceling tasks are counted with the sums. What is held may be there or not. Before the epoch
// nothing is compared. A difference in two polls running is a metric and stands on bills.
//
// # Guarantees
//
// Nothing is stopped that a look at it alone shows. Nothing is enacted that METERED does not have
// the events up to the listing of.
//
// Buildpacks are asked for while a plan of the catalogue in force chooses apps by them. Their
// droplets are listed once a day at most, across restarts, too: see Droplets.
//
// # Crash
//
// The bucket has the last listing, the times of proofs, and the last plan. It is written once a
// round: a crash, and a loss of the bucket, cost a round, and bounds become wider.
package service
