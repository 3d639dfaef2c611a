package jet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/jet"
)

// report is what a user of a bus is told.
type report struct{ lines []string }

func (r *report) add(what string, values ...any) {
	r.lines = append(r.lines, strings.TrimSpace(what+" "+fmt.Sprintln(values...)))
}

// kind is the nature of an error, without addresses and times.
func kind(err error) string {
	var conflict *bus.ConflictError
	if errors.As(err, &conflict) {
		return fmt.Sprintf("conflict at %d", conflict.Actual)
	}
	for _, known := range []error{
		bus.ErrNotFound, bus.ErrOutcomeUnknown, bus.ErrStreamChanged, bus.ErrGap, bus.ErrCorrupt,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if err != nil {
		return "another error"
	}
	return "no error"
}

func batch(subject string, texts ...string) []bus.Message {
	var messages []bus.Message
	for i, text := range texts {
		messages = append(messages, bus.Message{
			Subject: fmt.Sprintf("%s.%d", subject, i%2), Data: []byte(text),
			Header: []events.Header{{Key: events.HeaderID, Value: text}},
		})
	}
	return messages
}

// everything does with a server what Daybook does, and tells the results.
func everything(ctx context.Context, b *bus.Bus) []string {
	r := &report{}
	for range 2 {
		r.add("streams", kind(b.EnsureStreams(ctx, bus.StreamsConfig{})))
	}
	r.add("check", kind(b.Check(ctx)), kind(b.CheckStreams(ctx)))
	appending(ctx, b, r)
	reading(ctx, b, r)
	objects(ctx, b, r)
	return r.lines
}

func appending(ctx context.Context, b *bus.Bus, r *report) {
	for _, stream := range []string{events.StreamUsage, events.StreamMetered} {
		prefix := strings.ToLower(stream)
		for _, step := range []struct {
			messages []bus.Message
			expect   bus.Expect
		}{
			{batch(prefix, "a", "b", "c"), bus.Expect{}},
			{batch(prefix, "x", "y"), bus.Expect{Last: 2}},
			{batch(prefix, "d", "e"), bus.Expect{Last: 3}},
			{batch(prefix, "f"), bus.Expect{Last: 5, Filter: prefix + ".>"}},
			{batch(prefix, "x"), bus.Expect{Last: 5, Filter: prefix + ".1"}},
			{batch("elsewhere", "x"), bus.Expect{Last: 6}},
			{batch(prefix, "x"), bus.Expect{Last: 7}},
		} {
			last, err := b.Append(ctx, stream, step.messages, step.expect)
			r.add("append", stream, last, kind(err))
		}
		state, err := b.Stream(ctx, stream)
		r.add("stream", state.First, state.Last, state.Messages, state.Bytes > 0, kind(err))
	}
	_, err := b.Stream(ctx, "NONE")
	r.add("stream", kind(err))
}

func reading(ctx context.Context, b *bus.Bus, r *report) {
	tell := func(what string, m bus.Stored, err error) {
		r.add(what, m.Sequence, m.Subject, string(m.Data), m.Header(events.HeaderID), kind(err))
	}
	for _, sequence := range []uint64{1, 6, 7} {
		m, err := b.Get(ctx, events.StreamUsage, sequence)
		tell("get", m, err)
	}
	for _, filter := range []string{"", "usage.>", "usage.1", "none"} {
		m, err := b.Last(ctx, events.StreamUsage, filter)
		tell("last", m, err)
	}
	for _, o := range []bus.ReadOptions{
		{},
		{HeadersOnly: true},
		{Filters: []string{"usage.1"}},
		{Filters: []string{"usage.>"}, LastPerSubject: true},
	} {
		last, err := b.Each(ctx, events.StreamUsage, 2, bus.End, o, func(m *bus.Stored) error {
			tell("each", *m, nil)
			return nil
		})
		r.add("each", last, kind(err))
	}
	reader, err := b.Read(ctx, events.StreamUsage, 5, bus.ReadOptions{})
	r.add("read", kind(err))
	defer reader.Close()
	for range 2 {
		m, err := reader.Next(ctx)
		tell("next", m, err)
		r.add("pending", m.Pending)
	}
	_, err = b.Append(ctx, events.StreamUsage, batch("usage", "g"), bus.Expect{Last: 6})
	r.add("append", kind(err))
	m, err := reader.Next(ctx)
	tell("next", m, err)
	_, err = b.Read(ctx, events.StreamUsage, 99, bus.ReadOptions{})
	r.add("read", kind(err))
}

func objects(ctx context.Context, b *bus.Bus, r *report) {
	large := strings.Repeat("0123456789", 60_000)
	for _, o := range [][2]string{{"b", "one"}, {"a", large}, {"b", "two"}} {
		r.add("put", kind(b.PutObject(ctx, "box", o[0], []byte(o[1]))))
	}
	list := func() {
		names, err := b.ListObjects(ctx, "box")
		r.add("list", names, kind(err))
	}
	list()
	for _, name := range []string{"a", "b", "c"} {
		data, err := b.GetObject(ctx, "box", name)
		r.add("object", name, len(data), string(data) == large, kind(err))
	}
	r.add("delete", kind(b.DeleteObject(ctx, "box", "a")))
	r.add("delete", kind(b.DeleteObject(ctx, "box", "c")))
	list()
	_, err := b.ListObjects(ctx, "none")
	r.add("list", kind(err))
}

var _ = Describe("Daybook's own client", func() {
	It("is told the same by the model as by nats-server", func(ctx SpecContext) {
		server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Shutdown)
		genuine, err := bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: patience})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(genuine.Close)
		model := jet.New(jet.Config{MaxPayload: 8 << 20})
		DeferCleanup(model.Close)
		modelled, err := bus.Connect(ctx, bus.Config{Process: model, Timeout: patience})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(modelled.Close)
		want := everything(ctx, genuine)
		Expect(everything(ctx, modelled)).To(Equal(want))
		Expect(want).To(ContainElements("append USAGE 5 no error", "object a 600000 true no error",
			"read "+bus.ErrStreamChanged.Error()), "the steps tell something")
	})
})
