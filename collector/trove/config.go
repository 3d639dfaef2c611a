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
	"github.com/daybook-billing/daybook/collector/trove/notification"
	"github.com/daybook-billing/daybook/events"
)

// Values of Config.Durability.
const (
	DurabilityAuto = "auto" // an exchange is declared only if it was seen before, as it was
	DurabilityYes  = "yes"
	DurabilityNo   = "no"
)

// The defaults of Config.
const (
	DefaultDurability    = DurabilityAuto
	DefaultQueue         = "billing.trove"
	DefaultDeliveryLimit = 20
	DefaultPrefetch      = 2000
	DefaultHeartbeat     = 10 * time.Second
	DefaultSettle        = 5 * time.Minute

	defaultLinger    = 50 * time.Millisecond
	defaultBeat      = time.Minute
	defaultCheck     = 5 * time.Second
	defaultReconnect = 500 * time.Millisecond
	defaultFinish    = 10 * time.Second
	defaultMaxKnown  = 1_000_000
)

// DefaultExchanges are the usual exchanges of Trove's notifications.
func DefaultExchanges() []string { return []string{"trove", "openstack"} }

// DefaultRoutingKeys are the routing keys of oslo.messaging's default topic.
func DefaultRoutingKeys() []string {
	return []string{"notifications.info", "notifications.warn", "notifications.error"}
}

// Limits of Config.
const (
	maxPrefetch   = 10_000
	maxLinger     = 100 * time.Millisecond
	maxNames      = 32
	maxName       = 255 // bytes of a name in AMQP
	maxFoundation = 100 // bytes
)

// Config has the settings of a Trove collector. The zero value of a field means its default.
type Config struct {
	// Foundation names the platform, and is part of every subject and id. Required.
	Foundation string
	// MovedFrom is the Keystone region before a move or a change of its name: notifications of
	// another region than the one in USAGE are quarantined otherwise.
	MovedFrom string
	// Name tells several collectors of the foundation apart: the foundation is complete up to the
	// lowest of their horizons. Empty where there is one.
	Name string

	// URLs are brokers of one cluster, amqp://user:password@host:port/vhost or amqps://, tried one
	// after the other. Without any nothing is consumed, and notifications come by Push only.
	URLs []string
	// User and Password replace the ones in the URLs.
	User, Password string
	CAFile         string // PEM; the system's by default
	CertFile       string // PEM; a client certificate, with KeyFile
	KeyFile        string
	ServerName     string // in the broker's certificate; the URL's host by default

	// Exchanges are the exchanges to bind to: oslo.messaging's control_exchange. DefaultExchanges
	// by default. One of them has to exist, or to be declared.
	Exchanges []string
	// Durability tells how an exchange is declared if it does not exist: DurabilityYes or
	// DurabilityNo, as Trove's configuration has it, or DurabilityAuto (default). Of the default
	// exchanges only trove is declared.
	Durability string
	// RoutingKeys are <topic>.<priority>; DefaultRoutingKeys by default.
	RoutingKeys []string
	// Queue is the collector's own; DefaultQueue by default. Messages delivered too often go to
	// <Queue>.dead.
	Queue string
	// Drain are queues of oslo.messaging without another reader, such as notifications.info: a
	// second source of the same notifications. None by default.
	Drain []string
	// DeliveryLimit is the number of redeliveries of a message before it is put aside;
	// DefaultDeliveryLimit by default.
	DeliveryLimit int
	// Prefetch is the number of messages sent ahead by the broker, for each queue, from 2 to
	// 10,000; DefaultPrefetch by default.
	Prefetch int
	// Linger is the longest wait of a batch for more messages, at most 100 ms; 50 ms by
	// default.
	Linger time.Duration
	// Heartbeat is the interval of checks of the connection; DefaultHeartbeat by default.
	Heartbeat time.Duration
	// Settle is the longest way of a notification from its sending to the queue; DefaultSettle by
	// default, negative for no time.
	Settle time.Duration
	// Beat is the interval of markers and horizons; a minute by default.
	Beat time.Duration
	// Check is the interval of looks for missing exchanges and queues; 5 s by default.
	Check time.Duration
	// Reconnect is the wait after the first failed connection, 500 ms by default; it grows up to
	// 30 s.
	Reconnect time.Duration
	// Retry is the wait after the first append with an unknown outcome, 200 ms by default; it
	// doubles up to 5 s.
	Retry time.Duration
	// Finish is the longest time in which Run stores received messages after its context has
	// ended; 10 s by default.
	Finish time.Duration
	// MaxKnown is the number of remembered ids, of the foundation's newest messages, at about 60
	// bytes each; a million by default.
	MaxKnown int

	held int64 // bytes of bodies that wait in memory; maxHeld by default
}

