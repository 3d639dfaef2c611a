package trove

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/daybook-billing/daybook/internal/bus"
)

// load is a batch of deliveries: while one is read from the broker, the one before is being stored.
type load struct {
	*batch
	last    map[*source]uint64 // tag of each source's newest delivery
	markers []returned         // in it
	due     bool               // the linger is over: it is stored as soon as the one before is
	full    bool               // it takes no more
}

func (l *load) clear() {
	l.batch.clear()
	clear(l.last)
	l.markers, l.due, l.full = l.markers[:0], false, false
}

func (l *load) empty() bool { return len(l.last) == 0 }

// traffic is the stream of deliveries through one session.
type traffic struct {
	*session
	filling *load
	storing *load // nil: nothing is under way
	spare   *load
	most    int // deliveries in a load
	linger  *time.Timer
	jobs    chan *load
	done    chan error // of the job
}

// serve consumes until the session or ctx ends.
func (c *Collector) serve(ctx, work context.Context, s *session) error {
	newLoad := func() *load { return &load{batch: newBatch(c.sink.region, c.deps.Now), last: map[*source]uint64{}} }
	t := &traffic{
		session: s, filling: newLoad(), spare: newLoad(), most: min(bus.MaxBatch, max(s.prefetch/2, 1)),
		linger: time.NewTimer(time.Hour), jobs: make(chan *load, 1), done: make(chan error, 1),
	}
	t.linger.Stop()
	defer t.linger.Stop()
	defer close(t.jobs)
	s.ended.Go(func() {
		for job := range t.jobs {
			t.done <- c.store(work, s, job)
		}
	})
	check, beat := time.NewTicker(c.cfg.Check), time.NewTicker(c.cfg.Beat)
	defer check.Stop()
	defer beat.Stop()
	c.beat(s)
	for {
		main, others := s.main.deliveries, s.arrivals
		if t.filling.full {
			main, others = nil, nil
		}
		select {
		case <-ctx.Done():
			return c.finish(work, t)
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case d, ok := <-main:
			if !ok {
				return s.mainEnded()
			}
			c.receive(t, arrival{source: s.main, delivery: d})
			c.receiveMore(t, main)
		case a := <-others:
			c.receive(t, a)
		case <-t.linger.C:
			t.filling.due = true
		case err := <-t.done:
			if err := c.stored(work, t, err); err != nil {
				return err
			}
		case r := <-s.results:
			c.answered(s, r)
		case <-beat.C:
			c.beat(s)
		case <-check.C:
			if err := c.attach(ctx, s); err != nil {
				return err
			}
		}
		t.handOver()
	}
}

// receive puts a delivery into the load that is being filled.
func (c *Collector) receive(t *traffic, a arrival) {
	if a.end {
		delete(t.others, a.source.queue)
		return
	}
	if t.filling.empty() {
		t.linger.Reset(c.cfg.Linger)
	}
	d := &a.delivery
	t.filling.last[a.source] = d.DeliveryTag
	if id, ok := d.Headers[headerMarker].(string); ok {
		number, err := strconv.ParseUint(d.MessageId, 10, 64)
		if about, _ := d.Headers[headerExchange].(string); id == t.id && err == nil && a.source == t.main {
			t.filling.markers = append(t.filling.markers, returned{about, number})
		}
	} else {
		if a.source.queue == c.cfg.deadQueue() {
			c.reports.dead()
		}
		compression, _ := d.Headers["compression"].(string)
		t.filling.add(a.source.queue, d.Body, compression)
	}
	t.conn.Taken(len(d.Body))
	if len(t.filling.messages) >= t.most || t.filling.size() >= maxLoad {
		t.filling.due, t.filling.full = true, true
	}
}

// receiveMore receives waiting deliveries, up to a full load: a turn of serve's loop after each
// would cost as much as reading it.
func (c *Collector) receiveMore(t *traffic, main <-chan amqp.Delivery) {
	for !t.filling.full {
		select {
		case d, ok := <-main:
			if !ok {
				return // the caller sees it again
			}
			c.receive(t, arrival{source: t.main, delivery: d})
		default:
			return
		}
	}
}

// handOver gives a due load to be stored, when the load before is.
func (t *traffic) handOver() {
	if t.filling.due && t.storing == nil {
		t.storing, t.filling, t.spare = t.filling, t.spare, nil
		t.jobs <- t.storing // has room: nothing else is under way
		t.linger.Stop()
	}
}

// store stores a load, without a limit of time. While the bus is away nothing is given back to the
// broker, for every redelivery counts.
func (c *Collector) store(work context.Context, s *session, l *load) error {
	for {
		err := c.sink.store(work, l.batch)
		if err == nil {
			return nil
		}
		c.reports.unstored(err)
		if work.Err() != nil {
			return fmt.Errorf("stopped before %d notifications were stored; the broker keeps them: %w", len(l.messages),
				err)
		}
		c.deps.Log.Error("not stored yet", slog.Int("notifications", len(l.messages)), slog.Any("error", err),
			slog.Duration("retry_in", storeRetry))
		pause := time.NewTimer(storeRetry)
		select {
		case <-work.Done():
		case <-s.ctx.Done():
			pause.Stop()
			return context.Cause(s.ctx)
		case <-pause.C:
		}
		pause.Stop()
	}
}

// stored acknowledges the load under way, and notes its markers.
func (c *Collector) stored(work context.Context, t *traffic, err error) error {
	l := t.storing
	t.storing, t.spare = nil, l
	if err != nil {
		return err
	}
	c.reports.count(l.messages)
	for src, tag := range l.last {
		if err := src.channel.Ack(tag, true); err != nil && src == t.main {
			return t.explain("acknowledging", err)
		} // deliveries of another source come again, and are known then
	}
	c.arrived(work, t.session, l.markers)
	l.clear()
	return nil
}

// finish stores and acknowledges the received deliveries.
func (c *Collector) finish(work context.Context, t *traffic) error {
	t.filling.due = !t.filling.empty()
	for t.handOver(); t.storing != nil; t.handOver() {
		if err := c.stored(work, t, <-t.done); err != nil {
			return err
		}
	}
	return nil
}
