package jet_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// wire is a client that speaks the protocol itself, so that nothing is between a test and the
// server.
type wire struct {
	conn    net.Conn
	answers chan string // messages on the inbox, in a form without times
	failed  error       // of the reader, once answers is closed
	asked   int
}

// dial begins a conversation on a connection to a server.
func dial(conn net.Conn) (*wire, error) {
	w := &wire{conn: conn, answers: make(chan string, 10_000)}
	from := bufio.NewReader(conn)
	if line, err := from.ReadString('\n'); err != nil || !strings.HasPrefix(line, "INFO ") {
		return nil, errors.Join(err, fmt.Errorf("the greeting is %q", line))
	}
	if err := w.send(`CONNECT {"verbose":false,"headers":true,"no_responders":true,"name":"wire","lang":"go",` +
		`"version":"1","protocol":1}` + "\r\nPING\r\nSUB inbox.> 1\r\n"); err != nil {
		return nil, err
	}
	if line, err := from.ReadString('\n'); err != nil || line != "PONG\r\n" {
		return nil, errors.Join(err, fmt.Errorf("the answer to PING is %q", line))
	}
	go w.read(from)
	return w, nil
}

func (w *wire) close() { _ = w.conn.Close() }

func (w *wire) send(text string) error {
	_, err := io.WriteString(w.conn, text)
	return err
}

// publish sends a message with a reply subject of the n-th inbox, and perhaps more behind it.
func (w *wire) publish(subject string, headers []string, data, more string) error {
	w.asked++
	reply := fmt.Sprintf("inbox.%d%s", w.asked, more)
	if len(headers) == 0 {
		return w.send(fmt.Sprintf("PUB %s %s %d\r\n%s\r\n", subject, reply, len(data), data))
	}
	head := "NATS/1.0\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
	return w.send(fmt.Sprintf("HPUB %s %s %d %d\r\n%s%s\r\n", subject, reply, len(head), len(head)+len(data), head,
		data))
}

// next is the next answer.
func (w *wire) next(patience time.Duration) (string, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case a, ok := <-w.answers:
		if !ok {
			return a, fmt.Errorf("the connection ended: %w", w.failed)
		}
		return a, nil
	case <-timer.C:
		return "", errSilent
	}
}

var errSilent = errors.New("no answer")

func (w *wire) read(from *bufio.Reader) {
	defer close(w.answers)
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			w.failed = err
			return
		}
		word, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		switch word {
		case "PING":
			w.failed = w.send("PONG\r\n")
		case "MSG", "HMSG":
			args := strings.Fields(rest)
			total, err := strconv.Atoi(args[len(args)-1])
			body := make([]byte, total+2)
			if err == nil {
				_, err = io.ReadFull(from, body)
			}
			if err != nil {
				w.failed = err
				return
			}
			head := 0
			if word == "HMSG" {
				head, _ = strconv.Atoi(args[len(args)-2])
				args = args[:len(args)-1]
			}
			w.take(args[:len(args)-1], string(body[:head]), string(body[head:total]))
		}
	}
}

// take keeps an answer. A delivered message is not under the inbox's name, but its reply subject
// tells it from an answer.
func (w *wire) take(args []string, head, data string) {
	var parts []string
	if !strings.HasPrefix(args[0], "inbox.") {
		parts = append(parts, args[0])
	}
	if len(args) > 2 {
		parts = append(parts, ackTime.ReplaceAllString(args[2], "$1.T.$2"))
	}
	if head != "" {
		lines := strings.Split(strings.TrimRight(head, "\r\n"), "\r\n")
		slices.Sort(lines[1:])
		parts = append(parts, "["+stamp.ReplaceAllString(strings.Join(lines, "; "), "$1 T")+"]")
	}
	if data != "" {
		parts = append(parts, plain(data))
	}
	w.answers <- strings.TrimSpace(strings.Join(parts, " "))
}

var (
	ackTime = regexp.MustCompile(`^(\$JS\.ACK\..*)\.\d+\.(\d+)$`)
	stamp   = regexp.MustCompile(`(Nats-Time-Stamp:) \S+?(;|$)`)
)

// volatile are the fields with times and names that differ from run to run, and what a server says
// beside what Daybook reads.
var volatile = []string{
	"created", "ts", "time", "first_ts", "last_ts", "metadata", "cluster", "last_active", "api", "limits", "tier",
	"reserved_memory", "reserved_storage", "memory", "storage_bytes", "paused", "streams", "consumers",
	"did_create", "limit", "offset", "total",
}

// plain is a JSON object without what is volatile, anything else as it is.
func plain(data string) string {
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(data))
	decoder.UseNumber()
	if decoder.Decode(&object) != nil {
		return data
	}
	text, err := json.Marshal(without(object))
	if err != nil {
		return data
	}
	return string(text)
}

func without(object map[string]any) map[string]any {
	for key, value := range object {
		switch inner, nested := value.(map[string]any); {
		case slices.Contains(volatile, key):
			delete(object, key)
		case nested:
			without(inner)
		case key == "purged" && object["error"] != nil:
			delete(object, key)
		}
	}
	switch object["type"] {
	case "io.nats.jetstream.api.v1.account_info_response":
		return map[string]any{"type": object["type"]}
	case "io.nats.jetstream.api.v1.stream_info_response":
		delete(object, "config") // as with the answer to its creation
	}
	return object
}

// patience is the longest wait for an answer.
const patience = scale.Patience