func (c Config) withDefaults() Config {
	if len(c.Exchanges) == 0 {
		c.Exchanges = DefaultExchanges()
	}
	if len(c.RoutingKeys) == 0 {
		c.RoutingKeys = DefaultRoutingKeys()
	}
	c.Durability = cmp.Or(c.Durability, DefaultDurability)
	c.Queue = cmp.Or(c.Queue, DefaultQueue)
	c.DeliveryLimit = cmp.Or(c.DeliveryLimit, DefaultDeliveryLimit)
	c.Prefetch = cmp.Or(c.Prefetch, DefaultPrefetch)
	c.Linger = cmp.Or(c.Linger, defaultLinger)
	c.Heartbeat = cmp.Or(c.Heartbeat, DefaultHeartbeat)
	c.Settle = max(cmp.Or(c.Settle, DefaultSettle), 0)
	c.Beat = cmp.Or(c.Beat, defaultBeat)
	c.Check = cmp.Or(c.Check, defaultCheck)
	c.Reconnect = cmp.Or(c.Reconnect, defaultReconnect)
	c.Finish = cmp.Or(c.Finish, defaultFinish)
	c.held = cmp.Or(c.held, maxHeld)
	c.MaxKnown = cmp.Or(c.MaxKnown, defaultMaxKnown)
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
	case len(c.Foundation) > maxFoundation:
		return fmt.Errorf("trove: the foundation's name has %d bytes: at most %d are allowed", len(c.Foundation),
			maxFoundation)
	case c.Durability != DurabilityAuto && c.Durability != DurabilityYes && c.Durability != DurabilityNo:
		return fmt.Errorf("trove: durability %q is unknown: take auto, yes or no", c.Durability)
	case c.Prefetch < 2 || c.Prefetch > maxPrefetch:
		return fmt.Errorf("trove: a prefetch of %d: take 2 to %d", c.Prefetch, maxPrefetch)
	case c.Linger < 0 || c.Linger > maxLinger:
		return fmt.Errorf("trove: a linger of %v: take at most %v", c.Linger, maxLinger)
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
				"queue once", notification.Clip(name))
		}
	}
	return nil
}

func (c *Config) deadQueue() string { return c.Queue + deadSuffix }

// markerKey is a routing key for our queue alone.
func (c *Config) markerKey() string { return markerPrefix + c.Queue }

func (c *Config) connectionName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return strings.TrimSpace("daybook collect trove " + c.Foundation + " " + c.Name + " on " + host)
}

// Deps are the surroundings of a Trove collector. Only Store is required.
type Deps struct {
	Store   Store
	Log     *slog.Logger
	Metrics *Metrics
	// Status keeps the status for daybook status. Without it none is kept.
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

// declared is the durability for an exchange in Trove's place; noExchange: as it was seen.
func (c *Config) declared() durability {
	switch c.Durability {
	case DurabilityYes:
		return durable
	case DurabilityNo:
		return transient
	}
	return noExchange
}

// origin is the ce-source of the collector's messages.
func (c *Config) origin() string { return collector.Origin(events.SourceTrove, c.Foundation) }
