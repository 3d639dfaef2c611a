package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Config is the address of the server and the client's credentials. Only URL is required, or
// Process.
type Config struct {
	URL  string // nats://host:port, tls://host:port, or several with commas
	Name string // of this connection, as operators see it; default "daybook"

	// At most one of a credentials file (user JWT and seed), User with Password, and Token.
	CredsFile      string
	User, Password string
	Token          string

	CAFile            string // PEM; default: the system's
	CertFile, KeyFile string // PEM; a client certificate

	// Process is a server in this process, to which connections are made in place of URL; it need
	// not be named then. A model of a server stands in for a real one so.
	Process InProcess
	// Appends is the server behind URL where it is in this process: appends go to it without the
	// network. Reading does not: a pipe in memory takes a fifth longer for many messages.
	Appends InProcess

	// Feed is how many bytes of a stream's end are kept in memory for readers over this connection,
	// as far as it appended them; see Reader. 0: none.
	Feed int

	Replicas int           // of new streams and buckets; default 1
	Timeout  time.Duration // for one request; default 5 s
	// RoomWait is how long an append waits for room before its *RoomError says that this is over;
	// 0: without end.
	RoomWait time.Duration
	Log      *slog.Logger // loss and return of the connection; default: nowhere
}

// InProcess is a server in this process.
type InProcess interface {
	InProcessConn() (net.Conn, error)
}

const (
	defaultTimeout  = 5 * time.Second
	reconnectWait   = 250 * time.Millisecond
	reconnectJitter = 250 * time.Millisecond
	// a server's default; Daybook's limits of spans and charges a message keep below it
	minPayload       = 1 << 20
	pingInterval     = 20 * time.Second
	wantMajor        = 2
	wantMinor        = 14 // the first with fast-ingest batches
	apiPrefix        = "$JS.API."
	permissionPrefix = `Permissions Violation for Publish to "`
)

// Bus is a connection. It is safe for concurrent use.
type Bus struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	out     *nats.Conn          // for appends: nc, or a connection of their own
	outJS   jetstream.JetStream // over out
	cfg     Config
	scratch sync.Pool // of *scratch
	rooms   rooms

	mu sync.Mutex
	// closed and replaced whenever a lost connection is back, or is closed; guarded by mu
	connected chan struct{}
	// appends under way, to be ended by a refused permission or a lost connection; guarded by mu
	appends map[*inflight]struct{}
	// requests under way, to be ended by a refused permission; guarded by mu
	requests map[*asked]struct{}
	memories map[string]*memory // by stream; guarded by mu
}

// inflight is an append under way.
type inflight struct {
	msgs   []Message
	cancel context.CancelCauseFunc
}

// Connect connects to a server and checks it for Daybook's needs: JetStream, and fast-ingest
// batches (2.14). It tries once; an established connection is then repaired for as long as it
// takes. The error names the fault, the place and the way out.
func Connect(ctx context.Context, cfg Config) (*Bus, error) {
	cfg.Name = cmp.Or(cfg.Name, "daybook")
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	cfg.Replicas = cmp.Or(cfg.Replicas, 1)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("connecting to NATS at %s: %w", cfg.URL, err)
	}
	if err := checkScheme(cfg.URL); err != nil {
		return nil, err
	}
	b := &Bus{
		cfg: cfg, connected: make(chan struct{}), appends: map[*inflight]struct{}{},
		requests: map[*asked]struct{}{}, rooms: rooms{lacks: map[string]*lack{}}, memories: map[string]*memory{},
	}
	b.scratch.New = func() any { return new(scratch) }
	options, err := b.options(ctx)
	if err != nil {
		return nil, err
	}
	if b.nc, err = nats.Connect(cfg.URL, options...); err != nil {
		return nil, connectError(cfg, err)
	}
	if b.js, err = jetstream.New(b.nc, jetstream.WithDefaultTimeout(cfg.Timeout)); err == nil {
		err = b.checkServer(ctx)
	}
	b.out, b.outJS = b.nc, b.js
	if err == nil && cfg.Appends != nil {
		err = b.connectAppends(options)
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// connectAppends makes the connection of appends. Its loss is told by that of the other one.
func (b *Bus) connectAppends(options []nats.Option) error {
	out, err := nats.Connect(b.cfg.URL, append(options, nats.Name(b.cfg.Name+" appends"),
		nats.InProcessServer(b.cfg.Appends), nats.ReconnectHandler(nil), nats.ClosedHandler(nil),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { b.unanswered() }))...)
	if err != nil {
		return connectError(b.cfg, err)
	}
	b.out = out
	b.outJS, err = jetstream.New(out, jetstream.WithDefaultTimeout(b.cfg.Timeout))
	return err
}

