package trove

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/daybook-billing/daybook/collector/internal/appender"
)

const (
	maxReconnect = 30 * time.Second // between two attempts
	// between two attempts to store a batch, each of which tries several times by itself
	storeRetry = time.Second
	maxSent    = 1000            // markers under way
	maxLoad    = 16 << 20        // bytes to store in a load
	maxLook    = time.Minute     // between two looks for an exchange that was never bound
	gapTime    = 5 * time.Second // for publishing a gap, before it is tried again at the next check
)

// Collector is the Trove collector. It is run once.
type Collector struct {
	cfg     Config
	deps    Deps
	brokers []broker
	sink    *sink
	reports *reporter
	learned atomic.Bool // the sink may be used

	// The rest belongs to Run's goroutine.
	exchanges []*exchange
	number    uint64 // of the last marker
}

// exchange is what is known of one, over sessions.
type exchange struct {
	name       string
	made       bool       // it may be declared where it does not exist
	durability durability // how it existed when it did
	bound      bool       // in this session
	once       bool       // bound by this process at some time
	direct     bool       // the user may not publish there: markers go past it
	mute       bool       // nor to the default exchange: there are no markers
	gone       bool       // its binding was lost, and the gap is not published yet
	shut       bool       // it exists, and the user may not bind to it
	// proof is the marker that was sent through it before it was bound in this session, and was
	// routed, until it comes back; 0: none. first is the first marker behind it; 0: not sent yet.
	proof, first uint64
	// refusal is the permission that is missing to make or bind it, as it was said last.
	refusal string
	// marked is when the newest marker was sent that came back, in any session, or the exchange was
	// bound; current is the former in this session.
	marked, current time.Time
	missing         time.Time // since when it has been looked for in vain
	// next is when an exchange that was never bound is looked for again, after the wait pause.
	next  time.Time
	pause time.Duration
}

// blind tells whether a marker proves nothing about the binding. One that goes past the exchange
// does where the binding cannot have gone with a restart and is made anew at every check.
func (e *exchange) blind() bool { return e.mute || e.direct && e.durability != durable }

// later puts off looking for an exchange that was never bound.
func (e *exchange) later(now time.Time, check time.Duration) {
	e.pause = min(max(2*e.pause, check), maxLook)
	e.next = now.Add(e.pause)
}

// mark is a marker that came back.
type mark struct {
	exchange string
	number   uint64
}

// New makes a Trove collector. It reads certificates; it connects to nothing.
func New(cfg Config, deps Deps) (*Collector, error) {
	named := len(cfg.Exchanges) > 0
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if deps.Store == nil {
		return nil, errors.New("trove: Deps.Store is missing")
	}
	c := &Collector{cfg: cfg, deps: deps.withDefaults()}
	var err error
	if c.brokers, err = brokers(&c.cfg); err != nil {
		return nil, err
	}
	c.sink = newSink(&c.cfg, &c.deps)
	c.reports = newReporter(c.deps.Metrics, c.deps.Now)
	for i, name := range cfg.Exchanges {
		// Of the default ones only Trove's is made: the other one is that of all services, which
		// may want it otherwise.
		c.exchanges = append(c.exchanges, &exchange{name: name, made: named || i == 0})
	}
	return c, nil
}

// Report says how things are. It may be called at any time.
func (c *Collector) Report() Report { return c.reports.report() }

