package trove

import "time"

// binding is the first part of an exchange's state: how our queue is bound to it. See doc.go for
// the diagram.
type binding int

const (
	unseen   binding = iota // never bound by this process, and not looked for yet
	absent                  // never bound: the exchange did not exist
	refused                 // never bound: the exchange exists, and the user may not bind to it
	bound                   // bound in this session
	unbound                 // bound before: the session or the binding has ended since
	vanished                // bound before: the exchange did not exist
	barred                  // bound before: the exchange exists, and the user may not bind to it
)

// wasBound tells whether this process has bound the exchange at some time.
func (b binding) wasBound() bool { return b >= bound }

// forbidden tells whether the exchange exists, and the user may not bind to it.
func (b binding) forbidden() bool { return b == refused || b == barred }

// route is the second part of an exchange's state: the way of its markers.
type route int

const (
	through route = iota // through the exchange
	past                 // the user may not publish there: through the default exchange
	nowhere              // nor there: no marker arrives
)

// exchange is the state of one exchange, over all sessions of a process. It is a value: transition
// makes the next one.
type exchange struct {
	name    string
	declare durability // how to declare it where it does not exist; noExchange: as it was seen

	durability durability // as last seen
	binding    binding
	lost       bool // the binding was lost, and its gap is not published yet; never while bound
	route      route
	// proof is the number of the marker before this session's binding, if it was routed, until it
	// arrives; 0: there is none. It arrives before first, or it went to another queue.
	proof uint64
	first uint64 // number of the first marker behind the binding; 0: none yet

	proven  time.Time // sending time of the newest marker to arrive, or the time of binding
	current time.Time // the same of this session's markers alone
	missing time.Time // since when it cannot be bound
	refusal string    // the missing permission in the last report
	// next is when an exchange is looked for again if it was never bound; pause is the last wait.
	next  time.Time
	pause time.Duration
}

// event is one of the types below: an answer of the broker about one exchange.
type event interface{ isEvent() }

// attaching is an event on the way to a binding. It changes nothing of a bound exchange.
type attaching interface{ isAttaching() }

type (
	// sessionEnded: the connection is closed.
	sessionEnded struct{}
	// found: the exchange exists.
	found struct{ durability durability }
	// notFound: it does not exist, and is not declared; with a refusal, for lack of a permission.
	notFound struct{ attempt }
	// bindRefused: the user may not bind our queue to it.
	bindRefused struct{ attempt }
	// probed: a marker was sent through it before the queue is bound in this session.
	probed struct {
		outcome      outcome
		number       uint64
		queueExisted bool // before this session
	}
	// keysBound: the queue is bound with the routing keys of notifications.
	keysBound struct {
		intact bool // it has been bound all the time
	}
	// attached: the queue is bound with the marker's key, too.
	attached struct {
		at      time.Time
		horizon time.Time // the last stored one; zero where it is not asked for
	}
	// bindingGone: the exchange did not exist when it was to be bound again.
	bindingGone struct{}
	// markerSent: the session has sent a marker about it.
	markerSent struct{ number uint64 }
	// markerAnswered: the broker has said where the marker went.
	markerAnswered struct {
		outcome outcome
		number  uint64
	}
	// markerArrived: the marker has come back through our queue.
	markerArrived struct {
		number uint64
		sent   time.Time
	}
)

// attempt is a failed attempt to bind.
type attempt struct {
	at      time.Time
	check   time.Duration // Config.Check
	refusal string        // the missing permission, if there is one
}

func (sessionEnded) isEvent()   {}
func (found) isEvent()          {}
func (notFound) isEvent()       {}
func (bindRefused) isEvent()    {}
func (probed) isEvent()         {}
func (keysBound) isEvent()      {}
func (attached) isEvent()       {}
func (bindingGone) isEvent()    {}
func (markerSent) isEvent()     {}
func (markerAnswered) isEvent() {}
func (markerArrived) isEvent()  {}

func (found) isAttaching()       {}
func (notFound) isAttaching()    {}
func (bindRefused) isAttaching() {}
func (probed) isAttaching()      {}
func (keysBound) isAttaching()   {}
func (attached) isAttaching()    {}

// effect is a task for the collector after a transition.
type effect int

const (
	publishGap  effect = iota // before the marker's key is bound
	assess                    // report how far the collector is bound
	logBound                  // it is bound
	logRefused                // exchange.refusal
	logVanished               // it does not exist any more
	logUnbound                // a marker came back as unroutable
	logHidden                 // its loss was hidden by another queue
	logGone                   // it has vanished with its binding
	warnPast                  // markers go past it from now on
	warnNowhere               // markers arrive nowhere
)

