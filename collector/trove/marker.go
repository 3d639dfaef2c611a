package trove

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A marker is a message that the collector sends to itself through an exchange, by a routing key
// that only its queue is bound with. It answers two questions that AMQP has no request for. Is the
// binding still there? What cannot be routed comes back. And is everything collected up to a
// moment? The queue is first in, first out: a marker that has arrived is behind everything that was
// routed before it was sent.
const (
	headerMarker   = "daybook-marker"   // names the session that sent it
	headerExchange = "daybook-exchange" // that it is about
	markerBody     = `{"event_type":"dbaas.daybook.marker","payload":{}}`
	markerPrefix   = "daybook.marker."
	markTime       = 5 * time.Second // for one marker
)

// outcome is what became of a marker.
type outcome int

const (
	unknown    outcome = iota // no answer: the broker blocks publishers while it is short of memory or disk
	routed                    // our queue has it
	unroutable                // the binding, or the exchange, is gone
	forbidden                 // the user may not publish there
)

// marker publishes markers over a connection of its own: a broker that is short of memory stops
// reading from connections that publish, and the acknowledgements of our consumers must not wait
// behind that. It is for one goroutine.
type marker struct {
	cfg    *Config
	broker *broker
	id     string // of the session

	connection *amqp.Connection
	conn       net.Conn
	channel    *amqp.Channel
	closed     chan *amqp.Error
	returns    chan amqp.Return
}

// send sends a marker through the exchange about, or, with direct, past it into our queue.
func (m *marker) send(ctx context.Context, about string, direct bool, number uint64) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, markTime)
	defer cancel()
	if err := m.connect(ctx); err != nil {
		return unknown, err
	}
	conn := m.conn
	// nothing of the library can be interrupted in another way
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := m.open(); err != nil {
		return unknown, err
	}
	exchange, key := about, m.cfg.markerKey()
	if direct {
		exchange, key = "", m.cfg.Queue
	}
	what := fmt.Sprintf("sending a marker through exchange %q on %s", exchange, m.broker.name)
	confirmation, err := m.channel.PublishWithDeferredConfirmWithContext(ctx, exchange, key, true, false,
		amqp.Publishing{
			ContentType: "application/json", Body: []byte(markerBody), MessageId: strconv.FormatUint(number, 10),
			Headers: amqp.Table{headerMarker: m.id, headerExchange: about}, DeliveryMode: amqp.Persistent,
		})
	if err != nil {
		m.channel = nil
		return unknown, explain(what, err)
	}
	select {
	case <-confirmation.Done(): // also when the channel is closed, of which the notification comes first
	case <-ctx.Done():
		m.channel = nil
		return unknown, fmt.Errorf("%s: no answer: the broker may have an alarm, see rabbitmqctl list_alarms: %w", what,
			ctx.Err())
	}
	select {
	case refused := <-m.closed:
		m.channel = nil
		switch refusal(refused) {
		case amqp.AccessRefused:
			return forbidden, nil
		case amqp.NotFound:
			return unroutable, nil
		}
		return unknown, explain(what, reason(refused))
	default:
	}
	select {
	case _, returned := <-m.returns: // what cannot be routed comes back before its confirmation
		if returned {
			return unroutable, nil
		}
	default:
	}
	if !confirmation.Acked() {
		return unknown, fmt.Errorf("%s: queue %s did not take it: see rabbitmq-diagnostics list_queues", what,
			m.cfg.Queue)
	}
	return routed, nil
}

func (m *marker) connect(ctx context.Context) error {
	if m.connection != nil && !m.connection.IsClosed() {
		return nil
	}
	var err error
	m.connection, m.conn, err = m.broker.dial(ctx, m.cfg)
	m.channel = nil
	return err
}

func (m *marker) open() error {
	if m.channel != nil && !m.channel.IsClosed() {
		return nil
	}
	channel, err := m.connection.Channel()
	if err == nil {
		err = channel.Confirm(false)
	}
	if err != nil {
		return explain("opening a channel for markers on "+m.broker.name, err)
	}
	m.channel = channel
	m.closed = channel.NotifyClose(make(chan *amqp.Error, 1))
	m.returns = channel.NotifyReturn(make(chan amqp.Return, 1))
	return nil
}

func (m *marker) close() {
	if m.connection != nil {
		hangUp(m.connection, m.conn)
	}
}

// reason is the error of a notification, which is nil when the other side has just gone.
func reason(e *amqp.Error) error {
	if e == nil {
		return errors.New("the connection is closed")
	}
	return e
}
