package api

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/api/operate"
	"github.com/daybook-billing/daybook/api/reconciled"
	"github.com/daybook-billing/daybook/api/session"
	"github.com/daybook-billing/daybook/api/verification"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/ledger"
)

// Limits of the HTTP server.
const (
	maxHeaderBytes = 32 << 10
	headerTime     = 10 * time.Second // to send the headers
	answerTime     = 30 * time.Second
	idleTime       = 2 * time.Minute
	closeTime      = 5 * time.Second // for answers under way at the end
	maxBody        = 2 << 20         // bytes, of a catalogue as JSON
	maxHeavy       = 2               // answers at once that read much
)

// Server is the API. Make it with New.
type Server struct {
	cfg          Config
	auth         Authenticator
	answers      *answer.Answers
	operate      *operate.Operations
	reconciled   *reconciled.Answers
	verification *verification.Runs
	state        func(ctx context.Context) (ledger.State, error) // nil: it is not told
	log          *slog.Logger
	now          func() time.Time
	version      string
	key          ed25519.PrivateKey // nil: bundles are not signed
	handler      http.Handler
	answering    http.Handler // without authentication
	queries      queried
	bus          *bus.Bus // nil: nothing is asked over NATS
	reader       ledger.Reader
	start        start
	metrics      *metrics
	heavy        chan struct{} // has an element for each heavy answer
	live         streaming
	sessions     *session.Keeper
	address      atomic.Pointer[string] // while it listens
}

// New makes an API. It does the I/O of auth.New alone.
func New(cfg Config, deps Deps) (*Server, error) {
	answers := answer.New(deps.Reader, deps.Bus)
	deps.Reader = answers.Reader()
	s := &Server{
		cfg: cfg, auth: deps.Authenticator, answers: answers,
		log: deps.Log.With(slog.String("service", "api")), now: deps.Now, version: deps.Version, key: deps.SigningKey,
		heavy: make(chan struct{}, maxHeavy), bus: deps.Queries, reader: deps.Reader, metrics: newMetrics(),
		start: start{bus: deps.Bus}, state: deps.State,
	}
	s.live = streaming{deps.Bus, make(chan struct{}, maxLive)}
	s.cfg.CheckEvery = cmp.Or(cfg.CheckEvery, defaultCheckEvery)
	s.cfg.Address = cmp.Or(cfg.Address, DefaultAddress)
	if s.now == nil {
		s.now = time.Now
	}
	s.operate = operate.New(answers, deps.Bus, s.now, deps.Resubmit)
	s.reconciled = reconciled.NewAnswers(deps.Bus)
	s.verification = verification.New(deps.Verify, s.now)
	var err error
	if s.auth == nil {
		cfg.Auth.Listen = s.cfg.Address
		if s.auth, err = auth.New(cfg.Auth, auth.Deps{Log: s.log, Now: s.now}); err != nil {
			return nil, err
		}
	}
	if s.sessions, err = session.New(cfg.Auth.SessionKey.Value, s.now); err != nil {
		return nil, err
	}
	s.handler, err = s.newHandler(&deps)
	return s, err
}

// Metrics are those of requests.
func (s *Server) Metrics() prometheus.Collector { return s.metrics }

// Handler answers requests, without listening.
func (s *Server) Handler() http.Handler { return s.handler }

// Address is where the API listens; empty before it does, and without it.
func (s *Server) Address() string {
	if at := s.address.Load(); at != nil {
		return *at
	}
	return ""
}

// Run serves until ctx is done. With Config.Spare it does without an address in use.
func (s *Server) Run(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && s.cfg.Spare:
		s.log.Warn("the API is off: another process has its port; give a free one with --api, or turn it off with "+
			"--api=", slog.String("address", s.cfg.Address))
		<-ctx.Done()
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cannot serve the API on %s: another process has this port; give a free one with --api "+
			"(or DAYBOOK_API): %w", s.cfg.Address, err)
	case err != nil:
		return fmt.Errorf("cannot serve the API on %s: --api (or DAYBOOK_API) takes host:port, such as %s: %w",
			s.cfg.Address, DefaultAddress, err)
	}
	at := listener.Addr().String()
	s.address.Store(&at)
	defer s.address.Store(nil)
	s.log.Info("the API is listening", slog.String("address", at), slog.Bool("open", s.auth.Open()))
	// Streams of answers end with ctx, so that Shutdown does not wait for them.
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeaderBytes,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving the API ended: %w", err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		return errors.Join(server.Close(), ignoreDeadline(err))
	}
	return nil
}

// RunVerifications does the verifications that are asked for, until ctx is done.
func (s *Server) RunVerifications(ctx context.Context) error {
	s.verification.Run(ctx)
	return nil
}

// ignoreDeadline is an error of Shutdown other than the end of its time: what is under way then is
// cut off.
func ignoreDeadline(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
