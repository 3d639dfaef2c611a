// Package trove collects the notifications of OpenStack's Trove, from RabbitMQ or pushed by HTTP,
// and says what they mean in our terms (Normalise, which is pure).
//
// # Reads
//
// RabbitMQ: the collector's own queue, bound to the exchanges that oslo.messaging publishes to; the
// queue of what was delivered too often; and, if it is told so, queues that oslo.messaging makes
// itself. HTTP: Push.
//
// # Writes
//
//   - USAGE, usage.trove.<foundation>.<tenant>.instance.<instance id>: every fact
//   - USAGE, usage.trove.<foundation>.horizon: up to when all is collected, at most once a minute
//   - USAGE, usage.trove.<foundation>.gap: when the queue was not bound, before the facts that
//     follow
//   - QUARANTINE, quarantine.trove.<foundation>: what could not be understood, without secrets,
//     with the reason
//   - the object store "daybook-status": how the collector is doing, for daybook status
//
// # Guarantees
//
// A notification is acknowledged when the atomic batch that holds it is stored. Facts are known by
// oslo.messaging's message_id, of which the newest Config.MaxKnown are remembered and read again at
// the start. Therefore:
//
//   - Crash between the append and the acknowledgement: the broker delivers it again, and it is
//     known.
//   - Crash before: the broker delivers it again.
//   - Unknown outcome of an append: the streams are read, and what is missing is appended.
//   - A second collector is a standby (the queue has a single active consumer). If both append, one
//     is refused, reads, and appends what is new.
//   - Crash between binding a queue again and publishing the gap: the binding by which the loss is
//     known (marker.go) is made last, so that the next collector finds it missing and publishes a
//     gap.
//
// A horizon is published when a marker has come back through every exchange that the queue was ever
// bound to: all that was routed before it was sent is stored by then. It is the marker's time less
// Config.Settle, and never goes backward.
//
// # A session
//
//	dial → declare queues → consume → for each exchange: look, probe by a marker → bind → (gap) → bind the marker's key → take
//	  ↑                                                                                                                 │
//	  └──────── wait, longer each time up to 30 s ←──── connection, channel or queue lost ←─────────────────────────────┘
//
// Everything is declared and bound anew in each.
//
// # An exchange
//
// Of each exchange the collector keeps a state over all sessions (exchange.go: one pure function,
// transition, makes the next state of an event; exchange_test.go has the tables of all states and
// events). It has three parts. The first is the binding; the left column is for an exchange that
// this process has never bound, the right one for one that it has:
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
// Each but bound may be lost, too ("!" in the tables): the binding was gone, and its gap is not
// published. The gap comes before the marker's key is bound, and with that lost ends.
//
// The second is the route of markers:
//
//	through the exchange ──the user may not publish there──► past it ──nor there──► nowhere
//	          ▲                                                 │                      │
//	          └──────────── a probe goes through again ◄────────┴──────────────────────┘
//
// The third is the proof that a binding of a session before was still there. The marker that probes
// is pending from then on. When it comes back, the binding was intact; when a marker that was sent
// later comes back first, another queue took it, and the binding was lost.
//
// # Limits
//
// Config.Prefetch unacknowledged messages a queue, which is also what memory has to hold of their
// bodies; batches of 1,000 messages, 8 MiB in an append; bodies of MaxBody bytes, pushed ones of
// MaxPush; 32 pushes at once; 1,000 markers under way; 32 exchanges, routing keys or queues; 100
// ignored event types by name.
package trove
