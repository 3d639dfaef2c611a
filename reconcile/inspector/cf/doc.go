// Package cf takes the inventory of a Cloud Foundry foundation: what is there, as a floorplan.
//
// It reads the v3 API: apps, processes, tasks, managed service instances, their spaces and plans,
// the usage summary, and audit events; the staged droplets where it is asked for buildpacks. It
// writes nothing, neither to the platform nor to a stream, and keeps nothing: a crash does nothing.
//
// # What is there
//
//   - A process of a started app is an app of the vocabulary, with 0 instances, too.
//   - A task is there while it is RUNNING or CANCELING: PENDING is nothing yet.
//   - A managed service instance is there once, in its own space, wherever it is shared. A
//     user-provided one is nothing.
//   - Nothing is there of a space whose name is excluded from metering.
//
// Footprints have the form of the facts of package collector/cf/usageevent, so that both can be
// compared. A footprint has a buildpack only where Ask.Droplets asks for it, and the shelf or a
// list of droplets has it. It is that of the next event: a droplet may have been assigned since the
// last one, and no event was lost then.
//
// # What a listing proves
//
// Every way in which a list lies has an answer:
//
//   - Without the scope for all organizations a list is empty with status 200. The usage summary is
//     refused then, and it is asked for first and last: the inspection ends with
//     cfapi.ErrNoGlobalRead.
//   - Half a list, or one of a server that lags, does not agree with the sums of the usage summary.
//     It is taken again, three times in all, and is called incomplete then, by kind.
//   - A list that changes while it is read is read by the time of creation, so that nothing moves
//     away. What it changed by is noted.
//   - A kind that is billed and listed as empty is incomplete.
//   - A process may be made while its app runs, and does not run then: v3 does not show its state.
//     The sums and its instances tell; where they do not, the material has a doubt.
//
// Absence from a complete listing proves nothing all the same: Look asks for one resource alone. A
// 404 of Cloud Controller itself counts where the usage summary is shown before and after. An API
// server that lags by seconds shows the past: the caller compares at a horizon older than that.
//
// # Times
//
// A time is exact where an audit event tells it, and nothing else can have been first: see
// history.go. updated_at is an upper bound, because labels renew it; so is the deletion of an app
// for its tasks. Audit events tell only of times behind the oldest one that is kept.
//
// # Limits
//
// 1,000 requests an inspection, three takes of a list, 40 questions for the instances of processes,
// 1,000 apps that a list left out, 50 resources of a look between two proofs of the scope, 32 MiB
// of evidence in a floorplan, 16 KiB of evidence of one resource. A tenth of the rate limit: see
// cfapi.Errand.
package cf
