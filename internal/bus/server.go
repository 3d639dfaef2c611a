package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/daybook-billing/daybook/internal/bus/folder"
	"github.com/daybook-billing/daybook/internal/bus/serverlog"
)

// ServerConfig describes the embedded server. Only DataDir is required.
type ServerConfig struct {
	DataDir string // created with mode 0700 if it does not exist
	Listen  string // host:port; DefaultListen by default; port 0 takes a free one

	// What clients must show: User with Password, or Token. Required to listen beyond this machine.
	User, Password string
	Token          string

	// NoJetStream leaves JetStream out, for tests of its absence.
	NoJetStream bool

	Log *slog.Logger // the server's warnings and errors; default: nowhere
}

const (
	// DefaultListen is the default of ServerConfig.Listen.
	DefaultListen = "127.0.0.1:4222"

	maxPayload   = 8 << 20
	startTimeout = 10 * time.Second
	// syncDerived is how long what is derived may be in memory only; a server's default is two
	// minutes.
	syncDerived = time.Second
)

// Server is an embedded NATS server with JetStream. It syncs every append to disk before it
// acknowledges it, but for those of derived streams: them it syncs each second.
//
// Where its disk is full it stores nothing until it is started again. It does that by itself when
// the disk has room.
type Server struct {
	cfg    ServerConfig
	host   string
	port   int
	log    *serverlog.Log
	lock   *os.File
	stop   sync.Once
	quit   chan struct{} // closed by Shutdown
	mended chan struct{} // closed when mend has ended

	mu   sync.Mutex
	ns   *natsserver.Server // guarded by mu
	full error              // while the disk is full; guarded by mu
}

// StartServer starts the embedded server and returns when clients can connect. It mends damaged
// sequences first, see folder.MendSequences. Errors, before anything listens: the data folder is
// another process's, or cannot be read or written; the address is in use; the address can be
// reached from elsewhere and there are no credentials.
func StartServer(cfg ServerConfig) (*Server, error) {
	cfg.Listen = cmp.Or(cfg.Listen, DefaultListen)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.DataDir == "" {
		return nil, errors.New("starting the embedded NATS server: no data folder was named: set --data")
	}
	host, port, err := listenAddress(cfg)
	if err != nil {
		return nil, err
	}
	lock, err := folder.Lock(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	s, err := startServer(cfg, host, port)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.lock = lock
	return s, nil
}

// listenAddress splits the address and refuses one open to strangers.
func listenAddress(cfg ServerConfig) (host string, port int, err error) {
	host, portText, err := net.SplitHostPort(cfg.Listen)
	if err == nil {
		port, err = strconv.Atoi(portText)
	}
	if err != nil || port < -1 || port > 65535 {
		return "", 0, fmt.Errorf("embedded NATS server: %q is not an address to listen on: give host:port, such as "+
			"%s (--listen)", cfg.Listen, DefaultListen)
	}
	ip := net.ParseIP(host)
	loopback := host == "localhost" || ip != nil && ip.IsLoopback()
	if !loopback && cfg.Token == "" && (cfg.User == "" || cfg.Password == "") {
		return "", 0, fmt.Errorf("embedded NATS server: %s can be reached from other machines, and anybody could "+
			"write bills there: set a user and a password, or a token, or listen on %s (--listen)", cfg.Listen,
			DefaultListen)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	return host, max(port, 0), nil
}

func startServer(cfg ServerConfig, host string, port int) (*Server, error) {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	probe, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, addressError(address, err)
	}
	if err := probe.Close(); err != nil {
		return nil, addressError(address, err)
	}
	if port == 0 {
		port = natsserver.RANDOM_PORT
	}
	s := &Server{
		cfg: cfg, host: host, log: serverlog.New(cfg.Log),
		quit: make(chan struct{}), mended: make(chan struct{}),
	}
	if s.ns, err = run(cfg, host, port, s.log); err != nil {
		return nil, err
	}
	s.port = port
	if address, ok := s.ns.Addr().(*net.TCPAddr); ok {
		s.port = address.Port
	}
	go s.mend()
	return s, nil
}

// run mends the data folder, starts a NATS server and waits until clients can connect.
func run(cfg ServerConfig, host string, port int, logger *serverlog.Log) (*natsserver.Server, error) {
	if err := folder.MendSequences(cfg.DataDir, cfg.Log); err != nil {
		return nil, fmt.Errorf("embedded NATS server: %w", err)
	}
	address := net.JoinHostPort(host, strconv.Itoa(max(port, 0)))
	ns, err := natsserver.NewServer(&natsserver.Options{
		ServerName: "daybook", Host: host, Port: port,
		Username: cfg.User, Password: cfg.Password, Authorization: cfg.Token,
		JetStream: !cfg.NoJetStream, StoreDir: cfg.DataDir, SyncAlways: true, SyncInterval: syncDerived,
		JetStreamMaxStore: maxStore, MaxPayload: maxPayload, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded NATS server on %s: %w", address, err)
	}
	ns.SetLoggerV2(logger, false, false, false)
	ns.Start()
	fatal := logger.TakeFatal()
	if fatal == "" && ns.ReadyForConnections(startTimeout) {
		return ns, nil
	}
	ns.Shutdown()
	ns.WaitForShutdown()
	fatal = cmp.Or(fatal, logger.TakeFatal(), "it did not come up within "+startTimeout.String())
	return nil, fmt.Errorf("embedded NATS server on %s with data folder %s: %s: free the address, or check that the "+
		"folder can be written and its disk has room", address, cfg.DataDir, fatal)
}

func addressError(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("embedded NATS server: the address %s is in use (%w): stop what listens there, connect to "+
			"it with NATS_URL, or choose another address with --listen or DAYBOOK_LISTEN, such as "+
			"DAYBOOK_LISTEN=127.0.0.1:4333", address, err)
	}
	return fmt.Errorf("embedded NATS server: cannot listen on %s: %w: choose another address with --listen", address,
		err)
}

// URL is where clients on this machine connect, without credentials.
func (s *Server) URL() string {
	host := s.host
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "nats://" + net.JoinHostPort(host, strconv.Itoa(s.port))
}

// InProcessConn connects to the server without the network; see Config.Appends.
func (s *Server) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ns.InProcessConn()
}

// Shutdown stops the server, waits until it has let go of its files, and gives the data folder
// back. It may be repeated.
func (s *Server) Shutdown() {
	s.stop.Do(func() {
		close(s.quit)
		<-s.mended
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ns.Shutdown()
		s.ns.WaitForShutdown()
		if s.lock != nil {
			_ = s.lock.Close()
		}
	})
}
