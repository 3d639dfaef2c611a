package trove

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/events"
)

// Durability of the exchanges that the collector may declare.
const (
	DurabilityAuto = "auto" // declare only what was seen to exist before, as it was
	DurabilityYes  = "yes"
	DurabilityNo   = "no"
)

// Limits of what Config may say.
const (
	maxPrefetch = 10_000
	maxNames    = 32
	maxName     = 255 // bytes of a name in AMQP
)

// Config is what the Trove collector is told. The zero value of a field means its default.
type Config struct {
	// Foundation names the platform, and is part of every subject and id. Required.
	Foundation string
	// Name tells several collectors of the foundation apart: the foundation is complete up to the
	// lowest of their horizons. Leave it empty where there is one.
	Name string

	// URLs are brokers of one cluster, amqp://user:password@host:port/vhost or amqps://, tried one
	// after the other. Without any nothing is consumed, and notifications come by Push only.
	URLs []string
	// User and Password replace those in the URLs.
	User, Password string
	CAFile         string // PEM; default: the system's
	CertFile       string // PEM; a client certificate, with KeyFile
	KeyFile        string
	ServerName     string // in the broker's certificate; default: the URL's host

	// Exchanges to bind to: oslo.messaging's control_exchange. Default: trove and openstack. One of
	// them has to exist, or to be declared.
	Exchanges []string
	// Durability says whether the collector declares an exchange that does not exist, and how:
	// DurabilityYes or DurabilityNo as Trove's configuration has it, or DurabilityAuto (default).
	// Of the default exchanges only trove is declared.
	Durability string
	// RoutingKeys are <topic>.<priority>. Default: notifications.info, notifications.warn,
	// notifications.error.
	RoutingKeys []string
	// Queue is the collector's own. Default: billing.trove. What was delivered too often goes to
	// <Queue>.dead.
	Queue string
	// Drain are queues that oslo.messaging made itself and that nobody else reads, such as
	// notifications.info: a second source of the same notifications. Default: none.
	Drain []string
	// DeliveryLimit is how often a message is delivered again before it is put aside. Default: 20.
	DeliveryLimit int
	// Prefetch is how many messages the broker sends ahead, per queue. Default: 2,000; at most
	// 10,000.
	Prefetch int
	// Linger is how long a batch waits for more messages. Default: 50 ms; at most 100 ms.
	Linger time.Duration
	// Heartbeat is how often the connection is tried. Default: 10 s.
	Heartbeat time.Duration
	// Settle is how long after it was sent a notification may take to reach the queue. Default: 5
	// min; negative: no time.
	Settle time.Duration
	// Beat is how often a marker is sent and a horizon published. Default: 1 min.
	Beat time.Duration
	// Check is how often exchanges and queues that are missing are looked for. Default: 5 s.
	Check time.Duration
	// Reconnect is the wait after the first connection that failed; it grows up to 30 s. Default:
	// 500 ms.
	Reconnect time.Duration
	// Retry is the wait after the first append with an unknown outcome; it doubles up to 5 s.
	// Default: 200 ms.
	Retry time.Duration
	// Finish is how long Run goes on storing what it has received when its context has ended.
	// Default: 10 s.
	Finish time.Duration
	// MaxKnown is how many ids of the foundation's newest messages are remembered, about 60 bytes
	// each. Default: 1,000,000.
	MaxKnown int
}

func (c Config) withDefaults() Config {
	if len(c.Exchanges) == 0 {
		c.Exchanges = []string{"trove", "openstack"}
	}
	if len(c.RoutingKeys) == 0 {
		c.RoutingKeys = []string{"notifications.info", "notifications.warn", "notifications.error"}
	}
	c.Durability = cmp.Or(c.Durability, DurabilityAuto)
	c.Queue = cmp.Or(c.Queue, "billing.trove")
	c.DeliveryLimit = cmp.Or(c.DeliveryLimit, 20)
	c.Prefetch = cmp.Or(c.Prefetch, 2000)
	c.Linger = cmp.Or(c.Linger, 50*time.Millisecond)
	c.Heartbeat = cmp.Or(c.Heartbeat, 10*time.Second)
	c.Settle = max(cmp.Or(c.Settle, 5*time.Minute), 0)
	c.Beat = cmp.Or(c.Beat, time.Minute)
	c.Check = cmp.Or(c.Check, 5*time.Second)
	c.Reconnect = cmp.Or(c.Reconnect, 500*time.Millisecond)
	c.Finish = cmp.Or(c.Finish, 10*time.Second)
	c.MaxKnown = cmp.Or(c.MaxKnown, 1_000_000)
	return c
}

