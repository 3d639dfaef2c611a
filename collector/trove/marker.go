package trove

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/daybook-billing/daybook/collector/trove/inflow"
)

// A marker is a message of the collector to itself, through an exchange, by a routing key of its
// queue alone. It answers two questions for which AMQP has no request. Is the binding still there?
// An unroutable message comes back. Is everything collected up to a moment? The queue is first in,
// first out: when a marker has arrived, everything routed before it has, too.
const (
	headerMarker   = "daybook-marker"   // names the marker's session
	headerExchange = "daybook-exchange" // names the marker's exchange
	markerBody     = `{"event_type":"dbaas.daybook.marker","payload":{}}`
	markerPrefix   = "daybook.marker."
	markerTime     = 5 * time.Second // for one marker
)

// outcome is the broker's answer to a marker.
type outcome int

const (
	unknown    outcome = iota // no answer: the broker blocks publishers while it is short of memory or disk
	routed                    // our queue has it
	unroutable                // the binding, or the exchange, is gone
	forbidden                 // the user may not publish there
)

// marker publishes markers over a connection of its own: a broker short of memory stops reading
// from publishing connections, and our acknowledgements must not wait behind that. It is for one
// goroutine.
type marker struct {
	cfg    *Config
	broker *broker
	id     string // of the session

	connection *amqp.Connection
	conn       *inflow.Conn
	channel    *amqp.Channel
	closed     chan *amqp.Error
	returns    chan amqp.Return
}

// send sends a marker through the exchange about, or, with direct, past it into our queue.
func (m *marker) send(ctx context.Context, about string, direct bool, number uint64) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, markerTime)
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
	case <-confirmation.Done(): // also after the channel's close, of which the notification comes first
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
	case _, returned := <-m.returns: // an unroutable message comes back before its confirmation
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
	m.connection, m.conn, err = m.broker.dial(ctx, m.cfg, 0)
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

// reason is the error of a closed connection or channel; e is nil when the other side has just
// gone.
func reason(e *amqp.Error) error {
	if e == nil {
		return errors.New("the connection is closed")
	}
	return e
}
