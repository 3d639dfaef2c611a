package rabbit

import (
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// takeTime is how long Take waits: far longer than any queue of a test takes.
const takeTime = 2 * time.Minute

// Take takes all messages of a queue, in their order. Nobody else may be consuming it.
//
// It sends a message of its own to the queue's end and reads up to it, because the broker's
// figure of a queue's length is some seconds old.
func (b *Broker) Take(ctx context.Context, queue string) (bodies [][]byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, takeTime)
	defer cancel()
	connection, err := amqp.Dial(b.URL())
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close() }()
	channel, err := connection.Channel()
	if err != nil {
		return nil, err
	}
	if err := channel.Confirm(false); err != nil {
		return nil, err
	}
	returned := channel.NotifyReturn(make(chan amqp.Return, 1))
	const last = "rabbit-last"
	sent, err := channel.PublishWithDeferredConfirmWithContext(ctx, "", queue, true, false, amqp.Publishing{Type: last})
	if err != nil {
		return nil, err
	}
	if ok, err := sent.WaitContext(ctx); err != nil {
		return nil, err
	} else if !ok {
		return nil, fmt.Errorf("queue %s does not take a message", queue)
	}
	select {
	case <-returned: // comes before the confirmation
		return nil, fmt.Errorf("there is no queue %s", queue)
	default:
	}
	deliveries, err := channel.ConsumeWithContext(ctx, queue, "", false, false, false, false, nil)
	if err != nil {
		return nil, err
	}
	for {
		select {
		case d, ok := <-deliveries:
			switch {
			case !ok:
				return nil, fmt.Errorf("queue %s is gone", queue)
			case d.Type == last:
				return bodies, d.Ack(true)
			}
			bodies = append(bodies, d.Body)
		case <-ctx.Done():
			return nil, fmt.Errorf("queue %s does not deliver; somebody else may be consuming it: %w", queue, ctx.Err())
		}
	}
}
