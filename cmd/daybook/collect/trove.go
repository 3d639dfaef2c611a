package collect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/service"
)

// TroveFlags name the sources of Trove's notifications and their settings.
type TroveFlags struct {
	Foundation string `env:"DAYBOOK_FOUNDATION" default:"openstack" help:"Name of the platform; part of every subject and id."`
	MovedFrom  string `name:"moved-from" placeholder:"REGION" help:"The platform has moved, or its region has another name: it is the one that was collected as this region."`
	Name       string `name:"collector" env:"DAYBOOK_COLLECTOR" help:"Name of this collector, where the foundation has several with queues of their own."`

	URLs         []string      `name:"amqp" env:"AMQP_URL" sep:"none" placeholder:"URL" help:"RabbitMQ brokers of one cluster, amqp://user:password@host:5672/vhost or amqps://, tried in turn; repeat the flag, or write white space between them. / # ? , @ in a password are escaped as in %2F. Prefer the environment: a command line can be seen by others."`
	User         string        `name:"amqp-user" env:"AMQP_USER" help:"User, instead of the one in the URL."`
	PasswordFile string        `name:"amqp-password-file" env:"AMQP_PASSWORD_FILE" placeholder:"FILE" help:"File with the user's password."`
	CAFile       string        `name:"amqp-ca" env:"AMQP_CA" placeholder:"FILE" help:"CA certificates of the brokers (PEM; default: the system's)."`
	CertFile     string        `name:"amqp-cert" env:"AMQP_CERT" placeholder:"FILE" help:"Client certificate (PEM), with --amqp-key."`
	KeyFile      string        `name:"amqp-key" env:"AMQP_KEY" placeholder:"FILE" help:"Key of the client certificate."`
	ServerName   string        `name:"amqp-server-name" env:"AMQP_SERVER_NAME" help:"Name in the brokers' certificate (default: the URL's host)."`
	Heartbeat    time.Duration `name:"amqp-heartbeat" env:"AMQP_HEARTBEAT" default:"${trove_heartbeat}" help:"How often the connection is tried."`

	Exchanges     []string      `name:"exchange" env:"DAYBOOK_TROVE_EXCHANGES" placeholder:"NAME" help:"Exchanges of Trove's notifications (control_exchange; default: trove and openstack). Those that exist are bound."`
	Durable       string        `name:"durable-exchange" env:"DAYBOOK_TROVE_DURABLE_EXCHANGE" enum:"auto,yes,no" default:"${trove_durability}" help:"Declare an exchange that does not exist, as durable or not as Trove would (amqp_durable_queues, rabbit_quorum_queue): those named with --exchange, or trove. auto: only as it was seen before."`
	RoutingKeys   []string      `name:"routing-key" env:"DAYBOOK_TROVE_ROUTING_KEYS" default:"${trove_routing_keys}" help:"Topics and priorities of the notifications."`
	Queue         string        `env:"DAYBOOK_TROVE_QUEUE" default:"${trove_queue}" help:"The collector's own queue."`
	Drain         []string      `name:"drain-queue" env:"DAYBOOK_TROVE_DRAIN" placeholder:"QUEUE" help:"Queue of oslo.messaging that nobody else reads, such as notifications.info: a second source of the same notifications."`
	DeliveryLimit int           `env:"DAYBOOK_TROVE_DELIVERY_LIMIT" default:"${trove_delivery_limit}" help:"How often a notification is delivered again before it is put aside in QUEUE.dead."`
	Prefetch      int           `env:"DAYBOOK_TROVE_PREFETCH" default:"${trove_prefetch}" help:"Notifications that the broker sends ahead."`
	Settle        time.Duration `env:"DAYBOOK_TROVE_SETTLE" default:"${trove_settle}" help:"How long a notification may take to reach the queue."`

	Keystone KeystoneFlags `embed:""`

	PushTokenFile string `env:"DAYBOOK_PUSH_TOKEN_FILE" placeholder:"FILE" help:"Take notifications on POST /v1/ingest/trove of --http, too, from clients with the bearer token in this file."`
	PushToken     string `env:"DAYBOOK_PUSH_TOKEN" hidden:"" help:"The token itself."`
}

func (c *TroveFlags) pushes() bool { return c.PushToken != "" || c.PushTokenFile != "" }

// urls are the brokers' URLs. White space is in no URL, but a comma may be in a password.
func (c *TroveFlags) urls() []string { return strings.Fields(strings.Join(c.URLs, " ")) }

