package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// natsFlags say which NATS server to use.
type natsFlags struct {
	NATS     string `name:"nats" env:"NATS_URL" default:"nats://127.0.0.1:4222" placeholder:"URL" help:"NATS server (default: ${default})."`
	Creds    string `env:"NATS_CREDS" placeholder:"FILE" help:"Credentials file."`
	User     string `name:"nats-user" env:"NATS_USER" help:"User, with --nats-password."`
	Password string `name:"nats-password" env:"NATS_PASSWORD" help:"Password."`
	CA       string `name:"nats-ca" env:"NATS_CA" placeholder:"FILE" help:"CA certificates (PEM)."`
	Cert     string `name:"nats-cert" env:"NATS_CERT" placeholder:"FILE" help:"Client certificate (PEM), with --nats-key."`
	Key      string `name:"nats-key" env:"NATS_KEY" placeholder:"FILE" help:"Key of the client certificate."`
	Replicas int    `env:"DAYBOOK_REPLICAS" default:"1" help:"Replicas of streams that have to be created; 3 on a cluster."`
}

// connect opens the bus and makes sure that the streams are there and as they should be.
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
		CAFile: f.CA, CertFile: f.Cert, KeyFile: f.Key, Replicas: f.Replicas, Log: log,
	})
}

// serve makes the process of a service that works on the bus, and opens that, which the caller
// closes.
func (f *natsFlags) serve(e *env, name string, cfg service.Config) (*service.Process, *bus.Bus, error) {
	process, err := service.New(name, cfg, e.stderr)
	if err != nil {
		return nil, nil, err
	}
	b, err := f.connect(e.ctx, name, process.Log)
	if err != nil {
		return nil, nil, err
	}
	process.Health.Ready("nats", busReady(b))
	return process, b, nil
}

// busReady is the readiness check of everything that works on the bus.
func busReady(b *bus.Bus) service.Check {
	return func(ctx context.Context) (string, error) { return "connected", b.Check(ctx) }
}

// loadCatalogue reads and checks a catalogue file. It returns the text, too, which is what is
// published.
func loadCatalogue(name string) (parsed *catalogue.Catalogue, text []byte, err error) {
	if text, err = os.ReadFile(name); err != nil { //nolint:gosec // the user names the file
		return nil, nil, fmt.Errorf("cannot read the catalogue: %w", err)
	}
	parsed, err = catalogue.Parse(name, text)
	return parsed, text, err
}

// publishCatalogue stores a catalogue under its version, once: the same text again is no change,
// another text under the same version is an error. It reports whether it was stored now.
func publishCatalogue(ctx context.Context, b *bus.Bus, version string, yaml []byte) (bool, error) {
	body := events.Catalogue{Version: version, YAML: string(yaml)}
	subject := events.CatalogueSubject(version)
	message := bus.Message{Subject: subject, Data: body.AppendJSON(nil), Header: []events.Header{
		{Key: events.HeaderID, Value: events.ID("catalogue", version)},
		{Key: events.HeaderType, Value: events.TypeCatalogue},
		{Key: events.HeaderSource, Value: "daybook/catalogue"},
		{Key: events.HeaderTime, Value: events.FormatTime(time.Now())},
		{Key: events.HeaderSpecVersion, Value: events.SpecVersion},
		{Key: events.HeaderContentType, Value: events.ContentType},
	}}
	_, err := b.Append(ctx, events.StreamMetered, []bus.Message{message}, bus.Expect{Filter: subject})
	if err == nil {
		return true, nil
	}
	var conflict *bus.ConflictError
	if !errors.As(err, &conflict) && !errors.Is(err, bus.ErrOutcomeUnknown) {
		return false, err
	}
	stored, lastErr := b.Last(ctx, events.StreamMetered, subject)
	if lastErr != nil {
		return false, errors.Join(err, lastErr)
	}
	if string(stored.Data) != string(message.Data) {
		return false, fmt.Errorf("catalogue version %q is published already, with another text. A version never "+
			"changes: publish this one under another name (--name)", version)
	}
	return false, nil
}
