package bus_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// benchBus is a bus on a server that syncs always.
func benchBus(b *testing.B) *bus.Bus {
	b.Helper()
	server, err := bus.StartServer(bus.ServerConfig{DataDir: b.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Shutdown)
	connection, err := bus.Connect(context.Background(), bus.Config{URL: server.URL(), Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(connection.Close)
	if err := connection.EnsureStreams(context.Background(), bus.StreamsConfig{}); err != nil {
		b.Fatal(err)
	}
	return connection
}

// benchBatch is 1,000 messages of 700 bytes with five headers on subjects of the length of real
// ones, numbered from first.
func benchBatch(first int) []bus.Message {
	data := bytes.Repeat([]byte("x"), 700)
	msgs := make([]bus.Message, bus.MaxBatch)
	for i := range msgs {
		id := fmt.Sprintf("%08d-0000-4000-8000-000000000000", first+i)
		msgs[i] = bus.Message{
			Subject: "usage.cf.eu-prod.3f2b1c00-0000-4000-8000-000000000000.app." + id,
			Header: []events.Header{
				{Key: events.HeaderID, Value: id},
				{Key: events.HeaderType, Value: events.TypeUsage},
				{Key: events.HeaderSource, Value: "daybook/projector/cf/eu-prod"},
				{Key: events.HeaderSpecVersion, Value: events.SpecVersion},
				{Key: "Daybook-Source-Seq", Value: "123456789"},
			},
			Data: data,
		}
	}
	return msgs
}

// fill appends n batches; distinct says how many different subjects there are in all.
func fill(b *testing.B, connection *bus.Bus, n, distinct int) (last uint64) {
	b.Helper()
	for i := range n {
		var err error
		if last, err = connection.Append(context.Background(), events.StreamUsage,
			benchBatch(i*bus.MaxBatch%distinct), bus.Expect{Last: last}); err != nil {
			b.Fatal(err)
		}
	}
	return last
}

// BenchmarkAppend appends batches of 1,000 messages, synced to disk, to streams that already hold
// some distinct subjects, with each kind of expectation. One operation is one batch.
func BenchmarkAppend(b *testing.B) {
	for _, subjects := range []int{1_000, 300_000} {
		for _, filter := range []string{"", "usage.>", "usage.marker"} {
			name := fmt.Sprintf("subjects=%d/expect=%s", subjects, map[string]string{
				"":        "stream",
				"usage.>": "wildcard", "usage.marker": "literal",
			}[filter])
			b.Run(name, func(b *testing.B) {
				connection := benchBus(b)
				msgs := benchBatch(0)
				if filter == "usage.marker" {
					msgs[len(msgs)-1].Subject = filter
				}
				expect := bus.Expect{Filter: filter, Last: fill(b, connection, subjects/bus.MaxBatch, subjects)}
				if filter == "usage.marker" {
					expect.Last = 0
				}
				b.ReportAllocs()
				for b.Loop() {
					last, err := connection.Append(context.Background(), events.StreamUsage, msgs, expect)
					if err != nil {
						b.Fatal(err)
					}
					expect.Last = last
				}
				b.ReportMetric(float64(b.N)*bus.MaxBatch/b.Elapsed().Seconds(), "msgs/s")
			})
		}
	}
}

// BenchmarkRead reads 200,000 messages from the first to the last. One operation is all of them.
func BenchmarkRead(b *testing.B) {
	connection := benchBus(b)
	const batches = 200
	fill(b, connection, batches, 10*bus.MaxBatch)
	for b.Loop() {
		r, err := connection.Read(context.Background(), events.StreamUsage, 1, bus.ReadOptions{})
		if err != nil {
			b.Fatal(err)
		}
		for {
			m, err := r.Next(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			if m.Pending == 0 {
				break
			}
		}
		r.Close()
	}
	b.ReportMetric(float64(b.N)*batches*bus.MaxBatch/b.Elapsed().Seconds(), "msgs/s")
}
