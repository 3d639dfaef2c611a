package trove

import (
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

// durability tells whether an exchange exists, and how it was declared.
type durability int

const (
	noExchange   durability = iota
	transient               // goes with the broker: oslo.messaging's default
	durable                 // amqp_durable_queues or rabbit_quorum_queue is set in Trove's configuration
	undetermined            // the user may not find out, or it was declared as oslo.messaging declares none
)

func (d durability) String() string {
	switch d {
	case noExchange:
		return "absent"
	case transient:
		return "not durable"
	case durable:
		return "durable"
	}
	return "of unknown durability"
}

const (
	exchangeKind = "topic"
	deadSuffix   = ".dead"
	deadDelivery = 1_000_000 // attempts: nothing may be dropped from the queue of dead letters
)

// attempt makes a request on a channel of its own, because the broker refuses by closing the
// channel.
func (s *session) attempt(f func(*amqp.Channel) error) error {
	channel, err := s.connection.Channel()
	if err != nil {
		return err
	}
	err = f(channel)
	if !channel.IsClosed() {
		err = errors.Join(err, channel.Close())
	}
	return err
}

// refusal is the broker's code for a refusal of one request; 0 when the error is something else.
func refusal(err error) int {
	var e *amqp.Error
	if errors.As(err, &e) && e != nil && e.Server {
		switch e.Code {
		case amqp.NotFound, amqp.PreconditionFailed, amqp.AccessRefused, amqp.ResourceLocked:
			return e.Code
		}
	}
	return 0
}

// exchange finds the durability of an exchange. An existing one can be declared with its own
// properties only, and stays as it is. A missing one is never declared by guessing: Trove could not
// declare it with other properties then, and would lose its notifications.
func (s *session) exchange(name string) (durability, error) {
	err := s.attempt(func(c *amqp.Channel) error {
		return c.ExchangeDeclarePassive(name, exchangeKind, false, false, false, false, nil)
	})
	switch {
	case refusal(err) == amqp.NotFound:
		return noExchange, nil
	case err != nil:
		return noExchange, s.explain("looking for exchange "+name, err)
	}
	for _, e := range []durability{transient, durable} {
		err := s.declareExchange(name, e)
		switch {
		case err == nil:
			return e, nil
		case refusal(err) == amqp.AccessRefused:
			return undetermined, nil
		case refusal(err) != amqp.PreconditionFailed:
			return noExchange, s.explain("looking for the durability of exchange "+name, err)
		}
	}
	return undetermined, nil
}

func (s *session) declareExchange(name string, as durability) error {
	return s.attempt(func(c *amqp.Channel) error {
		return c.ExchangeDeclare(name, exchangeKind, as == durable, false, false, false, nil)
	})
}

// declareQueues declares our queue, and the queue of dead letters. existed tells whether ours was
// there.
func (s *session) declareQueues() (existed bool, err error) {
	err = s.attempt(func(c *amqp.Channel) error {
		_, err := c.QueueDeclarePassive(s.cfg.Queue, true, false, false, false, nil)
		return err
	})
	if err != nil && refusal(err) != amqp.NotFound {
		return false, s.explain("looking for queue "+s.cfg.Queue, err)
	}
	existed = err == nil
	for _, q := range []struct {
		name      string
		arguments amqp.Table
	}{
		{s.cfg.deadQueue(), amqp.Table{amqp.QueueTypeArg: amqp.QueueTypeQuorum, "x-delivery-limit": deadDelivery}},
		{s.cfg.Queue, amqp.Table{
			amqp.QueueTypeArg:           amqp.QueueTypeQuorum,
			"x-delivery-limit":          s.cfg.DeliveryLimit,
			"x-single-active-consumer":  true, // a second collector is a standby
			"x-dead-letter-exchange":    "",   // the default one, with queues' names as keys
			"x-dead-letter-routing-key": s.cfg.deadQueue(),
			"x-dead-letter-strategy":    "at-least-once",
			// required by at-least-once; there is no limit
			amqp.QueueOverflowArg: amqp.QueueOverflowRejectPublish,
		}},
	} {
		err := s.attempt(func(c *amqp.Channel) error {
			_, err := c.QueueDeclare(q.name, true, false, false, false, q.arguments)
			return err
		})
		if refusal(err) == amqp.PreconditionFailed {
			return existed, fmt.Errorf("declaring queue %s on %s: it exists with other properties (%w): name another "+
				"queue, or delete it when it is empty and let the collector make it", q.name, s.broker.name, err)
		}
		if err != nil {
			return existed, s.explain("declaring queue "+q.name, err)
		}
	}
	return existed, nil
}

// bind binds our queue to an exchange with the keys. found is false when the exchange is gone.
func (s *session) bind(exchange string, keys []string) (found bool, err error) {
	for _, key := range keys {
		err := s.attempt(func(c *amqp.Channel) error { return c.QueueBind(s.cfg.Queue, key, exchange, false, nil) })
		if refusal(err) == amqp.NotFound {
			return false, nil
		}
		if err != nil {
			return false, s.explain(fmt.Sprintf("binding queue %s to exchange %s with %s", s.cfg.Queue, exchange, key),
				err)
		}
	}
	return true, nil
}

// explain names a failed request at the broker, and the remedy.
func (s *session) explain(what string, err error) error {
	return explain(what+" on "+s.broker.name, err)
}

func explain(what string, err error) error {
	var refused *amqp.Error
	if errors.As(err, &refused) && refused.Code == amqp.AccessRefused {
		return fmt.Errorf("%s: the user lacks a permission (%w): grant it with rabbitmqctl set_permissions, see "+
			"docs/trove.md", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
