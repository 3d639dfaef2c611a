package trove

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/daybook-billing/daybook/collector/trove/inflow"
)

// session is one connection to a broker with its consumers. Its methods are for Run's goroutine.
type session struct {
	cfg    *Config
	broker *broker
	id     string // in its markers
	// existed tells whether our queue was there before: somebody of ours has been here.
	existed bool

	connection *amqp.Connection
	conn       *inflow.Conn
	prefetch   int             // of each queue
	ctx        context.Context //nolint:containedctx // done when the connection is lost or closed
	cancel     context.CancelCauseFunc
	ended      sync.WaitGroup // of the goroutines below

	main     *source            // our queue
	others   map[string]*source // by queue; nil while the queue is missing
	arrivals chan arrival       // from the others
	requests chan markerRequest
	results  chan markerResult
	sent     map[uint64]time.Time // when the markers under way were sent, by number
}

// source is a queue with a consumer, on a channel of its own, so that one acknowledgement covers a
// batch.
type source struct {
	queue      string
	channel    *amqp.Channel
	deliveries <-chan amqp.Delivery
}

// arrival is a delivery from a source, or the source's end.
type arrival struct {
	source   *source
	delivery amqp.Delivery
	end      bool
}

type markerRequest struct {
	exchange string
	direct   bool // past the exchange
	number   uint64
	answer   chan<- markerResult
}

type markerResult struct {
	markerRequest
	outcome outcome
	err     error
}

// connect opens a session. Within openTime it is connected, or the error says why not.
func connect(ctx context.Context, cfg *Config, b *broker, prefetch int) (*session, error) {
	opening, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	most := cfg.held
	if prefetch == 1 {
		most = 0 // one body of each queue, however large
	}
	connection, conn, err := b.dial(opening, cfg, most)
	if err != nil {
		return nil, err
	}
	s := &session{
		cfg: cfg, broker: b, id: uuid.NewString(), connection: connection, conn: conn, prefetch: prefetch,
		others: map[string]*source{}, arrivals: make(chan arrival), requests: make(chan markerRequest, maxNames),
		results: make(chan markerResult, maxNames), sent: map[uint64]time.Time{},
	}
	s.ctx, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	closed := connection.NotifyClose(make(chan *amqp.Error, 1))
	s.ended.Go(func() {
		e := <-closed
		s.cancel(fmt.Errorf("the connection to RabbitMQ at %s is lost: %w", b.name, reason(e)))
	})
	s.ended.Go(s.sendMarkers)
	return s, nil
}

// close ends the session and waits for its goroutines. Unacknowledged messages are delivered again.
func (s *session) close() {
	s.cancel(errors.New("the session was closed"))
	hangUp(s.connection, s.conn)
	s.ended.Wait()
}

// hangUp closes a connection, and takes it away when the broker does not answer.
func hangUp(connection *amqp.Connection, conn net.Conn) {
	_ = connection.CloseDeadline(time.Now().Add(closeTime)) // it ends in any case
	_ = conn.Close()
}

// within runs f, and closes the connection when the broker's answers take too long or ctx ends.
func (s *session) within(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = s.conn.Close() })()
	err := f()
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", err, ctx.Err())
	}
	return err
}

// consume begins to consume a queue. found is false when there is none.
func (s *session) consume(queue string) (_ *source, found bool, err error) {
	channel, err := s.connection.Channel()
	if err != nil {
		return nil, false, s.explain("opening a channel", err)
	}
	if err := channel.Qos(s.prefetch, 0, false); err != nil {
		return nil, false, s.explain("setting the prefetch", err)
	}
	deliveries, err := channel.Consume(queue, "daybook-"+s.id, false, false, false, false, nil)
	if refusal(err) == amqp.NotFound {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, s.explain("consuming queue "+queue, err)
	}
	return &source{queue: queue, channel: channel, deliveries: deliveries}, true, nil
}

// consumeOther begins to consume a queue beside our own.
func (s *session) consumeOther(queue string) (found bool, err error) {
	src, found, err := s.consume(queue)
	if err != nil || !found {
		return found, err
	}
	s.others[queue] = src
	s.ended.Go(func() {
		for d := range src.deliveries {
			select {
			case s.arrivals <- arrival{source: src, delivery: d}:
			case <-s.ctx.Done():
				return
			}
		}
		select {
		case s.arrivals <- arrival{source: src, end: true}:
		case <-s.ctx.Done():
		}
	})
	return true, nil
}

// sendMarkers sends markers until the session ends.
func (s *session) sendMarkers() {
	m := &marker{cfg: s.cfg, broker: s.broker, id: s.id}
	defer m.close()
	for {
		select {
		case <-s.ctx.Done():
			return
		case r := <-s.requests:
			outcome, err := m.send(s.ctx, r.exchange, r.direct, r.number)
			select {
			case r.answer <- markerResult{r, outcome, err}:
			case <-s.ctx.Done():
				return
			}
		}
	}
}

// probe asks by the marker of this number whether the binding to an exchange is there.
func (s *session) probe(ctx context.Context, exchange string, number uint64) (outcome, error) {
	answer := make(chan markerResult, 1)
	select {
	case s.requests <- markerRequest{exchange: exchange, number: number, answer: answer}:
	case <-s.ctx.Done():
		return unknown, context.Cause(s.ctx)
	case <-ctx.Done():
		return unknown, ctx.Err()
	}
	select {
	case r := <-answer:
		return r.outcome, r.err
	case <-s.ctx.Done():
		return unknown, context.Cause(s.ctx)
	case <-ctx.Done():
		return unknown, ctx.Err()
	}
}

// mainEnded says why our queue is not consumed any more.
func (s *session) mainEnded() error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	if s.connection.IsClosed() {
		return fmt.Errorf("the connection to RabbitMQ at %s is lost", s.broker.name)
	}
	if s.main.channel.IsClosed() {
		return fmt.Errorf("RabbitMQ at %s has closed the channel of queue %s: a batch may have waited longer than "+
			"its consumer_timeout", s.broker.name, s.cfg.Queue)
	}
	return fmt.Errorf("queue %s on %s was deleted, or its broker is gone", s.cfg.Queue, s.broker.name)
}
