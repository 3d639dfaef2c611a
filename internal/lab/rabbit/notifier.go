package rabbit

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
)

//go:embed notify.py
var notify string

const python = "/usr/bin/python3" // Debian's, for Debian's packages

// NotifierOptions are oslo.messaging's settings of the same meaning.
type NotifierOptions struct {
	URL         string // amqp://…
	Exchange    string // control_exchange
	Topic       string // of topics; the routing key is <topic>.<priority>
	Driver      string // messagingv2 (default) or messaging
	Compression string // kombu_compression: gzip, bzip2
	Durable     bool   // amqp_durable_queues
}

// Notification is one call of oslo.messaging's Notifier, without the message_id and the timestamp:
// the Notifier makes them.
type Notification struct {
	Publisher string          `json:"publisher_id"`
	Type      string          `json:"event_type"`
	Payload   json.RawMessage `json:"payload"`
	Context   map[string]any  `json:"context,omitempty"`
	Priority  string          `json:"priority,omitempty"` // default: info
}

// Notifier is a process with one of oslo.messaging's notifiers. It is for one goroutine.
type Notifier struct {
	command  *exec.Cmd
	in       io.WriteCloser
	out      *bufio.Scanner
	problems bytes.Buffer
}

// StartNotifier starts a notifier and returns when it has been set up; it connects with the first
// notification. ctx ends it. The error wraps ErrMissing when oslo.messaging is not installed.
func StartNotifier(ctx context.Context, options NotifierOptions) (*Notifier, error) {
	if options.Driver == "" {
		options.Driver = "messagingv2"
	}
	durable := ""
	if options.Durable {
		durable = "durable"
	}
	//nolint:gosec // our own program with a test's arguments
	n := &Notifier{command: exec.CommandContext(ctx, python, "-c", notify,
		"rabbit"+strings.TrimPrefix(options.URL, "amqp"), options.Exchange, options.Topic, options.Driver,
		options.Compression, durable)}
	n.command.Stderr = &n.problems
	n.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if n.in, err = n.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := n.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	n.out = bufio.NewScanner(out)
	if err := n.command.Start(); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrMissing, err)
	}
	if err := n.wait("ready"); err != nil {
		if bytes.Contains(n.problems.Bytes(), []byte("ModuleNotFoundError")) {
			err = fmt.Errorf("%w (%w)", ErrMissing, err)
		}
		return nil, err
	}
	return n, nil
}

func (n *Notifier) wait(word string) error {
	if n.out.Scan() && n.out.Text() == word {
		return nil
	}
	said := n.out.Text()
	_ = n.in.Close()
	err := n.command.Wait()
	return fmt.Errorf("the notifier said %q, not %q: %w: %s", said, word, errors.Join(n.out.Err(), err),
		n.problems.String())
}

// Send sends a notification and returns when the broker has it. While the broker is away the
// notifier waits for it.
func (n *Notifier) Send(notification Notification) error {
	b, err := json.Marshal(notification)
	if err != nil {
		return err
	}
	if _, err := n.in.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("the notifier has ended: %w: %s", err, n.problems.String())
	}
	return n.wait("sent")
}

// Close ends the process.
func (n *Notifier) Close() error {
	_ = n.in.Close()
	return n.command.Wait()
}
