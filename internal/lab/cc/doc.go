// Package cc is a Cloud Foundry foundation that answers over HTTP: the Cloud Controller's v3 API
// and a UAA in front of a sim.World, with knobs for everything that goes wrong with a real one.
//
//	f, err := cc.New(cc.Config{World: sim.Config{Seed: 7}})
//	server := httptest.NewServer(f)
//	f.Advance(f.Now().Add(24 * time.Hour)) // a day passes; its events are in the tables
//
// # Time
//
// The foundation has a clock of its own, shown in the Date header of every response. It stands
// still until Advance, or runs by Knobs.Speed. Whoever asks sees the world as it is at that time:
// the world is brought forward when a request comes, there is no goroutine. Tokens are the
// exception: they live by the real clock, because their holder does. Where the world has API
// servers with skewed clocks, Date is by the clock of whichever answers.
//
// # Tables
//
// An event becomes a row with the next id when it happens and is listed from its commit on:
// Knobs.LateCommits makes some rows commit later than rows with higher ids. Rows of one verb share
// a transaction, so they commit together. Every day at 18:00 (apps) and 22:00 (services) UTC rows
// older than Knobs.Retention are removed, but never the newest one; with Knobs.KeepRunning the rows
// that tell what still runs stay, too. What was removed is remembered (see Pruned), because a test
// must know what a collector could still have known.
//
// # Truth
//
// Truth and TrueBill come from the world, never from the tables. The knobs change what is served
// and never what is true: an unknown state is an additional row.
//
// Sources: cloudfoundry/cloud_controller_ng at 3.228.0, app/controllers/v3, app/messages,
// app/presenters/v3, middleware, lib/database/old_record_cleanup.rb; for KeepRunning, Backfill and
// Repair its pull request 5210; cloudfoundry/uaa.
package cc