func (b *Bus) options(ctx context.Context) ([]nats.Option, error) {
	cfg := b.cfg
	timeout := cfg.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(min(timeout, time.Until(deadline)), time.Millisecond)
	}
	options := []nats.Option{
		nats.Name(cfg.Name),
		nats.Timeout(timeout),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectJitter, reconnectJitter),
		nats.PingInterval(pingInterval),
		// Nothing is buffered while the connection is down: a late append, behind its caller's
		// back, would make the caller's last read of the stream untrue.
		nats.ReconnectBufSize(-1),
		nats.ErrorHandler(b.asyncError),
		nats.DisconnectErrHandler(b.disconnected),
		nats.ReconnectHandler(b.reconnected),
		nats.ClosedHandler(func(*nats.Conn) { b.wake() }),
	}
	for _, file := range []struct{ what, path string }{
		{"credentials file", cfg.CredsFile},
		{"CA file", cfg.CAFile},
		{"certificate file", cfg.CertFile},
		{"key file", cfg.KeyFile},
	} {
		if file.path == "" {
			continue
		}
		f, err := os.Open(file.path)
		if err != nil {
			return nil, fmt.Errorf("NATS %s: %w: name a file that this process can read", file.what, err)
		}
		_ = f.Close()
	}
	if (cfg.CertFile == "") != (cfg.KeyFile == "") {
		return nil, errors.New("NATS client certificate: the certificate file and the key file must be given together")
	}
	if cfg.CredsFile != "" {
		options = append(options, nats.UserCredentials(cfg.CredsFile))
	}
	if cfg.User != "" {
		options = append(options, nats.UserInfo(cfg.User, cfg.Password))
	}
	if cfg.Token != "" {
		options = append(options, nats.Token(cfg.Token))
	}
	if cfg.CAFile != "" {
		options = append(options, nats.RootCAs(cfg.CAFile))
	}
	if cfg.Process != nil {
		options = append(options, nats.InProcessServer(cfg.Process))
	}
	if cfg.CertFile != "" {
		options = append(options, nats.ClientCert(cfg.CertFile, cfg.KeyFile))
	}
	return options, nil
}

func connectError(cfg Config, err error) error {
	where := "connecting to NATS at " + redact(cfg.URL)
	switch {
	case errors.Is(err, nats.ErrNoServers):
		return fmt.Errorf("%s: %w: nothing listens there; start a server, or correct the URL (NATS_URL)", where, err)
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired),
		errors.Is(err, nats.ErrAuthRevoked),
		errors.Is(err, nats.ErrAccountAuthExpired):
		return fmt.Errorf("%s: %w: the server refuses us; give a credentials file, or a user and password, that it "+
			"knows", where, err)
	case errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted):
		return fmt.Errorf("%s: %w: server and client disagree on TLS; use tls:// and a CA file only if the server "+
			"has TLS", where, err)
	case errors.Is(err, nats.ErrTimeout):
		return fmt.Errorf("%s: %w: something listens there, but no NATS server answers; correct the URL (NATS_URL)",
			where, err)
	case strings.Contains(err.Error(), "x509"), strings.Contains(err.Error(), "tls:"):
		return fmt.Errorf("%s: %w: the certificates do not fit; check the CA file, the client certificate and the "+
			"host name in the URL", where, err)
	}
	return fmt.Errorf("%s: %w: correct the URL (NATS_URL)", where, err)
}

// redact takes the user part out of each URL, for messages.
func redact(urls string) string {
	parts := strings.Split(urls, ",")
	for i, u := range parts {
		scheme, rest, ok := strings.Cut(u, "://")
		if !ok {
			scheme, rest = "", u
		}
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = rest[at+1:]
		}
		if parts[i] = rest; ok {
			parts[i] = scheme + "://" + rest
		}
	}
	return strings.Join(parts, ",")
}

