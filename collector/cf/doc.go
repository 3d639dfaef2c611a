// Package cf collects the usage events of Cloud Foundry foundations into USAGE, and turns them into
// facts (usageevent, pure functions).
//
// # Reads
//
// GET /v3/app_usage_events and /v3/service_usage_events of each foundation, with after_guid and
// always page 1, in the order of the API (internal/cfapi). Everything below holds for each of the
// two lists; neither waits for the other.
//
// # Writes
//
//   - USAGE, usage.cf.<foundation>.<tenant>.<kind>.<resource>: every event once, in the order of
//     its list and byte for byte
//   - USAGE, usage.cf.<foundation>.gap: before facts behind a possible loss
//   - USAGE, usage.cf.<foundation>.horizon: the end of the time that both lists cover
//   - QUARANTINE, quarantine.cf.<foundation>: events of unknown shape
//   - the object store "daybook-status": the collector's state, for daybook status
//
// # The life of an event
//
//	API ─1,2─► walk ─3,4─► outbox ─5─► USAGE ─6─► cursor ─7─► horizon
//	             ▲ 8 overlap   ▲ 9 rescan
//
// The steps, each with its file and its crash points:
//
//  1. A page is asked for (walk.go). The cursor is the newest fact in order in USAGE (load.go,
//     cursor.go); the page behind it is asked for by its guid. The page counts once the API still
//     has the cursor's event, with the same created_at: page and cursor belong to one table.
//  2. The page is cut into events (internal/cfapi). Events younger than Foundation.MinAge, by the
//     answer's Date, and everything behind them wait for a later poll: transactions under way may
//     still commit older events.
//  3. An event becomes a fact (usageevent), without secrets. Its id is made of list, guid and
//     created_at: the same in every process. An event of unknown shape goes to QUARANTINE
//     (writer.go) before the facts behind it go to USAGE, and the cursor passes it. An event
//     without a readable guid or created_at is quarantined by its content, and is no cursor.
//  4. The fact goes into a batch (outbox.go): up to a page, while the batch before it is appended
//     and the next page is fetched. A crash up to here has changed nothing.
//  5. The batch is appended between two markers, as one atomic batch, expecting the last marker of
//     the foundation. After a crash before the reply the batch is whole or absent: the next start
//     reads the cursor from USAGE and asks for the page behind it. After a lost reply, a batch that
//     the server stored in part, or a refusal because another collector was faster, the state is
//     read from USAGE again and the poll begins anew, six attempts in all.
//  6. The cursor follows the reply (list.go). USAGE alone keeps it over a restart.
//  7. The horizon is published (poller.go): the lower of both lists, at the end of a poll, and once
//     an hour of the lists' time while much is collected. It never passes a listed event before it
//     is stored, nor the local clock by more than a minute, nor an unproven list: a token without
//     global read sees empty lists. After a crash before it, the next poll publishes it.
//  8. Overlap (overlap.go), before the first page of a walk: every Foundation.OverlapEvery the
//     events of the last Foundation.Overlap are listed again. An event between known ones was
//     committed late; it is published with the guid and the sequence of the event before it. After
//     a crash the overlap is repeated, and known facts are left out.
//  9. Rescan (rescan.go, survey.go, gap.go), where a walk cannot begin: there is no cursor, its
//     event is gone, or another event has its guid (a purge and reseed). The survey reads the whole
//     table and publishes nothing. A gap is prepared, unless an ending in USAGE is still listed
//     before the first unknown event: then nothing was pruned in between. The known part is read
//     again. Late events are published; with a gap, so are beginnings without the younger events
//     once behind them, marked as listed: Cloud Controller keeps them for running things (pull
//     request 5210). The gap is the first message of the first batch. Then a walk goes on. After a
//     crash USAGE has the gap, and the next rescan publishes the rest, or it has not, and the next
//     rescan begins from the start. A poll without an answer leaves the rescan to the next poll.
//
// Before the first step, and before a rescan, the API is asked for its own address: the markers in
// USAGE must name the same (collector.Platform, load.go).
//
// Every step is repeated after a crash until USAGE shows its result. Ids are made of the API's
// values: nothing is published twice.
//
// # Errors
//
//	a request fails                     repeated in place, then by the next poll (cfapi.Transient)
//	the append fails, or is refused     state read again, poll begun anew; the poll fails after six
//	another platform answers            the poll fails; ends Run before the first good poll of the
//	                                    only foundation
//	an event is not understood          QUARANTINE
//	the cursor is lost                  rescan, and a gap unless continuity is proven
//	the API or the UAA refuses          the poll fails; the third refusal in a row ends Run before
//	                                    the first good poll of the only foundation
//
// # Limits
//
// MaxWindow events of a list in memory; in a rescan 30 bytes for each fact of the list since the
// table's oldest event, MaxKnown of them. Answers and retries: internal/cfapi.
package cf