// Run collects until ctx ends; then it stores and acknowledges what it has received, for at most
// Config.Finish, and returns nil. A broker that is away is waited for. The error is of the bus, at
// the start.
func (c *Collector) Run(ctx context.Context) error {
	if err := c.sink.learn(ctx); err != nil {
		return err
	}
	c.reports.started(c.sink.horizon)
	c.learned.Store(true)
	defer c.reports.stopped()
	if c.deps.Status != nil {
		telling, stop := context.WithCancel(context.WithoutCancel(ctx))
		var told sync.WaitGroup
		told.Go(func() { c.tell(telling) })
		defer told.Wait()
		defer stop()
	}
	// What has been received is stored after ctx has ended, too.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		finish := time.NewTimer(c.cfg.Finish)
		defer finish.Stop()
		select {
		case <-finish.C:
			cancel()
		case <-work.Done():
		}
	})()
	if len(c.brokers) == 0 {
		c.pushedHorizons(ctx)
		return nil
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = c.cfg.Reconnect, max(maxReconnect, c.cfg.Reconnect)
	wait.Reset()
	for next := 0; ctx.Err() == nil; next++ {
		established, err := c.session(ctx, work, &c.brokers[next%len(c.brokers)])
		if ctx.Err() != nil {
			break
		}
		if established {
			wait.Reset()
		}
		pause := wait.NextBackOff()
		c.reports.failed(err)
		c.deps.Log.Error("no session with RabbitMQ", slog.Any("error", err), slog.Duration("retry_in", pause))
		if appender.Wait(ctx, pause) != nil {
			break
		}
	}
	return nil
}