func (c *TroveFlags) config() (trove.Config, error) {
	cfg := trove.Config{
		Foundation: c.Foundation, MovedFrom: c.MovedFrom, Name: c.Name, URLs: c.urls(), User: c.User, CAFile: c.CAFile,
		CertFile:   c.CertFile,
		KeyFile:    c.KeyFile,
		ServerName: c.ServerName, Heartbeat: c.Heartbeat, Exchanges: c.Exchanges, Durability: c.Durable,
		RoutingKeys: c.RoutingKeys,
		Queue:       c.Queue, Drain: c.Drain, DeliveryLimit: c.DeliveryLimit, Prefetch: c.Prefetch, Settle: c.Settle,
	}
	if c.Settle == 0 {
		cfg.Settle = -1 // none, where the library's 0 is its default
	}
	var err error
	if c.PasswordFile != "" {
		cfg.Password, err = readSecret(c.PasswordFile)
	}
	return cfg, err
}

// readSecret reads a file with one secret, with or without a line's end.
func readSecret(name string) (string, error) {
	text, err := os.ReadFile(name) //nolint:gosec // the user names the file
	if err != nil {
		return "", fmt.Errorf("cannot read the secret: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// Check finds contradictions; http is the address for pushed notifications.
func (c *TroveFlags) Check(http string) error {
	switch {
	case c.PushToken != "" && c.PushTokenFile != "":
		return errors.New("DAYBOOK_PUSH_TOKEN and --push-token-file exclude each other")
	case c.pushes() && http == "":
		return errors.New("pushed notifications need an address to come to: give one with --http")
	case (c.User == "") != (c.PasswordFile == ""):
		return errors.New("--amqp-user and --amqp-password-file must be given together")
	case (c.CertFile == "") != (c.KeyFile == ""):
		return errors.New("--amqp-cert and --amqp-key must be given together")
	case c.Settle < 0:
		return fmt.Errorf("--settle=%v: take 0s or more", c.Settle)
	case c.Prefetch < 1 || c.DeliveryLimit < 1:
		return errors.New("--prefetch and --delivery-limit must be positive")
	}
	return c.Keystone.check()
}

// Collects reports whether there is a source to collect from.
func (c *TroveFlags) Collects() bool { return len(c.urls()) > 0 || c.pushes() }

// NewCollector makes the collector, with its metrics, its readiness check and the place where
// notifications are pushed to.
func (c *TroveFlags) NewCollector(process *service.Process, b *bus.Bus) (*trove.Collector, error) {
	cfg, err := c.config()
	if err != nil {
		return nil, err
	}
	metrics := trove.NewMetrics(c.Foundation)
	process.Metrics.MustRegister(metrics)
	collector, err := trove.New(cfg, trove.Deps{Store: trove.OnBus(b), Log: process.Log, Metrics: metrics, Status: b})
	if err != nil {
		return nil, err
	}
	process.Health.Ready("trove", func(context.Context) (string, error) { return "collecting", collector.Ready() })
	if c.pushes() {
		token := c.PushToken
		if c.PushTokenFile != "" {
			if token, err = readSecret(c.PushTokenFile); err != nil {
				return nil, err
			}
		}
		push, err := collector.Push(token)
		if err != nil {
			return nil, err
		}
		process.Handle(trove.PushPattern, push)
	}
	return collector, nil
}

type troveCmd struct {
	shell.NATS
	service.Config
	TroveFlags
}

// Validate checks the command line.
func (c *troveCmd) Validate() error {
	if !c.Collects() {
		return errors.New("there is nothing to collect from: give RabbitMQ's URL with --amqp (AMQP_URL), or a token " +
			"for pushed notifications with --push-token-file")
	}
	return c.Check(c.HTTP)
}

// Run runs the collector.
func (c *troveCmd) Run(e *shell.Env) error {
	process, b, err := c.Serve(e, "collector", c.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	WatchQuarantine(process, b, quarantine.Filter{Source: events.SourceTrove, Foundation: c.Foundation})
	collector, err := c.NewCollector(process, b)
	if err != nil {
		return err
	}
	components, err := FollowNames(process, b, nil, nil, &c.TroveFlags)
	if err != nil {
		return err
	}
	return process.Run(e.Ctx, append(components, service.Component{Name: "collector", Run: collector.Run})...)
}
