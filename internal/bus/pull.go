package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/daybook-billing/daybook/internal/bus/reply"
)

const (
	pullMessages = 5000     // sent ahead at most
	pullBytes    = 16 << 20 // asked for at once; two requests may be under way
	// sent ahead at most of the last messages per subject, each of minPayload at most where it is
	// Daybook's
	pullLatest    = 32
	pullExpires   = 30 * time.Second
	pullHeartbeat = 5 * time.Second
	pullSilence   = 3 * pullHeartbeat // without even a heartbeat: the consumer or the request is gone
	pullInactive  = 2 * time.Minute   // after which the server forgets a consumer without pulls
	closeTimeout  = time.Second
)

// pull is one consumer on the server and the subscription for its messages. It is given up, not
// repaired, when anything is odd: the reader opens another behind the last message it gave.
//
// Not jetstream's ordered consumer: that one repairs itself inside Next and Stop, for as long as it
// takes and without looking at a context, and leaves goroutines behind.
type pull struct {
	bus          *Bus
	stream, name string
	sub          *nats.Subscription
	messages     chan *nats.Msg
	head         *nats.Msg // the first of them, taken out by come
	reconnected  <-chan struct{}
	request      string // subject of pull requests
	ahead        int    // messages sent ahead at most
	bytes        int    // asked for at once; 0: no limit
	heartbeat    time.Duration
	requested    int    // messages asked for and still to come
	delivered    uint64 // messages so far, by the consumer's count
	waiting      uint64 // messages still to come when the consumer was created
}

// openPull creates a consumer and subscribes, but asks for nothing yet.
func (b *Bus) openPull(ctx context.Context, stream string, from uint64, options ReadOptions) (*pull, error) {
	what := fmt.Sprintf("reading stream %s from message %d", stream, from)
	p := &pull{
		bus: b, stream: stream, name: "daybook-" + nuid.Next(),
		// Room for all messages under way, and for the heartbeats of requests that a slow caller
		// lets expire.
		messages:    make(chan *nats.Msg, 2*pullMessages),
		reconnected: b.nextConnection(),
		ahead:       pullMessages,
		bytes:       max(pullBytes, 2*int(b.nc.MaxPayload())),
		heartbeat:   cmp.Or(options.heartbeat, pullHeartbeat),
	}
	p.request = apiPrefix + "CONSUMER.MSG.NEXT." + stream + "." + p.name
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	config := jetstream.ConsumerConfig{
		Name:              p.name,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       from,
		AckPolicy:         jetstream.AckNonePolicy,
		HeadersOnly:       options.HeadersOnly,
		InactiveThreshold: pullInactive,
		MemoryStorage:     true,
		Replicas:          1,
	}
	create := apiPrefix + "CONSUMER.CREATE." + stream + "." + p.name
	if len(options.Filters) == 1 { // it is a part of the request's subject, which a permission can name
		config.FilterSubject = options.Filters[0]
		create += "." + config.FilterSubject
	} else {
		config.FilterSubjects = options.Filters
	}
	if options.LastPerSubject {
		// A server forgets the message of a subject in excess of the bytes of a request,
		// where it should send it with the next. Source: loopAndGatherMsgs in
		// nats-server/server/consumer.go.
		p.ahead, p.bytes = pullLatest, 0
		config.DeliverPolicy, config.OptStartSeq = jetstream.DeliverLastPerSubjectPolicy, 0
		if len(options.Filters) == 0 {
			config.FilterSubjects = []string{">"} // the server asks for one
		}
	}
	ctx, release := b.asking(ctx, create)
	defer release()
	consumer, err := b.js.CreateConsumer(ctx, stream, config)
	if err != nil {
		return nil, requestError(what, stream, deniedOr(ctx, err))
	}
	p.waiting = consumer.CachedInfo().NumPending
	if p.sub, err = b.nc.ChanSubscribe(b.nc.NewInbox(), p.messages); err != nil {
		return nil, requestError(what, stream, err)
	}
	return p, nil
}

// more asks for messages when half of the requested ones have come. If it cannot be sent, the
// connection is down, and reconnected or the silence tells.
func (p *pull) more() {
	if p.requested > p.ahead/2 {
		return
	}
	n := p.ahead - p.requested
	body := fmt.Appendf(nil, `{"batch":%d,"max_bytes":%d,"expires":%d,"idle_heartbeat":%d}`, n, p.bytes, pullExpires,
		p.heartbeat)
	p.requested += n
	_ = p.bus.nc.PublishRequest(p.request, p.sub.Subject, body)
}

// incoming is the kind of an arrival.
type incoming int

const (
	isMessage   incoming = iota
	isHeartbeat          // for a while there was nothing to send
	isStatus             // of a request; all is well
	isBroken             // the consumer is gone, or a message got lost on the way
)

// arrived is the first arrival, if there is one already.
func (p *pull) arrived() *nats.Msg {
	if msg := p.head; msg != nil {
		p.head = nil
		return msg
	}
	select {
	case msg := <-p.messages:
		return msg
	default:
		return nil
	}
}

// come is 1 where another message has come already: the server's count of those to come is from the
// moment when it sent one.
func (p *pull) come() uint64 {
	for {
		msg := p.arrived()
		if msg == nil {
			return 0
		}
		if _, ok := reply.Parse(msg.Reply); ok {
			p.head = msg
			return 1
		}
		if p.status(msg) == isBroken {
			p.head = msg // the end of this consumer
			return 0
		}
	}
}

// accept takes an arrival and counts it.
func (p *pull) accept(msg *nats.Msg) (Stored, incoming) {
	meta, ok := reply.Parse(msg.Reply)
	if !ok {
		return Stored{}, p.status(msg)
	}
	p.requested--
	if meta.Consumer != p.delivered+1 {
		return Stored{}, isBroken
	}
	p.delivered = meta.Consumer
	return Stored{
		Subject: msg.Subject, Sequence: meta.Stream, Time: time.Unix(0, meta.Time).UTC(), Pending: meta.Pending,
		Data: msg.Data, header: msg.Header,
	}, isMessage
}

// status reads the server's report on a request: a heartbeat (100), its end (408, 409 with the
// number of undelivered messages), or a fault.
func (p *pull) status(msg *nats.Msg) incoming {
	switch msg.Header.Get("Status") {
	case "100":
		return isHeartbeat
	case "408", "409":
		if left, err := strconv.Atoi(msg.Header.Get("Nats-Pending-Messages")); err == nil {
			p.requested = max(p.requested-left, 0)
			return isStatus
		}
	}
	return isBroken
}

// close unsubscribes and has the server forget the consumer; if it does not answer, it forgets it
// after pullInactive.
func (p *pull) close() {
	if err := p.sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		p.bus.cfg.Log.Debug("unsubscribing", slog.Any("error", err))
	}
	if !p.bus.nc.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = p.bus.js.DeleteConsumer(ctx, p.stream, p.name)
}