// transition returns the state after an event, and its effects in their order. It is pure.
func transition(x exchange, e event) (exchange, []effect) {
	if _, ok := e.(attaching); ok && x.binding == bound {
		return x, nil
	}
	switch e := e.(type) {
	case sessionEnded:
		x.unbind()
		x.proof, x.first, x.current = 0, 0, time.Time{}
	case found:
		x.durability = e.durability
	case notFound:
		return x.notFound(e)
	case bindRefused:
		return x.bindRefused(e)
	case probed:
		return x.probed(e)
	case keysBound:
		if x.lost = x.lost || !e.intact; x.lost {
			return x, []effect{publishGap}
		}
	case attached:
		return x.attached(e)
	case bindingGone:
		if x.binding == bound {
			x.unbind()
			x.lost = true
			return x, []effect{logGone}
		}
	case markerSent:
		if x.binding == bound && x.first == 0 {
			x.first = e.number
		}
	case markerAnswered:
		return x.markerAnswered(e)
	case markerArrived:
		return x.markerArrived(e)
	}
	return x, nil
}

// unbind leaves bound; other bindings stay as they are.
func (x *exchange) unbind() {
	if x.binding == bound {
		x.binding = unbound
	}
}

func (x exchange) notFound(e notFound) (exchange, []effect) {
	effects := x.missed(e.attempt)
	if x.binding == unbound {
		effects = append(effects, logVanished)
	}
	x.binding = either(x.binding.wasBound(), vanished, absent)
	return x, effects
}

func (x exchange) bindRefused(e bindRefused) (exchange, []effect) {
	effects := x.missed(e.attempt)
	x.binding = either(x.binding.wasBound(), barred, refused)
	return x, effects
}

func either(condition bool, yes, no binding) binding {
	if condition {
		return yes
	}
	return no
}

// missed notes a failed attempt to bind.
func (x *exchange) missed(a attempt) []effect {
	x.pause = min(max(2*x.pause, a.check), maxRecheck)
	x.next = a.at.Add(x.pause)
	if x.missing.IsZero() {
		x.missing = a.at
	}
	if a.refusal == "" || a.refusal == x.refusal {
		return nil
	}
	x.refusal = a.refusal
	return []effect{logRefused}
}

func (x exchange) probed(e probed) (exchange, []effect) {
	x.proof, x.first = 0, 0
	switch e.outcome {
	case routed:
		x.route = through // the permission may have been granted meanwhile
		if e.queueExisted {
			x.proof = e.number // another queue, bound with #, takes it, too
		}
	case unroutable:
		x.route = through
	case forbidden:
		if x.route == through {
			x.route = past
			return x, []effect{warnPast}
		}
	case unknown:
	}
	return x, nil
}

// intact tells whether the binding has been there all the time, by the outcome of the probe.
func intact(o outcome, queueExisted bool, d durability) bool {
	switch o {
	case routed:
		return queueExisted // otherwise another queue has the marker
	case unroutable:
		return false
	case forbidden, unknown:
	}
	return queueExisted && d == durable
}

func (x exchange) attached(e attached) (exchange, []effect) {
	switch {
	case x.lost:
		x.proven = e.at // the gap covers all before
	case !x.proven.IsZero():
	case e.horizon.IsZero():
		x.proven = e.at
	default:
		// Messages up to the horizon are stored. Later ones may still be in the queue.
		x.proven = e.horizon
	}
	x.binding, x.lost, x.missing, x.refusal, x.pause = bound, false, time.Time{}, "", 0
	return x, []effect{logBound}
}

func (x exchange) markerAnswered(e markerAnswered) (exchange, []effect) {
	switch e.outcome {
	case forbidden:
		switch x.route {
		case through:
			x.route = past
			return x, nil
		case past:
			x.route = nowhere
			return x, []effect{warnNowhere, assess}
		case nowhere:
		}
		return x, []effect{assess}
	case unroutable:
		x.unbind() // the next check probes it, and publishes the gap
		return x, []effect{assess, logUnbound}
	case unknown:
		if x.first == e.number {
			x.first = 0 // it may never arrive
		}
	case routed:
	}
	return x, nil
}

func (x exchange) markerArrived(e markerArrived) (exchange, []effect) {
	switch {
	case e.number == x.first && x.proof != 0:
		// The queue is first in, first out: the proof was not in it.
		x.unbind()
		x.lost, x.proof = true, 0 // the next check publishes the gap
		return x, []effect{logHidden}
	case x.lost:
	default:
		if e.number == x.proof {
			x.proof = 0
		}
		x.proven, x.current = e.sent, e.sent
	}
	return x, nil
}

// declarable is the durability with which a missing exchange may be declared; noExchange: not at
// all.
func (x *exchange) declarable() durability {
	if x.declare != noExchange {
		return x.declare
	}
	if x.durability == transient || x.durability == durable {
		return x.durability
	}
	return noExchange
}

// blind tells whether a marker proves nothing about the binding. A marker past the exchange proves
// it where the exchange is durable: the binding cannot go with a restart, and is made again at
// every check.
func (x *exchange) blind() bool {
	return x.route == nowhere || x.route == past && x.durability != durable
}