func (c *Config) validate() error {
	if err := c.validateValues(); err != nil {
		return err
	}
	for _, d := range []time.Duration{c.Heartbeat, c.Beat, c.Check, c.Reconnect, c.Finish} {
		if d <= 0 {
			return fmt.Errorf("trove: an interval of %v: take a positive one", d)
		}
	}
	for _, list := range [][]string{c.Exchanges, c.RoutingKeys, c.Drain, {c.Queue}} {
		if err := validateNames(list); err != nil {
			return err
		}
	}
	if slices.Contains(c.Drain, c.Queue) || slices.Contains(c.Drain, c.deadQueue()) {
		return fmt.Errorf("trove: queue %s is the collector's own: only queues of others can be drained", c.Queue)
	}
	return nil
}

func (c *Config) validateValues() error {
	switch {
	case c.Foundation == "":
		return errors.New("trove: the foundation has no name")
	case len(c.Foundation) > 100:
		return fmt.Errorf("trove: the foundation's name has %d bytes: at most 100 are allowed", len(c.Foundation))
	case c.Durability != DurabilityAuto && c.Durability != DurabilityYes && c.Durability != DurabilityNo:
		return fmt.Errorf("trove: durability %q is unknown: take auto, yes or no", c.Durability)
	case c.Prefetch < 2 || c.Prefetch > maxPrefetch:
		return fmt.Errorf("trove: a prefetch of %d: take 2 to %d", c.Prefetch, maxPrefetch)
	case c.Linger < 0 || c.Linger > 100*time.Millisecond:
		return fmt.Errorf("trove: a linger of %v: take at most 100ms", c.Linger)
	case c.DeliveryLimit < 1:
		return fmt.Errorf("trove: a delivery limit of %d: take at least 1", c.DeliveryLimit)
	case c.MaxKnown < 1:
		return fmt.Errorf("trove: %d known ids: take at least 1", c.MaxKnown)
	}
	return nil
}

// validateNames refuses a list of exchanges, routing keys or queues.
func validateNames(names []string) error {
	if len(names) > maxNames {
		return fmt.Errorf("trove: %d names: at most %d exchanges, routing keys or queues are taken", len(names),
			maxNames)
	}
	for i, name := range names {
		if name == "" || len(name)+len(markerPrefix) > maxName || slices.Contains(names[:i], name) {
			return fmt.Errorf("trove: %q is empty, too long or named twice: name each exchange, routing key and "+
				"queue once", clip(name))
		}
	}
	return nil
}

func (c *Config) deadQueue() string { return c.Queue + deadSuffix }

// markerKey is the routing key that only our queue is bound with.
func (c *Config) markerKey() string { return markerPrefix + c.Queue }

func (c *Config) connectionName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return strings.TrimSpace("daybook collect trove " + c.Foundation + " " + c.Name + " on " + host)
}

// Deps are what the Trove collector works with. Only Store is required.
type Deps struct {
	Store   Store
	Log     *slog.Logger
	Metrics *Metrics
	// Status keeps what daybook status shows. Without it nothing is told.
	Status status.Store
	// Now is the clock for horizons and gaps.
	Now func() time.Time
}

func (d Deps) withDefaults() Deps {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Metrics == nil {
		d.Metrics = NewMetrics("")
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return d
}

// declared is how the collector declares an exchange that Trove would declare; noExchange: as it
// was seen.
func (c *Config) declared() durability {
	switch c.Durability {
	case DurabilityYes:
		return durable
	case DurabilityNo:
		return transient
	}
	return noExchange
}

// origin is the ce-source of what the collector says.
func (c *Config) origin() string { return collector.Origin(events.SourceTrove, c.Foundation) }