// session is one connection from beginning to end. established tells whether it got as far as
// consuming.
func (c *Collector) session(ctx, work context.Context, b *broker) (established bool, err error) {
	s, err := connect(ctx, &c.cfg, b)
	if err != nil {
		return false, err
	}
	defer s.close()
	for _, e := range c.exchanges {
		e.bound, e.current, e.proof, e.first = false, time.Time{}, 0, 0
	}
	defer func() {
		for _, e := range c.exchanges {
			e.bound = false
		}
		c.reports.disconnected()
	}()
	err = s.within(ctx, func() (err error) {
		if s.existed, err = s.declareQueues(); err != nil {
			return err
		}
		// Consuming comes first, so that a queue that does not answer is met before a gap is said.
		// Nothing of it is taken before serve.
		var found bool
		if s.main, found, err = s.consume(c.cfg.Queue); err == nil && !found {
			err = fmt.Errorf("queue %s on %s was deleted as soon as it was there", c.cfg.Queue, b.name)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	if err := c.attach(ctx, s); err != nil {
		return false, err
	}
	c.reports.connected(b.name)
	c.deps.Log.Info("consuming", slog.String("broker", b.name), slog.String("queue", c.cfg.Queue))
	return true, c.serve(ctx, work, s)
}

// attach binds the exchanges that are not bound in this session, and begins to consume the queues
// beside ours.
func (c *Collector) attach(ctx context.Context, s *session) error {
	some := slices.ContainsFunc(c.exchanges, func(e *exchange) bool { return e.bound })
	for _, e := range c.exchanges {
		// An exchange that is not used is not looked for all the time: the broker logs each look as
		// an error.
		if e.bound && !e.direct || some && !e.bound && !e.once && c.deps.Now().Before(e.next) {
			continue
		}
		bind := c.bind
		if e.bound {
			bind = c.rebind
		}
		if err := s.within(ctx, func() error { return bind(ctx, s, e) }); err != nil {
			return err
		}
	}
	c.bound()
	for _, queue := range append([]string{c.cfg.deadQueue()}, c.cfg.Drain...) {
		if s.others[queue] != nil {
			continue
		}
		err := s.within(ctx, func() error { _, err := s.consumeOther(queue); return err })
		if err != nil && s.ctx.Err() == nil && queue != c.cfg.deadQueue() {
			// A second source must not stop the first one.
			c.reports.failed(err)
			c.deps.Log.Warn("cannot drain", slog.String("queue", queue), slog.Any("error", err))
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bind binds our queue to one exchange, if there is one. When the binding was lost, a gap is
// published before the binding by which that is known is made, so that a crash in between does not
// hide it.
func (c *Collector) bind(ctx context.Context, s *session, e *exchange) error {
	seen, err := s.exchange(e.name)
	if err != nil {
		return err
	}
	if seen == noExchange {
		if seen = c.declarable(e); seen == noExchange {
			return c.miss(s, e)
		}
		switch err := s.declareExchange(e.name, seen); {
		case refusal(err) == amqp.PreconditionFailed:
			return nil // somebody else has just made it, differently: it is looked at again
		case refusal(err) == amqp.AccessRefused:
			c.refused(e, s.explain("declaring exchange "+e.name+", which does not exist,", err))
			return c.miss(s, e)
		case err != nil:
			return s.explain("declaring exchange "+e.name, err)
		}
	}
	e.durability = seen
	intact, err := c.intact(ctx, s, e)
	if err != nil {
		return err
	}
	found, err := s.bind(e.name, c.cfg.RoutingKeys)
	if refusal(err) == amqp.AccessRefused {
		c.refused(e, err)
		e.shut = true
		e.later(c.deps.Now(), c.cfg.Check)
		if e.missing.IsZero() {
			e.missing = c.deps.Now()
		}
		return nil
	}
	if err != nil || !found {
		return err
	}
	e.gone = e.gone || !intact
	if e.gone {
		if err := c.lost(ctx, s, e); err != nil {
			if ctx.Err() != nil || s.ctx.Err() != nil {
				return err
			}
			// The session goes on: each time that the broker delivers a message again counts.
			c.reports.unstored(err)
			c.deps.Log.Error("the gap is not published yet", slog.String("exchange", e.name), slog.Any("error", err))
			return nil
		}
	}
	if found, err := s.bind(e.name, []string{c.cfg.markerKey()}); err != nil || !found {
		return err
	}
	if e.gone {
		e.marked = c.deps.Now() // a gap is said of what came before
	} else if e.marked.IsZero() {
		// What came before may still be in the queue, up to what a process before this one has
		// stored.
		if e.marked, err = c.sink.lastHorizon(ctx); err != nil {
			return err
		}
		if e.marked.IsZero() {
			e.marked = c.deps.Now()
		}
	}
	e.bound, e.once, e.gone, e.shut, e.missing, e.refusal, e.pause = true, true, false, false, time.Time{}, "", 0
	c.deps.Log.Info("bound", slog.String("exchange", e.name), slog.String("durability", e.durability.String()),
		slog.String("queue", c.cfg.Queue))
	return nil
}

// refused notes that the user may not make or bind an exchange. The others are collected all the
// same.
func (c *Collector) refused(e *exchange, err error) {
	if text := err.Error(); text != e.refusal {
		e.refusal = text
		c.reports.failed(err)
		c.deps.Log.Error("not bound", slog.String("exchange", e.name), slog.Any("error", err))
	}
}

// rebind makes the bindings again that markers tell nothing about. Those that are there stay as
// they are.
func (c *Collector) rebind(_ context.Context, s *session, e *exchange) error {
	found, err := s.bind(e.name, append(slices.Clone(c.cfg.RoutingKeys), c.cfg.markerKey()))
	if err == nil && !found {
		e.bound, e.gone = false, true // found again, and its gap published, at the next check
		err := fmt.Errorf("exchange %s on %s has vanished, and the binding of queue %s with it", e.name, s.broker.name,
			c.cfg.Queue)
		c.reports.failed(err)
		c.deps.Log.Error("unbound", slog.Any("error", err))
	}
	return err
}

// declarable is how the collector may declare an exchange that does not exist; noExchange: it may not.
func (c *Collector) declarable(e *exchange) durability {
	switch {
	case e.made && c.cfg.Durability == DurabilityYes:
		return durable
	case e.made && c.cfg.Durability == DurabilityNo:
		return transient
	case e.durability == transient || e.durability == durable:
		return e.durability
	}
	return noExchange
}

// miss notes an exchange that does not exist. One that was bound before is an alarm.
func (c *Collector) miss(s *session, e *exchange) error {
	e.later(c.deps.Now(), c.cfg.Check)
	e.shut = false
	if !e.missing.IsZero() {
		return nil
	}
	e.missing = c.deps.Now()
	if e.once {
		err := fmt.Errorf("exchange %s on %s has vanished: until Trove sends something, which makes it anew, nothing "+
			"is lost; the first notifications after that may be", e.name, s.broker.name)
		c.reports.failed(err)
		c.deps.Log.Error("unbound", slog.Any("error", err))
	}
	return nil
}

// intact tells whether the binding to an exchange has been there all the time.
func (c *Collector) intact(ctx context.Context, s *session, e *exchange) (bool, error) {
	c.number++
	s.sent[c.number] = c.deps.Now()
	e.proof, e.first = 0, 0
	outcome, err := s.probe(ctx, e.name, c.number)
	switch outcome {
	case routed:
		e.direct, e.mute = false, false // the permission may have been granted meanwhile
		if !s.existed {
			return false, nil // another queue has it
		}
		e.proof = c.number // another queue that is bound with # takes it, too: passed sees whether it came to ours
		return true, nil
	case unroutable:
		e.direct, e.mute = false, false
		return false, nil
	case forbidden:
		if e.direct {
			break
		}
		e.direct = true
		c.deps.Log.Warn("this user may not publish to the exchange: whether the binding was lost cannot be seen, and "+
			"is assumed unless the exchange is durable; unless it is, no horizon is published",
			slog.String("exchange", e.name), slog.String("fix", "rabbitmqctl set_permissions, see docs/trove.md"))
	default:
		if s.ctx.Err() != nil || ctx.Err() != nil {
			return false, err
		}
		c.deps.Log.Warn("a marker had no answer", slog.String("exchange", e.name), slog.Any("error", err))
	}
	return s.existed && e.durability == durable, nil
}

// lost publishes the gap that a lost binding leaves, unless nothing was collected before.
func (c *Collector) lost(ctx context.Context, s *session, e *exchange) error {
	ctx, cancel := context.WithTimeout(ctx, gapTime)
	defer cancel()
	from, err := c.sink.lastHorizon(ctx)
	if err != nil {
		return err
	}
	if !e.marked.IsZero() {
		// What was on its way when the marker was sent may have come after the binding had gone.
		from = e.marked.Add(-max(c.cfg.Settle, c.cfg.Check+markTime))
	} else if !from.IsZero() {
		// The horizon is Settle before its marker, and an exchange that is not used may have been
		// there for maxLook.
		from = from.Add(-max(maxLook+markTime-c.cfg.Settle, 0))
	}
	if from.IsZero() {
		from = e.missing
	}
	if from.IsZero() && !s.existed {
		return nil // the first collection
	}
	to := c.deps.Now()
	if err := c.sink.sayGap(ctx, e.name, from, to, c.gapReason(s, e)); err != nil {
		return err
	}
	c.reports.gap(from, to)
	c.deps.Log.Error("notifications may be lost: the binding was gone", slog.String("exchange", e.name),
		slog.String("durability", e.durability.String()),
		slog.Time("from", from), slog.Time("to", to))
	return nil
}

func (c *Collector) gapReason(s *session, e *exchange) string {
	text := fmt.Sprintf("queue %s was not bound to exchange %s of RabbitMQ (%s): what Trove sent meanwhile did not "+
		"reach it. ", c.cfg.Queue, e.name, s.broker.name)
	if e.durability == transient {
		text += "The exchange is not durable, and goes when the broker restarts: set amqp_durable_queues in Trove's " +
			"configuration. "
	}
	if len(c.cfg.Drain) > 0 {
		return text + "The collector also drains the queues that oslo.messaging makes, which may have kept all of it."
	}
	return text + "oslo.messaging's own queue, such as notifications.info, may have kept it: collect with " +
		"--drain-queue notifications.info before the broker restarts again."
}

// bound tells the state how far we are bound: completely when every exchange is that ever was, and
// there is one.
func (c *Collector) bound() bool {
	some, all := false, true
	for _, e := range c.exchanges {
		some = some || e.bound
		all = all && (e.bound || !e.once)
	}
	c.reports.bound(some && all)
	c.reports.unproven(c.unproven())
	return some && all
}

// unproven says why no horizon can be published, though all that exists is bound; empty when one
// can.
func (c *Collector) unproven() string {
	for _, e := range c.exchanges {
		switch {
		case e.shut:
			return fmt.Sprintf("notifications are stored, but no horizon can be published, so that no bill is "+
				"complete: this user may not bind to exchange %s, "+
				"and what Trove sends there passes by: grant it with rabbitmqctl set_permissions, see docs/trove.md, "+
				"or name Trove's exchanges alone with --exchange", e.name)
		case e.bound && e.blind():
			return fmt.Sprintf("notifications are stored, but no horizon can be published, so that no bill is "+
				"complete: this user may not publish to exchange %s (%s), "+
				"and a binding that is lost there cannot be seen: grant it with rabbitmqctl set_permissions, see "+
				"docs/trove.md; the next connection sees it", e.name, e.durability)
		}
	}
	return ""
}

// beat sends a marker through every exchange that is bound.
func (c *Collector) beat(s *session) {
	if len(s.marks) > 0 || len(s.results) > 0 {
		return // the last ones are still under way
	}
	c.number++
	delete(s.sent, c.number-maxSent) // it has not come back for so long that it is lost
	s.sent[c.number] = c.deps.Now()
	for _, e := range c.exchanges {
		if e.bound {
			if e.first == 0 {
				e.first = c.number
			}
			// has room for all
			s.marks <- markRequest{exchange: e.name, direct: e.direct, number: c.number, answer: s.results}
		}
	}
}

// marked hears what became of a marker.
func (c *Collector) marked(s *session, r markResult) {
	e := c.exchange(r.exchange)
	if e == nil {
		return
	}
	switch r.outcome {
	case forbidden:
		if !e.direct {
			e.direct = true
			return
		}
		if !e.mute {
			e.mute = true
			c.deps.Log.Warn("this user may publish neither to the exchange nor to the default one: no horizon can be "+
				"published",
				slog.String("exchange", e.name), slog.String("fix", "rabbitmqctl set_permissions, see docs/trove.md"))
		}
		c.bound()
	case unroutable:
		e.bound = false // found again, and its gap published, at the next check
		c.bound()
		err := fmt.Errorf("exchange %s on %s has lost its binding to queue %s: it was deleted and made anew, or "+
			"somebody has unbound the queue", e.name, s.broker.name, c.cfg.Queue)
		c.reports.failed(err)
		c.deps.Log.Error("unbound", slog.Any("error", err))
	case unknown:
		if r.number == e.first {
			e.first = 0 // it may never come
		}
		if r.err != nil && s.ctx.Err() == nil {
			c.reports.failed(r.err)
			c.deps.Log.Warn("a marker had no answer: no horizon is published", slog.Any("error", r.err))
		}
	case routed:
	}
}

func (c *Collector) exchange(name string) *exchange {
	for _, e := range c.exchanges {
		if e.name == name {
			return e
		}
	}
	return nil
}

// passed publishes a horizon when markers have come back through every exchange: everything that
// was routed before they were sent is stored. An exchange that was bound once and is not now holds
// it up.
func (c *Collector) passed(work context.Context, s *session, arrived []mark) {
	if len(arrived) == 0 {
		return
	}
	for _, m := range arrived {
		e, at := c.exchange(m.exchange), s.sent[m.number]
		switch {
		case e == nil || at.IsZero():
		case m.number == e.first && e.proof != 0:
			// The queue is first in, first out.
			e.bound, e.gone, e.proof = false, true, 0 // its gap is published at the next check
			err := fmt.Errorf("exchange %s on %s had lost its binding to queue %s, which another queue with a "+
				"binding such as # has hidden", e.name, s.broker.name, c.cfg.Queue)
			c.reports.failed(err)
			c.deps.Log.Error("unbound", slog.Any("error", err))
		case e.gone:
		default:
			if m.number == e.proof {
				e.proof = 0
			}
			e.marked, e.current = at, at
		}
	}
	for number := range s.sent { // markers come back in order
		if number < arrived[len(arrived)-1].number {
			delete(s.sent, number)
		}
	}
	if !c.bound() || c.unproven() != "" {
		return
	}
	var lowest time.Time
	for _, e := range c.exchanges {
		if e.bound && (lowest.IsZero() || e.current.Before(lowest)) {
			if lowest = e.current; lowest.IsZero() {
				return
			}
		}
	}
	c.reports.beat()
	at := lowest.Add(-c.cfg.Settle).UTC().Truncate(time.Second)
	at, err := c.sink.sayHorizon(work, at)
	if err != nil {
		c.reports.failed(err)
		c.deps.Log.Error("no horizon", slog.Any("error", err))
		return // the next marker brings it
	}
	c.reports.horizon(at)
}
