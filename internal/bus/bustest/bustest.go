// Package bustest lets tests outside internal/bus try a NATS server from a configuration file as
// its users would: with the raw protocol, refused permissions included.
package bustest

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// answerTime is how long a test waits for a server on the same machine before it fails.
const answerTime = 10 * time.Second

// ErrDenied: the server refused a subject.
var ErrDenied = errors.New("permission denied")

// StartFromFile starts a server with the configuration of a file, except that it listens on a free
// port of loopback, without monitoring, and keeps its data in dir. stop ends it.
func StartFromFile(file, dir string) (url string, stop func(), err error) {
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		return "", nil, err
	}
	options.Host, options.Port = "127.0.0.1", server.RANDOM_PORT
	options.HTTPHost, options.HTTPPort = "", 0
	options.StoreDir = dir
	options.NoLog, options.NoSigs = true, true
	s, err := server.NewServer(options)
	if err != nil {
		return "", nil, err
	}
	s.Start()
	stop = func() { s.Shutdown(); s.WaitForShutdown() }
	if !s.ReadyForConnections(answerTime) {
		stop()
		return "", nil, errors.New("the server did not get ready")
	}
	return s.ClientURL(), stop, nil
}

// Client is one user's connection. It is used by one goroutine.
type Client struct {
	nc   *nats.Conn
	seen error // the last refusal returned
}

// Message is one message of a subscription.
type Message struct {
	Subject, Reply string
	Header         map[string][]string
	Data           []byte
}

// Dial connects as a user.
func Dial(url, user, password string) (*Client, error) {
	nc, err := nats.Connect(url, nats.UserInfo(user, password), nats.NoReconnect(), nats.Name(user),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // refusals are returned, see settle
	return &Client{nc: nc}, err
}

// Close ends the connection.
func (c *Client) Close() { c.nc.Close() }

// settle waits until the server has seen everything sent so far, and returns its refusal if there
// was one. On the wire a refusal precedes the answer to the flush.
func (c *Client) settle() error {
	if err := c.nc.FlushTimeout(answerTime); err != nil {
		return err
	}
	err := c.nc.LastError()
	if err == nil || err == c.seen { //nolint:errorlint // the same error value: there is no new one
		return nil
	}
	c.seen = err
	if errors.Is(err, nats.ErrPermissionViolation) {
		return fmt.Errorf("%w: %w", ErrDenied, err)
	}
	return err
}

// Publish sends a message, with an optional reply subject. The error is ErrDenied when the server
// refuses the subject.
func (c *Client) Publish(subject, reply string, data []byte) error {
	if err := c.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Data: data}); err != nil {
		return err
	}
	return c.settle()
}

// Request sends a request and returns the first answer. The error is ErrDenied when the server
// refuses the subject.
func (c *Client) Request(subject string, data []byte) (Message, error) {
	inbox := c.nc.NewInbox()
	answers, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return Message{}, err
	}
	defer func() { _ = answers.Unsubscribe() }()
	if err := c.Publish(subject, inbox, data); err != nil {
		return Message{}, err
	}
	m, err := answers.NextMsg(answerTime)
	if err != nil {
		return Message{}, err
	}
	return Message{m.Subject, m.Reply, m.Header, m.Data}, nil
}

// Subscribe receives the messages on a subject; a message more than 64 ahead of the reader is
// lost. The error is ErrDenied when the server refuses the subject.
func (c *Client) Subscribe(subject string) (<-chan Message, error) {
	out := make(chan Message, 64)
	_, err := c.nc.Subscribe(subject, func(m *nats.Msg) {
		select {
		case out <- Message{m.Subject, m.Reply, m.Header, m.Data}:
		default:
		}
	})
	if err != nil {
		return nil, err
	}
	return out, c.settle()
}
