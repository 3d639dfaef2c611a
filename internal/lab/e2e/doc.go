// Package e2e holds the tests of the daybook program as a whole: the real binary, built once, in
// processes of its own, asked, stopped and killed as by an operator or a power cut. There is
// nothing here to import.
//
//   - testdata/script: transcripts of the command line, one story a file (TestScript)
//   - kill_test.go: killed at random moments, alone and with two of each service, to the same bytes
//   - powercut_test.go, tenant_test.go, ahead_test.go: killed, and the ends of what is derived cut;
//     with a tenant, a ledger, a snapshot or a pricer that has what is gone
//   - replay_test.go, replay_damage_test.go: replays that are killed, alone or with their server
//   - cluster_test.go, cluster_projectors_test.go: three servers, of which leaders step down and
//     die; two projectors write METERED meanwhile
//   - room_linux_test.go: limits and full disks
//   - damage_test.go, repair_test.go: what mends itself, and what an error message says to do
//   - services_test.go: the services alone, with their health, metrics and logs
//   - bill_test.go: the demo, and the simulator's true bill
//   - trove_test.go: Trove's notifications from a real RabbitMQ, through kills and restarts to
//     spans and a bill; secrets; pushing
//   - natscli_test.go: the screens of the nats CLI; DAYBOOK_NATS_CLI names it, bin/nats (make
//     bin/nats) is the default
//
// An external server is nats-server in a process, built from the version in go.mod
// (natsserver_test.go).
//
// DAYBOOK_E2E_SEED repeats a run of the kill tests as far as random choices go.
package e2e
