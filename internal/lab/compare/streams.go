package compare

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Message is one stored message.
type Message struct {
	Subject string
	Headers []events.Header // ordered by key
	Body    []byte
}

// kind gives the CloudEvents type, "" where it is absent.
func (m *Message) kind() string {
	for _, h := range m.Headers {
		if h.Key == events.HeaderType {
			return h.Value
		}
	}
	return ""
}

// Run is the result of one run of a program.
type Run struct {
	Streams map[string][]Message // by name
	Bill    string               // standard output
}

// Messages counts the messages of all streams.
func (r *Run) Messages() (n int) {
	for _, s := range r.Streams {
		n += len(s)
	}
	return n
}

func streams() []string {
	return []string{events.StreamUsage, events.StreamMetered, events.StreamBilling, events.StreamQuarantine}
}

// read opens the data folder of an ended program, and reads its streams.
func read(ctx context.Context, folder string) (map[string][]Message, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	server, err := bus.StartServer(bus.ServerConfig{DataDir: folder, Listen: "127.0.0.1:0"})
	if err != nil {
		return nil, err
	}
	defer server.Shutdown()
	b, err := bus.Connect(ctx, bus.Config{URL: server.URL(), Name: "compare"})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	found := map[string][]Message{}
	for _, name := range streams() {
		state, err := b.Stream(ctx, name)
		if err != nil {
			return nil, err
		}
		messages := make([]Message, 0, state.Messages)
		_, err = b.Each(ctx, name, 1, state.Last, bus.ReadOptions{}, func(m *bus.Stored) error {
			headers := m.Headers()
			slices.SortFunc(headers, func(a, b events.Header) int { return compareText(a.Key, b.Key) })
			messages = append(messages, Message{m.Subject, headers, m.Data})
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		found[name] = messages
	}
	return found, nil
}
