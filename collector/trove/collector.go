package trove

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/daybook-billing/daybook/collector/internal/appender"
)

const (
	maxReconnect = 30 * time.Second // between two attempts
	// between two attempts to store a batch, each of which tries several times by itself
	storeRetry = time.Second
	maxSent    = 1000 // markers under way
	ownQueues  = 2    // with the dead letters
	// maxHeld bounds the bodies that wait in memory to be taken, of all queues together. One body
	// of a queue may be larger: it is taken alone.
	maxHeld    = 64 << 20
	maxLoad    = 16 << 20        // bytes to store in a load
	maxRecheck = time.Minute     // between two attempts to find an exchange that was never bound
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
	prefetch  int    // of each queue, in the next session
	number    uint64 // of the last marker
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
	c := &Collector{cfg: cfg, deps: deps.withDefaults(), prefetch: cfg.Prefetch}
	var err error
	if c.brokers, err = brokers(&c.cfg); err != nil {
		return nil, err
	}
	c.deps.Metrics.brokerless.Store(len(c.brokers) == 0)
	c.sink = newSink(&c.cfg, &c.deps)
	c.reports = newReporter(c.deps.Metrics, c.deps.Now)
	for i, name := range cfg.Exchanges {
		// Of the default exchanges only trove is declared: openstack belongs to all services, and
		// they may declare it differently.
		x := &exchange{name: name}
		if named || i == 0 {
			x.declare = c.cfg.declared()
		}
		c.exchanges = append(c.exchanges, x)
	}
	return c, nil
}

// Report says how things are. It may be called at any time.
func (c *Collector) Report() Report { return c.reports.report() }

// Run collects until ctx ends; then it stores and acknowledges what it has received, for at most
// Config.Finish, and returns nil. It waits for a missing broker. The error is of the bus, at
// the start.
func (c *Collector) Run(ctx context.Context) error {
	if err := c.sink.learn(ctx); err != nil {
		return err
	}
	c.reports.started(c.sink.horizon)
	c.learned.Store(true)
	defer c.reports.stopped()
	if c.deps.Status != nil {
		keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
		var kept sync.WaitGroup
		kept.Go(func() { c.keepStatus(keeping) })
		defer kept.Wait()
		defer stop()
	}
	// Received messages are stored after ctx has ended, too.
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
	s, err := connect(ctx, &c.cfg, b, c.prefetch)
	if err != nil {
		return false, err
	}
	defer s.close()
	defer func() {
		for _, x := range c.exchanges {
			c.step(s, x, sessionEnded{})
		}
		c.reports.disconnected()
		c.askForFewer(s)
	}()
	err = s.within(ctx, func() (err error) {
		if s.existed, err = s.declareQueues(); err != nil {
			return err
		}
		// Consuming comes first: a queue without an answer is to be met before a gap is published.
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

// askForFewer sets the prefetch of the next session, where the one that has ended held too much.
func (c *Collector) askForFewer(s *session) {
	fewer, ended := s.conn.Fewer(s.prefetch, ownQueues+len(c.cfg.Drain))
	if !ended {
		return
	}
	c.prefetch = fewer
	c.deps.Log.Warn("the messages that RabbitMQ sent ahead are too large: fewer are asked for until the collector is "+
		"started again", slog.Int64("limit_bytes", s.conn.Most), slog.Int("prefetch", fewer))
}
