// Package jet is a model of nats-server with JetStream, in one process, with faults on demand. The
// real client connects to it through a pipe (bus.Config.Process), and under testing/synctest its
// waits take no time. One conformance suite, transcripts in testdata, holds the model to the real
// server: both must give the same answers, in conversations drawn at random, too.
//
// # What it models
//
//   - the client protocol: INFO, CONNECT, PING, SUB, UNSUB, PUB, HPUB, MSG, HMSG, and the answer
//     503 where nobody listens;
//   - streams: created, changed, described, purged, removed; messages deleted; the limits of bytes,
//     messages and message sizes of a stream that refuses new ones; rollups;
//   - appends: one message, atomic batches, fast-ingest batches with flow, gaps and pings, and the
//     expectations of each by last sequence, by last sequence on a filter, and by stream;
//   - reading: by sequence, last and next on a filter, from the leader and from any replica; pull
//     consumers without acknowledgements, from a sequence or with the last message of each subject,
//     with filters, headers only, heartbeats, expiry and limits of bytes;
//   - the Object Store, which is a stream with rollups.
//
// It does not model accounts and permissions, TLS, core subscriptions of queues, deduplication by
// Nats-Msg-Id, acknowledged and push consumers, mirrors and sources, ages, batches of direct gets,
// or the reports of a cluster. A setting without effect is refused.
//
// # Faults
//
// Every fault is one that the real server has shown, or that follows from its source.
//
//	fault                      call            where it comes from
//	an answer is lost          Fate.Mute       a connection that breaks behind a commit
//	an operation is lost       Fate.Lost, Cut  a connection that breaks before it
//	a connection breaks        Fate.Cut        any network
//	the server restarts        Restart         kill -9, an upgrade: batches and consumers in memory
//	                                           are gone, and the rest of a torn batch may be stored
//	the end of a stream is     LoseTail        power cut with persist_mode async, or between two
//	lost                                       syncs; the next messages take the same sequences
//	a batch is torn            Room            the room of JetStream ends while an atomic batch is
//	                                           stored: its first messages stay, nobody is answered,
//	                                           and the next append is refused with 10023
//	no room                    Room            10023 to every append until there is room
//	no leader                  StepDown        an election: 503 to requests, nobody takes appends;
//	                                           atomic batches under way end, fast-ingest ones go on
//	proposed, not applied      Hold, Release   a cluster of three: a refusal names a sequence that
//	                                           readers do not see yet
//	proposed, and lost         Hold, StepDown  a leader that dies before a majority has its messages
//	another writer             Publish         nats pub, or another version of Daybook
//	a message is deleted       Delete          nats stream rmm
//	a message is damaged       Damage          a flipped byte on disk: the server counts a message
//	                                           and does not deliver it
//
// A real server tears or loses a batch at moments of its own. The model does it at the operation
// that a test names.
package jet
