package shell

import (
	"context"
	"log/slog"
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/service"
)

// NATS are the flags of the NATS server.
type NATS struct {
	URL      string  `name:"nats" env:"NATS_URL" placeholder:"URL" help:"NATS server (default: that of --context, else ${nats_url})."`
	Context  Context `env:"NATS_CONTEXT" placeholder:"NAME" help:"Context of the nats CLI, with a server and credentials; without a name, at the end, the selected one. Other flags win over it."`
	Creds    string  `env:"NATS_CREDS" placeholder:"FILE" help:"Credentials file."`
	User     string  `name:"nats-user" env:"NATS_USER" help:"User, with --nats-password."`
	Password string  `name:"nats-password" env:"NATS_PASSWORD" help:"Password."`
	CA       string  `name:"nats-ca" env:"NATS_CA" placeholder:"FILE" help:"CA certificates (PEM)."`
	Cert     string  `name:"nats-cert" env:"NATS_CERT" placeholder:"FILE" help:"Client certificate (PEM), with --nats-key."`
	Key      string  `name:"nats-key" env:"NATS_KEY" placeholder:"FILE" help:"Key of the client certificate."`
	Replicas int     `env:"DAYBOOK_REPLICAS" default:"1" help:"Replicas of streams that have to be created; 3 on a cluster."`
	Room

	appends bus.InProcess // the server, where it is in this process
	feed    int           // bytes of each stream's end to keep in memory for readers in this process
}

// DefaultRoomWait is the default wait of work with an end for room in NATS.
const DefaultRoomWait = time.Minute

// feedBytes is how much of each stream's end is kept in memory for the services of one process.
const feedBytes = 32 << 20

// Room are the flags of the wait of a command with an end.
type Room struct {
	RoomWait time.Duration `env:"DAYBOOK_ROOM_WAIT" default:"${room_wait}" help:"How long work with an end waits for room in NATS, before it ends with status 4 (default: ${default}). Services wait without end."`
}

// Person are the flags of who acts, and why.
type Person struct {
	By   string `env:"USER" placeholder:"NAME" help:"Who decides."`
	Note string `help:"Why."`
}

// InProcess names the server in this process. Appends reach it without a network, and the end of
// each stream is kept in memory for the services beside it.
func (f *NATS) InProcess(server bus.InProcess) { f.appends, f.feed = server, feedBytes }

// Connect opens the bus and ensures the streams.
func (f *NATS) Connect(ctx context.Context, name string, log *slog.Logger) (*bus.Bus, error) {
	b, err := f.Open(ctx, name, log)
	if err != nil {
		return nil, err
	}
	if err := b.EnsureStreams(ctx, bus.StreamsConfig{Replicas: f.Replicas}); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Open opens the bus.
func (f *NATS) Open(ctx context.Context, name string, log *slog.Logger) (*bus.Bus, error) {
	cfg, err := f.config()
	if err != nil {
		return nil, err
	}
	cfg.Name, cfg.Log = "daybook "+name, log
	return bus.Connect(ctx, cfg)
}

// Serve makes the process of a service and opens the bus. It waits for a server that is away. The
// caller closes the bus.
func (f *NATS) Serve(e *Env, name string, cfg service.Config) (*service.Process, *bus.Bus, error) {
	process, err := service.New(name, cfg, e.Stderr)
	if err != nil {
		return nil, nil, err
	}
	f.RoomWait = 0
	b, err := AwaitBus(e.Ctx, process, name, func(ctx context.Context) (*bus.Bus, error) {
		return f.Connect(ctx, name, process.Log)
	})
	return process, b, err
}

// Once is Serve for work with an end: it does not wait.
func (f *NATS) Once(e *Env, name string, cfg service.Config) (*service.Process, *bus.Bus, error) {
	process, err := service.New(name, cfg, e.Stderr)
	if err != nil {
		return nil, nil, err
	}
	b, err := f.Connect(e.Ctx, name, process.Log)
	if err == nil {
		watchBus(process, b)
	}
	return process, b, err
}
