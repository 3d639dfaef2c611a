package status_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/status"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "status")
}

// objects is an object store in memory.
type objects struct {
	stored map[string][]byte
	puts   int
	err    error
	block  chan struct{} // a write waits until it is closed, unless it is nil
	began  chan struct{}
}

func (o *objects) PutObject(ctx context.Context, bucket, name string, data []byte) error {
	if o.block != nil {
		o.began <- struct{}{}
		<-o.block
		if _, bounded := ctx.Deadline(); !bounded {
			return errors.New("the write has no deadline")
		}
	}
	if o.err != nil {
		return o.err
	}
	o.puts++
	o.stored[bucket+"/"+name] = data
	return nil
}

func (o *objects) ListObjects(_ context.Context, bucket string) (names []string, _ error) {
	for name := range o.stored {
		names = append(names, strings.TrimPrefix(name, bucket+"/"))
	}
	return names, nil
}

func (o *objects) GetObject(_ context.Context, bucket, name string) ([]byte, error) {
	return o.stored[bucket+"/"+name], nil
}

var _ = Describe("a collector's status", func() {
	var (
		store *objects
		now   time.Time
		log   *strings.Builder
		w     *status.Writer
		ctx   = context.Background()
	)
	BeforeEach(func() {
		store, log = &objects{stored: map[string][]byte{}}, &strings.Builder{}
		now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		w = status.NewWriter(store, slog.New(slog.NewTextHandler(log, nil)), func() time.Time { return now },
			status.Status{Source: "cf", Foundation: "a.b", Problem: "starting"})
	})
	lag := func(seconds int64) func(*status.Status) {
		return func(s *status.Status) { s.LagSeconds = seconds }
	}

	It("is written when it changes, and not too often", func() {
		w.Update(ctx, lag(1))
		w.Update(ctx, lag(2))
		Expect(store.puts).To(Equal(1))
		now = now.Add(status.MinInterval)
		w.Update(ctx, lag(2))
		Expect(store.puts).To(Equal(2))
		now = now.Add(status.MinInterval)
		w.Update(ctx, lag(2))
		Expect(store.puts).To(Equal(2), "nothing has changed")
		w.Update(ctx, lag(3))
		w.Flush(ctx)
		Expect(store.puts).To(Equal(3))
		Expect(status.Read(ctx, store)).To(Equal([]status.Status{{
			Source: "cf", Foundation: "a.b", Problem: "starting",
			LagSeconds: 3, Updated: now,
		}}))
		Expect(store.stored).To(HaveKey("daybook-status/cf.a%2Eb"))
	})

	It("is written at once when it is another problem, or none", func() {
		w.Update(ctx, lag(1))
		w.Update(ctx, func(s *status.Status) { s.Problem = "" })
		Expect(store.puts).To(Equal(2))
		Expect(w.Current().Problem).To(BeEmpty())
	})

	It("that cannot be written is said once, and tried again", func() {
		store.err = errors.New("no room")
		for i := range 3 {
			now = now.Add(status.MinInterval)
			w.Update(ctx, lag(int64(i)))
		}
		Expect(strings.Count(log.String(), "no room")).To(Equal(1))
		store.err = nil
		now = now.Add(status.MinInterval)
		w.Update(ctx, lag(2))
		Expect(store.puts).To(Equal(1))
	})

	It("is written now and then though nothing has changed: its time tells that the collector runs", func() {
		w.Update(ctx, lag(1))
		now = now.Add(time.Minute)
		w.Update(ctx, lag(1))
		Expect(store.puts).To(Equal(2))
	})

	It("can be asked for, and changed, while it is being written, which has a deadline", func() {
		store.block, store.began = make(chan struct{}), make(chan struct{}, 1)
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.Update(ctx, lag(1))
		}()
		<-store.began
		w.Update(ctx, lag(7))
		Expect(w.Current().LagSeconds).To(Equal(int64(7)))
		close(store.block)
		<-done
		Expect(store.puts).To(Equal(1))
		Expect(log.String()).To(BeEmpty())
	})

	It("that cannot be read does not hide the others", func() {
		w.Flush(ctx)
		store.stored["daybook-status/x"] = []byte("{")
		all, err := status.Read(ctx, store)
		Expect(all).To(HaveLen(1))
		Expect(err).To(MatchError(ContainSubstring("status x")))
		body, err := json.Marshal(all[0])
		Expect(err).NotTo(HaveOccurred())
		Expect(string(body)).NotTo(ContainSubstring("0001-01-01T00:00:00Z"))
	})
})
