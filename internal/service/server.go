package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Limits of the HTTP server: it answers a probe, a scraper and the process's own handlers, not the
// public.
const (
	maxHeaderBytes  = 16 << 10
	maxScrapes      = 4 // at once
	requestTime     = 15 * time.Second
	idleTime        = 2 * time.Minute
	closeServerTime = 2 * time.Second
)

// Route is a handler of the process's own: a pattern of http.ServeMux, such as "POST
// /v1/ingest/trove", and its handler. Requests are cut off after 15 s; other limits (size, number,
// permission) are the handler's.
type Route struct {
	Pattern string
	Handler http.Handler
}

// Server serves /healthz, /readyz, /metrics and the process's own routes. Make it with Listen.
type Server struct {
	listener net.Listener
	handler  *http.ServeMux
	log      *slog.Logger
}

// Listen takes the address (host:port; port 0 takes a free one), so a port in use is reported
// before any work begins. The server answers once Run has been called.
func Listen(ctx context.Context, address string, health *Health, metrics prometheus.Gatherer, log *slog.Logger) (
	*Server, error,
) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, listenError(address, err)
	}
	return &Server{listener: listener, handler: Handler(health, metrics), log: log}, nil
}

func listenError(address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cannot serve health and metrics on %s: another process has this port; give a free one "+
			"with --http (or DAYBOOK_HTTP), or turn it off with --http=: %w", address, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("cannot serve health and metrics on %s: no permission for this port; take one from 1024 on "+
			"with --http (or DAYBOOK_HTTP): %w", address, err)
	default:
		return fmt.Errorf("cannot serve health and metrics on %s: --http (or DAYBOOK_HTTP) takes host:port, such as "+
			"127.0.0.1:9464: %w", address, err)
	}
}

// Handler answers GET /healthz, /readyz and /metrics.
func Handler(health *Health, metrics prometheus.Gatherer) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		writeReport(w,
			health.Liveness(r.Context()))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		writeReport(w,
			health.Readiness(r.Context()))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes,
		Timeout:             requestTime,
	}))
	return mux
}

// add adds routes, also while the server runs. Two routes for the same requests are a mistake in
// the program, and it panics.
func (s *Server) add(routes []Route) {
	for _, r := range routes {
		s.handler.Handle(r.Pattern, r.Handler)
	}
}

func writeReport(w http.ResponseWriter, r Report) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !r.OK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(r) // fails only when the client has gone
}

// Addr is the server's address, such as 127.0.0.1:40113.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run answers until ctx is done, then finishes the requests under way, within two seconds.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: requestTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      requestTime + checkTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "serving health and metrics", slog.String("url", "http://"+s.Addr()))
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving health and metrics on %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeServerTime)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		_ = server.Close() // cuts the remaining connections
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving health and metrics on %s: %w", s.Addr(), err)
	}
	return nil
}
