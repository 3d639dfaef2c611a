// Package cf collects the usage events of Cloud Foundry foundations into USAGE, and turns them into
// facts (Normalise).
//
// # Reads
//
// GET /v3/app_usage_events and /v3/service_usage_events of each foundation, with after_guid and
// always page 1, in the order of the API. Two lists: what is said of one below holds for both, and
// neither waits for the other.
//
// # Writes
//
//   - USAGE, usage.cf.<foundation>.<tenant>.<kind>.<resource>: every event once, in the order of
//     its list; the event is kept verbatim
//   - USAGE, usage.cf.<foundation>.gap: before facts that may not follow upon those before them
//     without a loss
//   - USAGE, usage.cf.<foundation>.horizon: how far both lists have been collected
//   - QUARANTINE, quarantine.cf.<foundation>: events that could not be understood
//   - the object store "daybook-status": how the collector is doing, for daybook status
//
// # Guarantees
//
// USAGE is the only memory: the cursor of a list is its last fact there that was published in
// order. A page is one atomic batch (larger ones are several), which expects that nobody has
// appended on the foundation's subjects since. After anything but a success the collector reads its
// state from USAGE again and asks the API for the same page: a batch whose answer was lost is
// either found there, or makes the next append a conflict.
//
//   - Young events are left for later: a page ends at the first event that is younger than the
//     minimum age, by the answer's Date.
//   - Late commits: what appears in the API's order before something that was published is found by
//     listing the last half hour again, and published with the guid and the sequence of what it
//     follows.
//   - A cursor that is gone, or has become another event (purge and reseed), leads to a rescan of
//     the whole list. Events that USAGE has are not published again; a gap is, unless an ending
//     that is known still stands before the first unknown event, which shows that nothing was
//     pruned in between.
//   - Beginnings that are known and still listed, though younger events were pruned, are published
//     again, marked as listed: Cloud Controller keeps them for what runs (pull request 5210).
//   - An event without a readable guid or created_at is quarantined once, by what it says, and is
//     no cursor: the next one is.
//   - The horizon never passes an event that is listed and not stored, nor a list whose
//     completeness is not proven: a token that may not read everything sees empty lists.
//
// Every one of these is repeated after a crash until USAGE shows that it was done; ids are made of
// what the API says, so that nothing is published twice.
//
// # Limits
//
// Answers of 64 MiB; MaxWindow events of a list in memory; in a rescan 30 bytes for each fact of
// the list that is as young as the table's oldest row, MaxKnown of them. Retries are bounded by
// request, and from one page to the next.
package cf
