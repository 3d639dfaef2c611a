// Package cc is a Cloud Foundry foundation over HTTP: the Cloud Controller's v3 API and a UAA in
// front of a sim.World, with knobs for the faults of a real one.
//
//	f, err := cc.New(cc.Config{World: sim.Config{Seed: 7}})
//	server := httptest.NewServer(f)
//	f.Advance(f.Now().Add(24 * time.Hour)) // a day passes; its events are in the tables
//
// # Time
//
// The foundation has a clock of its own, shown in the Date header of every response. It stands
// still until Advance, or runs by Knobs.Speed. A request sees the world at that time: it brings the
// world forward, without a goroutine. Tokens are the exception: they live by the real clock,
// because their holder does. Where the world has API servers with skewed clocks, Date is by the
// clock of the answering one.
//
// # Tables
//
// An event becomes a row with the next id when it happens and is listed from its commit on:
// Knobs.LostRate leaves rows out without a trace, though what they say happened; Pruned lists them.
// Knobs.LateCommits makes some rows commit later than rows with higher ids. Rows of one verb share
// a transaction, so they commit together. Every day at 18:00 (apps) and 22:00 (services) UTC rows
// older than Knobs.Retention are removed, but never the newest one; with Knobs.KeepRunning the
// beginnings of running resources stay, too. Removed rows are remembered (see Pruned), because a
// test must know the rows within a collector's reach.
//
// # Inventory
//
// Every list is evaluated when it is asked for, so that a deletion between two pages moves what
// follows: Knobs.PageDeletes has it happen. Knobs.PartialLists, EmptyLists, LagRate and ScopeAfter
// have lists show less than there is. Audit events stand beside it, for Knobs.AuditRetention.
//
// # Truth
//
// Truth and TrueBill come from the world, never from the tables. The knobs change answers and never
// the truth: an unknown state is an additional row.
//
// Sources: cloudfoundry/cloud_controller_ng at 3.228.0, app/controllers/v3, app/messages,
// app/presenters/v3, middleware, lib/database/old_record_cleanup.rb; for KeepRunning, Backfill and
// Repair its pull request 5210; cloudfoundry/uaa.
package cc
