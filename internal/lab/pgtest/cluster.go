// Package pgtest runs a real Postgres server for tests: Debian's binaries, in their own folder.
//
// A cluster listens on loopback only, and ends with the process of its test, however that process
// ends. One is made for a test run, and a database for each test. Where TEST_DATABASE_URL names a
// server, the databases are made there.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-billing/daybook/internal/lab/guard"
)

// InstallCommand installs the programs of this package.
const InstallCommand = "apt-get install --no-install-recommends postgresql"

// Variable names a server to make databases on, instead of a cluster.
const Variable = "TEST_DATABASE_URL"

const (
	binaries   = "/usr/lib/postgresql/*/bin" // of Debian, by version
	account    = "nobody"                    // initdb and postgres refuse root
	startTime  = time.Minute                 // a maximum, for a busy machine
	startPause = 20 * time.Millisecond
	logTail    = 4 << 10 // bytes of the log in an error
)

// ErrMissing is wrapped by the error of Start on a machine without Postgres.
var ErrMissing = errors.New("PostgreSQL is not installed; run: " + InstallCommand)

// Cluster is one server. Its methods but Database are for one goroutine.
type Cluster struct {
	server     url.URL // of the database postgres
	databases  atomic.Int64
	folder     string // empty for a server of somebody else
	kept       bool   // the folder stays behind Close
	binaries   string
	credential *syscall.Credential
	guard      *guard.Guard
	postmaster *exec.Cmd
	ended      chan struct{} // closed when the server has ended
}

// Start starts a cluster and returns when clients can connect.
func Start(ctx context.Context) (_ *Cluster, err error) {
	c := &Cluster{}
	if text := os.Getenv(Variable); text != "" {
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", Variable, err)
		}
		c.server = *u
		return c, nil
	}
	if c.folder, err = os.MkdirTemp("", "postgres"); err != nil {
		return nil, err
	}
	return c.begin(ctx)
}

// StartIn starts the cluster of a folder, which stays behind Close. Without one it makes it.
func StartIn(ctx context.Context, folder string) (*Cluster, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	c := &Cluster{folder: folder, kept: true}
	return c.begin(ctx)
}

// begin makes the cluster's files where there are none, and starts its server.
func (c *Cluster) begin(ctx context.Context) (_ *Cluster, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	return c, c.Up(ctx)
}

// prepare makes the cluster's files.
func (c *Cluster) prepare(ctx context.Context) (err error) {
	found, err := filepath.Glob(filepath.Join(binaries, "initdb"))
	if err != nil || len(found) == 0 {
		return ErrMissing
	}
	c.binaries = filepath.Dir(slices.Max(found))
	if os.Getuid() == 0 {
		if c.credential, err = lookUp(account); err != nil {
			return err
		}
		if err := os.Chown(c.folder, int(c.credential.Uid), int(c.credential.Gid)); err != nil {
			return err
		}
	}
	if c.kept {
		c.guard, err = guard.Keep()
	} else {
		c.guard, err = guard.Start(c.folder)
	}
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c.server = url.URL{
		Scheme: "postgres", User: url.User("postgres"), Host: listener.Addr().String(), Path: "/postgres",
	}
	if err := listener.Close(); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(c.data(), "PG_VERSION")); err == nil {
		return nil // of an earlier start
	}
	out, err := c.command(ctx, "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8",
		"--locale=C.UTF-8", "--pgdata="+c.data()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func lookUp(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
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

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

// command prepares a program of Postgres. It joins the guard's process group as it begins.
func (c *Cluster) command(ctx context.Context, name string, arguments ...string) *exec.Cmd {
	//nolint:gosec // fixed programs
	command := exec.CommandContext(ctx, filepath.Join(c.binaries, name), arguments...)
	command.Dir = c.folder
	command.Env = append(os.Environ(), "HOME="+c.folder, "LC_ALL=C.UTF-8")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: c.guard.Group(), Credential: c.credential}
	return command
}

// Up starts the server, also after Kill, and returns when clients can connect. A killed process
// loses nothing that the kernel has, so nothing is synced.
func (c *Cluster) Up(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		err := c.start(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(startPause): // the processes of a killed one may still be at work
		}
	}
}

// start is one attempt of Up.
func (c *Cluster) start(ctx context.Context) error {
	log, err := os.OpenFile(c.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the server writes to it
	server := c.command(context.WithoutCancel(ctx), "postgres", "-D", c.data(), "-p", c.server.Port(),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "full_page_writes=off", "-c", "shared_buffers=64MB", "-c", "max_wal_size=1GB")
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		return fmt.Errorf("starting Postgres: %w", err)
	}
	ended := make(chan struct{})
	c.postmaster, c.ended = server, ended
	go func() {
		defer close(ended)
		_ = server.Wait() // how it ended is in its log
	}()
	for {
		connection, err := pgx.Connect(ctx, c.server.String())
		if err == nil {
			return connection.Close(ctx)
		}
		select {
		case <-ended:
			c.postmaster = nil
			return fmt.Errorf("PostgreSQL has ended; its log: %s", c.log())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL did not start: %w; its log: %s", errors.Join(ctx.Err(), err), c.log())
		case <-time.After(startPause):
		}
	}
}

func (c *Cluster) logFile() string { return filepath.Join(c.folder, "log") }

// log is the end of the server's log.
func (c *Cluster) log() string {
	text, err := os.ReadFile(c.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-logTail):])
}

// Kill stops the server at once.
func (c *Cluster) Kill() {
	if c.postmaster == nil {
		return
	}
	_ = c.postmaster.Process.Kill() // or it has ended already
	<-c.ended
	c.postmaster = nil
}

// stop lets the server write its memory, and end.
func (c *Cluster) stop() {
	if c.postmaster == nil || c.postmaster.Process.Signal(syscall.SIGINT) != nil {
		return
	}
	select {
	case <-c.ended:
		c.postmaster = nil
	case <-time.After(startTime): // the next start mends what is left
	}
}

// Close ends the server and removes the folder, or keeps it where StartIn named it.
func (c *Cluster) Close() error {
	if c.folder == "" {
		return nil
	}
	if c.kept {
		c.stop()
	}
	c.Kill()
	if c.guard != nil {
		c.guard.Close()
		c.guard = nil
	}
	if c.kept {
		return nil
	}
	return os.RemoveAll(c.folder)
}

// URL is the address of the database postgres.
func (c *Cluster) URL() string { return c.server.String() }

// Database makes an empty database, and returns its URL.
func (c *Cluster) Database(ctx context.Context) (string, error) { return c.make(ctx, "") }

// Copy makes a database with the content of another one, to which nobody is connected.
func (c *Cluster) Copy(ctx context.Context, of string) (string, error) {
	u, err := url.Parse(of)
	if err != nil {
		return "", err
	}
	return c.make(ctx, " TEMPLATE "+strings.TrimPrefix(u.Path, "/"))
}

func (c *Cluster) make(ctx context.Context, options string) (string, error) {
	connection, err := pgx.Connect(ctx, c.server.String())
	if err != nil {
		return "", err
	}
	defer connection.Close(ctx) //nolint:errcheck // it is done
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), c.databases.Add(1))
	if _, err := connection.Exec(ctx, "CREATE DATABASE "+name+options); err != nil {
		return "", err
	}
	own := c.server
	own.Path = "/" + name
	return own.String(), nil
}
