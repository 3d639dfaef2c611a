package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// natsFlags name the NATS server.
type natsFlags struct {
	NATS     string `name:"nats" env:"NATS_URL" default:"${nats_url}" placeholder:"URL" help:"NATS server (default: ${default})."`
	Creds    string `env:"NATS_CREDS" placeholder:"FILE" help:"Credentials file."`
	User     string `name:"nats-user" env:"NATS_USER" help:"User, with --nats-password."`
	Password string `name:"nats-password" env:"NATS_PASSWORD" help:"Password."`
	CA       string `name:"nats-ca" env:"NATS_CA" placeholder:"FILE" help:"CA certificates (PEM)."`
	Cert     string `name:"nats-cert" env:"NATS_CERT" placeholder:"FILE" help:"Client certificate (PEM), with --nats-key."`
	Key      string `name:"nats-key" env:"NATS_KEY" placeholder:"FILE" help:"Key of the client certificate."`
	Replicas int    `env:"DAYBOOK_REPLICAS" default:"1" help:"Replicas of streams that have to be created; 3 on a cluster."`
	roomFlags

	appends bus.InProcess // the server, where it is in this process
	feed    int           // bytes of each stream's end to keep in memory for readers in this process
}

// feedBytes is how much of each stream's end is kept in memory for the services of one process.
const feedBytes = 32 << 20

// roomFlags bound the wait of a command with an end.
type roomFlags struct {
	RoomWait time.Duration `env:"DAYBOOK_ROOM_WAIT" default:"${room_wait}" help:"How long work with an end waits for room in NATS, before it ends with status 4 (default: ${default}). Services wait without end."`
}

// personFlags say who acts, and why.
type personFlags struct {
	By   string `env:"USER" placeholder:"NAME" help:"Who decides."`
	Note string `help:"Why."`
}

// connect opens the bus and ensures the streams.
func (f *natsFlags) connect(ctx context.Context, name string, log *slog.Logger) (*bus.Bus, error) {
	b, err := f.open(ctx, name, log)
	if err != nil {
		return nil, err
	}
	if err := b.EnsureStreams(ctx, bus.StreamsConfig{Replicas: f.Replicas}); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// open opens the bus.
func (f *natsFlags) open(ctx context.Context, name string, log *slog.Logger) (*bus.Bus, error) {
	return bus.Connect(ctx, bus.Config{
		URL: f.NATS, Name: "daybook " + name, CredsFile: f.Creds, User: f.User, Password: f.Password,
		CAFile: f.CA, CertFile: f.Cert, KeyFile: f.Key, Replicas: f.Replicas, RoomWait: f.RoomWait, Log: log,
		Appends: f.appends, Feed: f.feed,
	})
}

// serve makes the process of a service and opens the bus. It waits for a server that is away. The
// caller closes the bus.
func (f *natsFlags) serve(e *env, name string, cfg service.Config) (*service.Process, *bus.Bus, error) {
	process, err := service.New(name, cfg, e.stderr)
	if err != nil {
		return nil, nil, err
	}
	f.RoomWait = 0
	b, err := awaitBus(e.ctx, process, name, func(ctx context.Context) (*bus.Bus, error) {
		return f.connect(ctx, name, process.Log)
	})
	return process, b, err
}

// once is serve for work with an end: it does not wait.
func (f *natsFlags) once(e *env, name string, cfg service.Config) (*service.Process, *bus.Bus, error) {
	process, err := service.New(name, cfg, e.stderr)
	if err != nil {
		return nil, nil, err
	}
	b, err := f.connect(e.ctx, name, process.Log)
	if err == nil {
		watchBus(process, b)
	}
	return process, b, err
}

// awaitBus opens the bus of a service, and waits for the end of an outage.
func awaitBus(ctx context.Context, process *service.Process, name string,
	open func(context.Context) (*bus.Bus, error),
) (*bus.Bus, error) {
	b, err := service.Await(ctx, process, "nats", bus.Outage, open, (*bus.Bus).Close)
	if err == nil {
		watchBus(process, b)
		watchStreams(process, b, checkStreams, watched(name)...)
	}
	return b, err
}

// checkStreams is the time between two looks at the streams.
const checkStreams = 30 * time.Second

// watchStreams looks at the streams while a service runs. With a setting that loses messages, or
// where one of the named streams lacks some, the service is not ready; the log has it once.
func watchStreams(process *service.Process, b *bus.Bus, every time.Duration, streams ...string) {
	const well = "no setting loses messages, and none is missing"
	state := service.NewSwitch("starting")
	state.On(well)
	process.Health.Ready("streams", state.Check)
	process.Beside("streams", func(ctx context.Context) error {
		ticks := time.NewTicker(every)
		defer ticks.Stop()
		failed := false
		for said := ""; ; {
			missing, err := ledger.Losing(ctx, b, streams...)
			switch wrong := strings.Join(missing, "; "); {
			case wrong != "":
				state.Off(wrong)
				if said != wrong {
					said = wrong
					process.Log.Error("messages are missing, or a setting loses them", slog.String("what", wrong))
				}
			case err == nil:
				state.On(well)
				said = ""
			}
			if err != nil && !failed && ctx.Err() == nil {
				process.Log.Warn("looking for missing messages failed; it goes on", slog.Any("error", err))
			}
			failed = err != nil
			select {
			case <-ctx.Done():
				return nil
			case <-ticks.C:
			}
		}
	})
}

// watched are the streams that lack nothing while a service is ready. Collectors may not read what
// is derived.
func watched(service string) []string {
	switch service {
	case "projector":
		return []string{events.StreamUsage, events.StreamMetered}
	case "pricer":
		return []string{events.StreamMetered, events.StreamBilling}
	case "up":
		return []string{events.StreamUsage, events.StreamMetered, events.StreamBilling}
	}
	return []string{events.StreamUsage}
}

// watchBus shows in readiness and metrics how the bus is.
func watchBus(process *service.Process, b *bus.Bus) {
	process.Health.Ready("nats", func(ctx context.Context) (string, error) { return "connected", b.Check(ctx) })
	process.Health.Ready("room", func(context.Context) (string, error) {
		return "every append finds room", b.Room()
	})
	process.Metrics.MustRegister(newRoomGauge(func() float64 { return float64(len(b.Lacks())) }))
}

// loadCatalogue reads and checks a catalogue file. It returns the text, too, for publication.
func loadCatalogue(name string) (parsed *catalogue.Catalogue, text []byte, err error) {
	if text, err = os.ReadFile(name); err != nil { //nolint:gosec // the user names the file
		return nil, nil, fmt.Errorf("cannot read the catalogue: %w", err)
	}
	parsed, err = catalogue.Check(name, text)
	return parsed, text, err
}
