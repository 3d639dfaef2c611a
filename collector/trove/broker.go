package trove

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/daybook-billing/daybook/collector/trove/inflow"
)

const (
	openTime  = 30 * time.Second // to connect, declare and bind
	closeTime = 2 * time.Second  // to say goodbye
)

// broker is one address of RabbitMQ, and how to connect to it.
type broker struct {
	name string      // for messages: host, port and virtual host
	uri  string      // for the library, without TLS: dial adds it
	tls  *tls.Config // nil: without TLS
	user *amqp.PlainAuth
}

const wantURL = "write amqp://user:password@host:5672/vhost, or amqps:// with TLS" //nolint:gosec // an example

// parseURL reads one URL. Its errors quote nothing of the text: a character such as / in a password
// ends a part of the URL early, and then any other part, scheme and host included, may be a piece
// of the password.
func parseURL(text string) (*url.URL, error) {
	_, rest, ok := strings.Cut(text, "://")
	if !ok {
		return nil, errors.New("has no scheme: " + wantURL)
	}
	if strings.Contains(rest, "://") {
		return nil, errors.New("holds several URLs: give each by a flag of its own, or write white space between " +
			"them, no comma")
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 && strings.Contains(rest[end:], "@") {
		return nil, errors.New("has an @ behind its host: escape / # ? , @ in the password as %2F %23 %3F %2C %40 " +
			"and an @ in the virtual host as %40, or give the password in a file of its own (--amqp-password-file)")
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("cannot be read: " + wantURL + ", with special characters of the password escaped, / " +
			"as %2F")
	}
	if strings.Contains(u.Host+u.Path, ",") {
		return nil, errors.New("has a comma in its host or virtual host: give each broker by a flag of its own, or " +
			"write white space between URLs")
	}
	if _, err := amqp.ParseURI(text); err != nil {
		return nil, errors.New("is none that RabbitMQ's client takes: " + wantURL)
	}
	return u, nil
}

// brokers reads the configured URLs. No message of an error holds a password.
func brokers(cfg *Config) ([]broker, error) {
	var secure *tls.Config
	var all []broker
	for i, text := range cfg.URLs {
		where := fmt.Sprintf("RabbitMQ URL %d of %d", i+1, len(cfg.URLs))
		u, err := parseURL(text)
		if err != nil {
			return nil, fmt.Errorf("%s %w", where, err)
		}
		b := broker{name: u.Host + u.EscapedPath(), uri: text}
		switch u.Scheme {
		case "amqp":
		case "amqps":
			if secure == nil {
				if secure, err = cfg.tlsConfig(); err != nil {
					return nil, err
				}
			}
			b.tls = secure.Clone()
			if b.tls.ServerName == "" {
				b.tls.ServerName = u.Hostname()
			}
			plain := *u
			plain.Scheme, plain.Host = "amqp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "5671"))
			b.uri = plain.String()
		default:
			return nil, fmt.Errorf("%s has another scheme than amqp and amqps: %s", where, wantURL)
		}
		if cfg.User != "" {
			b.user = &amqp.PlainAuth{Username: cfg.User, Password: cfg.Password}
		}
		all = append(all, b)
	}
	return all, nil
}

// tlsConfig reads the certificates. The broker's name is always checked.
func (c *Config) tlsConfig() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("RabbitMQ CA file: %w: name a file that this process can read", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("RabbitMQ CA file %s holds no certificate in PEM form", c.CAFile)
		}
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return nil, errors.New("RabbitMQ client certificate: the certificate file and the key file must be given " +
			"together")
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("RabbitMQ client certificate %s with key %s: %w", c.CertFile, c.KeyFile, err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// dial connects. Every attempt has new settings: the client's library changes the ones that it is
// given. The reading ends where more than most bytes of bodies wait to be taken; 0: no limit.
func (b *broker) dial(ctx context.Context, cfg *Config, most int64) (*amqp.Connection, *inflow.Conn, error) {
	var conn *inflow.Conn
	config := amqp.Config{
		Heartbeat:  cfg.Heartbeat,
		Properties: amqp.Table{"connection_name": cfg.connectionName(), "product": "Daybook"},
		Locale:     "en_US",
		Dial: func(network, address string) (net.Conn, error) {
			raw, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			conn = &inflow.Conn{Conn: raw, Most: most}
			deadline, _ := ctx.Deadline()
			if err := conn.SetDeadline(deadline); err != nil { // of both handshakes; the library lifts it
				return nil, err
			}
			if b.tls != nil {
				secure := tls.Client(raw, b.tls)
				if err := secure.HandshakeContext(ctx); err != nil {
					return nil, err
				}
				conn.Conn = secure
			}
			return conn, nil
		},
	}
	if b.user != nil {
		user := *b.user
		config.SASL = []amqp.Authentication{&user}
	}
	connection, err := amqp.DialConfig(b.uri, config)
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		return nil, nil, b.dialError(err)
	}
	return connection, conn, nil
}

// dialError explains a failed connection: its place, its cause and the remedy.
func (b *broker) dialError(err error) error {
	where := "connecting to RabbitMQ at " + b.name
	var refused *amqp.Error
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var network *net.OpError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%s: the broker's certificate is signed by an authority that is not trusted (%w): give the "+
			"CA that signed it", where, err)
	case errors.As(err, &name):
		return fmt.Errorf("%s: the broker's certificate is for another name (%w): use that name in the URL, or give "+
			"it as the server name", where, err)
	case errors.As(err, &invalid):
		return fmt.Errorf("%s: the broker's certificate is not valid: %w", where, err)
	case errors.As(err, &record):
		return fmt.Errorf("%s: the port does not speak TLS (%w): use amqp:// or the port for TLS, usually 5671", where,
			err)
	case errors.As(err, &refused) && refused.Code == amqp.AccessRefused:
		return fmt.Errorf("%s: the broker refuses the user or its password (%w): check them with rabbitmqctl "+
			"authenticate_user, and that the user may reach the virtual host", where, err)
	case errors.As(err, &refused) && refused.Code == amqp.NotAllowed:
		return fmt.Errorf("%s: there is no such virtual host, or the user may not use it (%w): see rabbitmqctl "+
			"list_permissions", where, err)
	case b.tls == nil && (errors.As(err, &refused) && refused.Code == amqp.FrameError || errors.Is(err, io.EOF)):
		return fmt.Errorf("%s: what answers there does not speak plain AMQP 0.9.1 (%w): if the port speaks TLS, "+
			"which 5671 usually does, use amqps://", where, err)
	case errors.As(err, &network) && network.Op == "dial":
		return fmt.Errorf("%s: nothing answers there: %w", where, err)
	}
	return fmt.Errorf("%s: %w", where, err)
}

// withoutUser names URLs for messages.
func withoutUser(all []broker) string {
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	return strings.Join(names, ", ")
}
