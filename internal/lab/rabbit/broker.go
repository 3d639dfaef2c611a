// Package rabbit runs a real RabbitMQ server, and OpenStack's own notifier, for tests: Debian's
// rabbitmq-server and python3-oslo.messaging.
//
// A broker listens on loopback only, keeps everything in one folder, and has an Erlang port mapper
// of its own: it meets no other broker on the machine. It ends with the process of its test,
// however that process ends.
package rabbit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/daybook-billing/daybook/internal/lab/guard"
)

// InstallCommand installs the programs of this package.
const InstallCommand = "apt-get install --no-install-recommends rabbitmq-server python3-oslo.messaging python3-trove"

const (
	scripts      = "/usr/lib/rabbitmq/bin" // the ones in /usr/sbin change user and folder
	startTime    = 5 * time.Minute         // a maximum, for a busy machine
	stopTime     = 2 * time.Minute
	startPause   = 100 * time.Millisecond
	controlTime  = 5 * time.Minute
	account      = "rabbitmq" // made by Debian's package
	logTail      = 4 << 10    // bytes of the log in an error
	erlangLimits = "+S 2:2 +A 8 +K true"
)

// ErrMissing is wrapped by the error of Start on a machine without RabbitMQ, and names the packages
// to install.
var ErrMissing = errors.New("RabbitMQ is not installed; run: " + InstallCommand)

// Options are a broker's settings; the zero value is right for most tests.
type Options struct {
	// ConsumerTimeout is the longest time without an acknowledgement before a consumer's channel is
	// closed; RabbitMQ's by default.
	ConsumerTimeout time.Duration
}

// Broker is one server. Its methods are for one goroutine.
type Broker struct {
	folder          string
	plain, tls      int // ports
	mapperPort      int
	env             []string
	credential      *syscall.Credential
	guard           *guard.Guard
	mapper, server  *exec.Cmd
	served          chan struct{} // closed when the server has ended
	CAFile          string        // of the server's certificate
	CertFile        string        // a client's, from the same authority
	KeyFile         string
	OtherCAFile     string // of an authority without a signature here
	logFile, config string
}

// Start starts a broker and returns when clients can connect.
func Start(ctx context.Context, options Options) (_ *Broker, err error) {
	if _, err := os.Stat(filepath.Join(scripts, "rabbitmq-server")); err != nil {
		return nil, ErrMissing
	}
	b := &Broker{}
	if b.folder, err = os.MkdirTemp("", "rabbit"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if os.Getuid() == 0 {
		if b.credential, err = lookUp(account); err != nil {
			return nil, err
		}
	}
	if err := b.prepare(ctx, options); err != nil {
		return nil, err
	}
	if b.guard, err = guard.Start(b.folder); err != nil {
		return nil, err
	}
	if err := b.startMapper(ctx); err != nil {
		return nil, err
	}
	return b, b.Up(ctx)
}

func lookUp(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrMissing, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// prepare writes the server's files.
func (b *Broker) prepare(ctx context.Context, options Options) error {
	ports, err := freePorts(ctx, 4)
	if err != nil {
		return err
	}
	b.plain, b.tls, b.mapperPort = ports[0], ports[1], ports[3]
	in := func(name string) string { return filepath.Join(b.folder, name) }
	b.logFile, b.config = in("log"), in("rabbitmq.conf")
	b.CAFile, b.CertFile, b.KeyFile, b.OtherCAFile = in("ca.pem"), in("client.pem"), in("client.key"),
		in("other-ca.pem")
	if err := writeCertificates(b.folder); err != nil {
		return err
	}
	config := fmt.Sprintf(`listeners.tcp.1 = 127.0.0.1:%d
listeners.ssl.1 = 127.0.0.1:%d
ssl_options.cacertfile = %s
ssl_options.certfile = %s
ssl_options.keyfile = %s
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
log.file = %s
log.file.level = warning
log.console = false
disk_free_limit.absolute = 10MB
raft.wal_max_size_bytes = 67108864
`, b.plain, b.tls, b.CAFile, in("server.pem"), in("server.key"), b.logFile)
	if options.ConsumerTimeout > 0 {
		config += fmt.Sprintf("consumer_timeout = %d\n", options.ConsumerTimeout.Milliseconds())
	}
	for name, text := range map[string]string{"rabbitmq.conf": config, "enabled_plugins": "[].\n", "env.conf": ""} {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	b.env = append(os.Environ(),
		"HOME="+b.folder,
		fmt.Sprintf("RABBITMQ_NODENAME=rabbit%d@localhost", b.plain),
		"RABBITMQ_CONFIG_FILE="+b.config,
		"RABBITMQ_CONF_ENV_FILE="+in("env.conf"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+in("enabled_plugins"),
		"RABBITMQ_MNESIA_BASE="+in("mnesia"),
		"RABBITMQ_LOG_BASE="+b.folder,
		"RABBITMQ_PID_FILE="+in("pid"),
		fmt.Sprintf("RABBITMQ_DIST_PORT=%d", ports[2]),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+erlangLimits+" -kernel inet_dist_use_interface {127,0,0,1}",
		"RABBITMQ_IO_THREAD_POOL_SIZE=8",
		"RUNNING_UNDER_SYSTEMD=true", // the script becomes the server, without a process in between
		"ERL_EPMD_ADDRESS=127.0.0.1",
		fmt.Sprintf("ERL_EPMD_PORT=%d", b.mapperPort),
		"ERL_AFLAGS=-start_epmd false", // Erlang's own mapper would outlive it
	)
	if b.credential == nil {
		return nil
	}
	return filepath.WalkDir(b.folder, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		//nolint:gosec // only this process has written to the folder
		return os.Lchown(path, int(b.credential.Uid), int(b.credential.Gid))
	})
}

// freePorts finds ports without a listener.
func freePorts(ctx context.Context, n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // only when all are found, for no port is to be found twice
		address, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			return nil, fmt.Errorf("%v is no TCP address", l.Addr())
		}
		ports = append(ports, address.Port)
	}
	return ports, nil
}

// command prepares a program in the broker's world. It joins the guard's process group as it
// begins.
func (b *Broker) command(ctx context.Context, name string, arguments ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, arguments...) //nolint:gosec // fixed programs with a test's arguments
	c.Env, c.Dir = b.env, b.folder
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: b.guard.Group(), Credential: b.credential}
	return c
}

