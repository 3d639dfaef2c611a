// Package trove collects the notifications of OpenStack's Trove, from RabbitMQ or pushed by HTTP.
// Normalise, which is pure, makes a fact of a notification.
//
// # Reads
//
// RabbitMQ: the collector's own queue, bound to the exchanges of oslo.messaging; the queue of
// messages that were delivered too often; and, on request, queues that oslo.messaging has made.
// HTTP: Push.
//
// # Writes
//
//   - USAGE, usage.trove.<foundation>.<tenant>.instance.<instance id>: every fact
//   - USAGE, usage.trove.<foundation>.horizon: the time up to which all is collected, once a minute
//     at most
//   - USAGE, usage.trove.<foundation>.gap: a time without a binding, before the facts that follow
//   - QUARANTINE, quarantine.trove.<foundation>: input that no rule understands, without secrets,
//     with the reason
//   - the object store "daybook-status": the collector's status, for daybook status
//
// # Guarantees
//
// A notification is acknowledged when the atomic batch with its fact is stored. A fact is known by
// oslo.messaging's message_id. The newest Config.MaxKnown ids are remembered, and read again at the
// start. A second collector is a standby, for the queue has a single active consumer. If both
// append, one is refused, reads the streams, and appends the rest.
//
// A horizon is published when a marker has come back through every exchange that the queue was ever
// bound to: everything routed before the marker is stored by then. It is the marker's time less
// Config.Settle, and never goes backward.
//
// # The life of a notification
//
//	Trove ─1─► exchange ─2─► queue ─3─► load ─4,5─► batch ─6─► USAGE ─7─► acknowledged ─8─► horizon
//
// Step by step, with the files:
//
//  1. Trove publishes. oslo.messaging's notifier declares the exchange and sends the notification,
//     by the routing key <topic>.<priority>, with or without an envelope, perhaps compressed.
//  2. The exchange routes it to our queue (topology.go, attach.go). The queue is durable and
//     replicated, and fills while no collector runs.
//  3. The broker delivers it, Config.Prefetch ahead (session.go), and it joins the load that is
//     being filled (serve.go). A load is full with 1,000 messages, half the prefetch or 16 MiB, and
//     due after Config.Linger; then the next one is filled.
//  4. Its body is decompressed and normalised (collector/trove/notification). The fact gets the id
//     of its message_id. Only known members of the payload pass, and no token or traceback does.
//     Event types about other things are counted and passed over. Input that no rule understands is
//     for QUARANTINE, without secrets (quarantine.go).
//  5. The fact, or the quarantined input, is put into the load's batch (batch.go).
//  6. The sink leaves out known ids and appends the rest (sink.go): quarantined input, then facts,
//     each as an atomic batch, facts between two markers
//     (collector/internal/appender).
//  7. The load is acknowledged, with one acknowledgement for each queue (serve.go).
//  8. A marker behind it in the queue arrives in this load or a later one. When all exchanges have
//     theirs, the horizon is published (horizon.go).
//
// Crashes and failures:
//
//   - In 2, the broker restarts: a binding to an exchange that is not durable is gone, and
//     notifications pass by until it is made again. A marker shows that (marker.go), and the gap is
//     published before the binding of the marker's key.
//   - In 2, the collector crashes between the gap and that binding: the next one finds the key
//     missing, and publishes a gap again.
//   - From 3 to 6, the collector crashes: the broker delivers the message again. After
//     Config.DeliveryLimit times it goes to the dead-letter queue, and from there the same way.
//   - In 6, the collector crashes before the answer: a batch is whole or absent. The message comes
//     again, and a stored id is known.
//   - In 6, the answer is lost: the streams are read, and missing messages are appended.
//   - In 6, the bus is away: the load waits. Nothing is given back to the broker, for every
//     redelivery counts.
//   - In 7, the collector crashes: the message comes again, and is known.
//   - In 8, the collector crashes: the next one's markers bring a later horizon.
//
// A pushed notification begins at step 4 (push.go): it is a batch of its own, and the answer to its
// request takes the place of the acknowledgement.
//
// # A session
//
//	dial → declare queues → consume → for each exchange: find, probe by a marker, bind, publish
//	  ↑                               a gap, bind the marker's key → take deliveries
//	  │                                                          │
//	  └── wait, longer each time up to 30 s ◄── connection, channel or queue lost
//
// Every session declares and binds all anew.
//
// # An exchange
//
// The collector keeps a state of each exchange over all sessions (exchange.go). One pure function,
// transition, makes the next state of an event; exchange_test.go has the tables of all states and
// events. A state has three parts. The first is the binding. Its left column is for an exchange
// that this process has never bound, the right one for one that it has:
//
//	           never bound                      bound before
//	         ┌─────────────┐                  ┌─────────────┐
//	start ──►│   unseen    │                  │   unbound   │◄───┐
//	         └─────────────┘                  └─────────────┘    │
//	         ┌─────────────┐                  ┌─────────────┐    │ session ended,
//	         │   absent    │                  │  vanished   │    │ or a marker came
//	         └─────────────┘                  └─────────────┘    │ back as unroutable
//	         ┌─────────────┐                  ┌─────────────┐    │
//	         │   refused   │                  │   barred    │    │
//	         └─────────────┘                  └─────────────┘    │
//	                │  each check looks again:       │           │
//	                │  none → absent, vanished       │           │
//	                │  no permission → refused,      │           │
//	                │  barred; else attached:        │           │
//	                │        ┌─────────────┐         │           │
//	                └───────►│    bound    │◄────────┘           │
//	                         └─────────────┘─────────────────────┘
//
// All but bound may be lost, too ("!" in the tables): the binding was gone, and its gap is not
// published. The gap comes before the marker's key is bound, and with that lost ends.
//
// The second part is the route of markers:
//
//	through the exchange ──the user may not publish there──► past it ──nor there──► nowhere
//	          ▲                                                 │                      │
//	          └──────────── a probe goes through again ◄────────┴──────────────────────┘
//
// The third part is the proof of an earlier session's binding. It is pending from the marker that
// probes the exchange on. When that marker comes back, the binding was intact; when a marker that
// was sent later comes back first, another queue took the probe, and the binding was lost.
//
// # Limits
//
// Config.Prefetch unacknowledged messages of each queue, with 64 MiB of their bodies in memory, or
// one larger body of each queue (collector/trove/inflow): a session that would hold more ends, and
// the next one asks for fewer messages; batches of 1,000 messages, 8 MiB in an append; bodies of
// notification.MaxBody bytes, pushed ones of MaxPush; 32 pushes at once; 1,000 markers under way;
// 32 exchanges, routing keys or queues; 100 ignored event types by name.
package trove