// checkServer refuses a server without the means for the stage contract.
func (b *Bus) checkServer(ctx context.Context) error {
	where := "NATS server at " + b.nc.ConnectedUrlRedacted()
	version := b.nc.ConnectedServerVersion()
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("%s: it calls its version %q, which cannot be read; %d.%d or newer is needed", where, version,
			wantMajor, wantMinor)
	}
	if major < wantMajor || major == wantMajor && minor < wantMinor {
		return fmt.Errorf("%s: it is version %s, but fast-ingest batches need %d.%d or newer: upgrade the server",
			where,
			version, wantMajor, wantMinor)
	}
	if limit := b.nc.MaxPayload(); limit < minPayload {
		return fmt.Errorf("%s: its max_payload is %d bytes, and Daybook's messages may need %d: raise it in the "+
			"server's configuration (8MB is a good value)", where, limit, minPayload)
	}
	err := b.Check(ctx)
	if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) ||
		errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("%s: it has no JetStream for this account (%w): start it with a jetstream block in its "+
			"configuration (nats-server -js), and enable it for the account", where, err)
	}
	return err
}

// Check asks the server whether JetStream answers. It is a readiness check.
func (b *Bus) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	ctx, release := b.asking(ctx, apiPrefix+"INFO")
	defer release()
	_, err := b.js.AccountInfo(ctx)
	err = deniedOr(ctx, err)
	return requestError("asking the NATS server at "+redact(b.cfg.URL)+" for JetStream", "", err)
}

// Close closes the connection. Appends and reads under way end with an error.
func (b *Bus) Close() {
	b.out.Close()
	b.nc.Close()
}

func (b *Bus) disconnected(nc *nats.Conn, err error) {
	if nc.IsClosed() {
		return
	}
	b.cfg.Log.Warn("NATS connection lost; reconnecting", slog.String("url", redact(b.cfg.URL)), slog.Any("error", err))
	b.unanswered()
}

// unanswered ends the appends under way, for no answer will come on a lost connection, and has the
// memories of streams forget.
func (b *Bus) unanswered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for flying := range b.appends {
		flying.cancel(nats.ErrDisconnected)
	}
	for _, m := range b.memories { // a server that was lost may come back with less
		m.Forget()
	}
}

func (b *Bus) reconnected(nc *nats.Conn) {
	b.cfg.Log.Info("NATS connection is back", slog.String("url", nc.ConnectedUrlRedacted()))
	b.wake()
}

// wake tells every reader to look at the connection.
func (b *Bus) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.connected)
	b.connected = make(chan struct{})
}

// nextConnection returns a channel to be closed when the connection, once lost, is back the next
// time, or is closed.
func (b *Bus) nextConnection() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.connected
}

// asyncError gets the server's refusals outside of answers: it ends the appends that it
// concerns.
func (b *Bus) asyncError(_ *nats.Conn, _ *nats.Subscription, err error) {
	b.denyRequests(err)
	if strings.Contains(err.Error(), subscriptionPrefix+roomSubject) {
		return // daybook status knows less then
	}
	_, rest, denied := strings.Cut(err.Error(), permissionPrefix)
	if denied {
		subject, _, _ := strings.Cut(rest, `"`)
		if b.deny(subject) {
			return
		}
	}
	b.cfg.Log.Error("NATS error", slog.Any("error", err))
}

// deny ends the appends with a message on the subject and reports whether there was one.
func (b *Bus) deny(subject string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := false
	for flying := range b.appends {
		for i := range flying.msgs {
			if flying.msgs[i].Subject == subject {
				flying.cancel(fmt.Errorf("%w: the user may not publish to %s; allow it in the server's "+
					"configuration", ErrDenied, subject))
				found = true
				break
			}
		}
	}
	return found
}

// request sends a request to the JetStream API.
func (b *Bus) request(ctx context.Context, subject string, body []byte) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	ctx, release := b.asking(ctx, apiPrefix+subject)
	defer release()
	answer, err := b.nc.RequestWithContext(ctx, apiPrefix+subject, body)
	return answer, deniedOr(ctx, err)
}

// Wait waits, or returns the context's error.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Conn is the connection itself, for packages below this one.
func (b *Bus) Conn() *nats.Conn { return b.nc }