// startMapper starts the port mapper, and returns when it answers: Erlang is not to start another.
func (b *Broker) startMapper(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	b.mapper = b.command(context.Background(), "epmd")
	if err := b.mapper.Start(); err != nil {
		b.mapper = nil
		return fmt.Errorf("starting epmd: %w", err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(b.mapperPort))
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("epmd does not answer: %w", errors.Join(ctx.Err(), err))
		case <-time.After(startPause):
		}
	}
}

// Up starts the server after Down, and returns when clients can connect.
func (b *Broker) Up(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	server := b.command(context.WithoutCancel(ctx), filepath.Join(scripts, "rabbitmq-server"))
	if err := server.Start(); err != nil {
		return fmt.Errorf("starting RabbitMQ: %w", err)
	}
	served := make(chan struct{})
	b.server, b.served = server, served
	go func() {
		defer close(served)
		_ = server.Wait() // how it ended is in its log
	}()
	for {
		connection, err := amqp.Dial(b.URL())
		if err == nil {
			return connection.Close()
		}
		select {
		case <-served:
			return fmt.Errorf("RabbitMQ has ended; its log: %s", b.log())
		case <-ctx.Done():
			return fmt.Errorf("RabbitMQ did not start: %w; its log: %s", errors.Join(ctx.Err(), err), b.log())
		case <-time.After(startPause):
		}
	}
}

// Down stops the server as an operator would. Only durable things survive.
func (b *Broker) Down() error { return b.end(syscall.SIGTERM) }

// Kill stops the server at once.
func (b *Broker) Kill() error { return b.end(syscall.SIGKILL) }

func (b *Broker) end(s syscall.Signal) error {
	if b.server == nil {
		return nil
	}
	server := b.server.Process
	b.server = nil
	_ = server.Signal(s) // or it has ended already
	timeout := time.NewTimer(stopTime)
	defer timeout.Stop()
	select {
	case <-b.served:
		return nil
	case <-timeout.C:
		_ = server.Kill()
		<-b.served
		return fmt.Errorf("RabbitMQ did not stop within %v; its log: %s", stopTime, b.log())
	}
}

// Close ends everything and removes the folder.
func (b *Broker) Close() error {
	err := b.Kill()
	if b.mapper != nil {
		_ = b.mapper.Process.Kill()
		_ = b.mapper.Wait()
		b.mapper = nil
	}
	if b.guard != nil {
		b.guard.Close()
		b.guard = nil
	}
	return errors.Join(err, os.RemoveAll(b.folder))
}

// URL is where clients connect, as the administrator guest.
func (b *Broker) URL() string { return fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", b.plain) }

// TLSURL is where clients connect with TLS. The certificate is for the name localhost, not for
// 127.0.0.1.
func (b *Broker) TLSURL() string { return fmt.Sprintf("amqps://guest:guest@localhost:%d/", b.tls) }

// Address is host and port without TLS, for a proxy.
func (b *Broker) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.plain)) }

// Control runs rabbitmqctl and returns its output.
func (b *Broker) Control(ctx context.Context, arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, controlTime)
	defer cancel()
	var out, problems bytes.Buffer
	c := b.command(ctx, filepath.Join(scripts, "rabbitmqctl"), append([]string{"-q"}, arguments...)...)
	c.Stdout, c.Stderr = &out, &problems
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("rabbitmqctl %q: %w: %s", arguments, err, problems.String())
	}
	return out.String(), nil
}

// log is the end of the server's log.
func (b *Broker) log() string {
	text, err := os.ReadFile(b.logFile)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-logTail):])
}
