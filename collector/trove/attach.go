package trove

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"
)

// attach binds every exchange without a binding in this session, and begins to consume the queues
// beside ours.
func (c *Collector) attach(ctx context.Context, s *session) error {
	some := slices.ContainsFunc(c.exchanges, func(x *exchange) bool { return x.binding == bound })
	for _, x := range c.exchanges {
		bind := c.bind
		switch {
		case x.binding == bound && x.route == through:
			continue // markers tell when it is lost
		case x.binding == bound:
			bind = c.rebind
		case some && !x.binding.wasBound() && c.deps.Now().Before(x.next):
			// An unused exchange is not looked for at every check: the broker logs an error each
			// time.
			continue
		}
		if err := s.within(ctx, func() error { return bind(ctx, s, x) }); err != nil {
			return err
		}
	}
	c.assess()
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

// bind binds our queue to one exchange, if it exists. After a loss the gap is published before the
// marker's key is bound. The missing key shows the loss, so a crash in between does not hide it.
func (c *Collector) bind(ctx context.Context, s *session, x *exchange) error {
	there, err := c.find(s, x)
	if err != nil || !there {
		return err
	}
	whole, err := c.probe(ctx, s, x)
	if err != nil {
		return err
	}
	there, err = s.bind(x.name, c.cfg.RoutingKeys)
	if refusal(err) == amqp.AccessRefused {
		c.step(s, x, bindRefused{attempt{c.deps.Now(), c.cfg.Check, err.Error()}})
		return nil
	}
	if err != nil || !there {
		return err
	}
	if slices.Contains(c.step(s, x, keysBound{whole}), publishGap) {
		if err := c.publishGap(ctx, s, x); err != nil {
			if ctx.Err() != nil || s.ctx.Err() != nil {
				return err
			}
			// The session goes on, for every redelivery counts.
			c.reports.unstored(err)
			c.deps.Log.Error("the gap is not published yet", slog.String("exchange", x.name), slog.Any("error", err))
			return nil
		}
	}
	if there, err := s.bind(x.name, []string{c.cfg.markerKey()}); err != nil || !there {
		return err
	}
	done := attached{at: c.deps.Now()}
	if !x.lost && x.proven.IsZero() {
		if done.horizon, err = c.sink.lastHorizon(ctx); err != nil {
			return err
		}
	}
	c.step(s, x, done)
	return nil
}

// find looks for an exchange, and declares it if it does not exist and may be declared.
func (c *Collector) find(s *session, x *exchange) (there bool, err error) {
	d, err := s.exchange(x.name)
	if err != nil {
		return false, err
	}
	if d == noExchange {
		missed := func(refusal string) {
			c.step(s, x, notFound{attempt{c.deps.Now(), c.cfg.Check, refusal}})
		}
		if d = x.declarable(); d == noExchange {
			missed("")
			return false, nil
		}
		switch err := s.declareExchange(x.name, d); {
		case refusal(err) == amqp.PreconditionFailed:
			return false, nil // somebody else has just made it, differently: it is looked at again
		case refusal(err) == amqp.AccessRefused:
			missed(s.explain("declaring exchange "+x.name+", which does not exist,", err).Error())
			return false, nil
		case err != nil:
			return false, s.explain("declaring exchange "+x.name, err)
		}
	}
	c.step(s, x, found{d})
	return true, nil
}

// probe asks by a marker whether the binding to an exchange has been there all the time.
func (c *Collector) probe(ctx context.Context, s *session, x *exchange) (whole bool, err error) {
	c.number++
	s.sent[c.number] = c.deps.Now()
	o, err := s.probe(ctx, x.name, c.number)
	if o == unknown {
		if s.ctx.Err() != nil || ctx.Err() != nil {
			return false, err
		}
		c.deps.Log.Warn("a marker had no answer", slog.String("exchange", x.name), slog.Any("error", err))
	}
	c.step(s, x, probed{outcome: o, number: c.number, queueExisted: s.existed})
	return intact(o, s.existed, x.durability), nil
}

// rebind makes the bindings again where markers prove nothing. Existing bindings stay as they are.
func (c *Collector) rebind(_ context.Context, s *session, x *exchange) error {
	there, err := s.bind(x.name, append(slices.Clone(c.cfg.RoutingKeys), c.cfg.markerKey()))
	if err == nil && !there {
		c.step(s, x, bindingGone{})
	}
	return err
}

// publishGap publishes the gap of a lost binding, unless nothing was collected before.
func (c *Collector) publishGap(ctx context.Context, s *session, x *exchange) error {
	ctx, cancel := context.WithTimeout(ctx, gapTime)
	defer cancel()
	from, err := c.sink.lastHorizon(ctx)
	if err != nil {
		return err
	}
	if !x.proven.IsZero() {
		// A notification under way with the marker may have come after the binding had gone.
		from = x.proven.Add(-max(c.cfg.Settle, c.cfg.Check+markerTime))
	} else if !from.IsZero() {
		// The horizon is Settle before its marker, and an unused exchange may have existed for
		// maxRecheck.
		from = from.Add(-max(maxRecheck+markerTime-c.cfg.Settle, 0))
	}
	if from.IsZero() {
		from = x.missing
	}
	if from.IsZero() && !s.existed {
		return nil // the first collection
	}
	to := c.deps.Now()
	if err := c.sink.publishGap(ctx, x.name, from, to, c.gapReason(s, x)); err != nil {
		return err
	}
	c.reports.gap(from, to)
	c.deps.Log.Error("notifications may be lost: the binding was gone", slog.String("exchange", x.name),
		slog.String("durability", x.durability.String()),
		slog.Time("from", from), slog.Time("to", to))
	return nil
}

func (c *Collector) gapReason(s *session, x *exchange) string {
	text := fmt.Sprintf("queue %s was not bound to exchange %s of RabbitMQ (%s): what Trove sent meanwhile did not "+
		"reach it. ", c.cfg.Queue, x.name, s.broker.name)
	if x.durability == transient {
		text += "The exchange is not durable, and goes when the broker restarts: set amqp_durable_queues in Trove's " +
			"configuration. "
	}
	if len(c.cfg.Drain) > 0 {
		return text + "The collector also drains the queues that oslo.messaging makes, which may have kept all of it."
	}
	return text + "oslo.messaging's own queue, such as notifications.info, may have kept it: collect with " +
		"--drain-queue notifications.info before the broker restarts again."
}

// step takes an exchange through one transition, performs its effects and returns them.
func (c *Collector) step(s *session, x *exchange, e event) []effect {
	var effects []effect
	*x, effects = transition(*x, e)
	for _, f := range effects {
		c.perform(s, x, f)
	}
	return effects
}

func (c *Collector) perform(s *session, x *exchange, f effect) {
	name, queue := slog.String("exchange", x.name), c.cfg.Queue
	fix := slog.String("fix", "rabbitmqctl set_permissions, see docs/trove.md")
	alarm := func(message string, args ...any) {
		err := fmt.Errorf("exchange %s on %s "+message, append([]any{x.name, s.broker.name}, args...)...)
		c.reports.failed(err)
		c.deps.Log.Error("unbound", slog.Any("error", err))
	}
	switch f {
	case publishGap: // the caller's
	case assess:
		c.assess()
	case logBound:
		c.deps.Log.Info("bound", name, slog.String("durability", x.durability.String()), slog.String("queue", queue))
	case logRefused:
		err := errors.New(x.refusal)
		c.reports.failed(err)
		c.deps.Log.Error("not bound", name, slog.Any("error", err))
	case logVanished:
		alarm("has vanished: until Trove sends something, which makes it anew, nothing is lost; the first " +
			"notifications after that may be")
	case logUnbound:
		alarm("has lost its binding to queue %s: it was deleted and made anew, or somebody has unbound the queue",
			queue)
	case logHidden:
		alarm("had lost its binding to queue %s, which another queue with a binding such as # has hidden", queue)
	case logGone:
		alarm("has vanished, and the binding of queue %s with it", queue)
	case warnPast:
		c.deps.Log.Warn("this user may not publish to the exchange: whether the binding was lost cannot be seen, and "+
			"is assumed unless the exchange is durable; unless it is, no horizon is published", name, fix)
	case warnNowhere:
		c.deps.Log.Warn("this user may publish neither to the exchange nor to the default one: no horizon can be "+
			"published", name, fix)
	}
}
