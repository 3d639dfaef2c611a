package bus_test

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// large is messages of which the server sends two ahead.
func large(subjects ...string) []bus.Message {
	var msgs []bus.Message
	for _, subject := range subjects {
		msgs = append(msgs, bus.Message{Subject: subject, Data: []byte(strings.Repeat("x", 7<<20))})
	}
	return msgs
}

var _ = Describe("Reading what is stored", func() {
	var (
		b       *bus.Bus
		url     string
		metered jetstream.Stream
		got     []string // subjects and sequences
		meet    func()   // what happens when the first message is given
	)

	// each reads METERED.
	each := func(ctx context.Context, from, to uint64, options bus.ReadOptions) (uint64, error) {
		got = nil
		return b.Each(ctx, "METERED", from, to, options, func(m *bus.Stored) error {
			got = append(got, m.Subject+" "+strconv.FormatUint(m.Sequence, 10))
			if len(got) == 1 && meet != nil {
				meet()
			}
			return nil
		})
	}
	on := func(filters ...string) bus.ReadOptions { return bus.ReadOptions{Filters: filters} }
	remove := func(ctx context.Context, sequences ...uint64) {
		GinkgoHelper()
		for _, sequence := range sequences {
			Expect(metered.DeleteMsg(ctx, sequence)).To(Succeed())
		}
	}

	BeforeEach(func(ctx SpecContext) {
		meet = nil
		url = startServer(bus.ServerConfig{}).URL()
		b = connect(bus.Config{URL: url})
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		metered = stream(ctx, url, "METERED")
	})

	It("gives nothing of an empty stream, nor where nothing matches", func(ctx SpecContext) {
		Expect(each(ctx, 1, bus.End, bus.ReadOptions{})).To(BeZero())
		Expect(got).To(BeEmpty())
		appended(ctx, b, "METERED", batch("metered", 3), bus.Expect{})
		Expect(each(ctx, 1, bus.End, on("metered.c.>"))).To(BeZero())
		Expect(got).To(BeEmpty())
		Expect(metered.Purge(ctx)).To(Succeed())
		for _, from := range []uint64{1, 4} {
			Expect(each(ctx, from, bus.End, bus.ReadOptions{})).To(Equal(uint64(3)))
			Expect(got).To(BeEmpty())
			Expect(each(ctx, from, bus.End, on("metered.*"))).To(BeZero())
			Expect(got).To(BeEmpty())
		}
	})

	It("gives the messages of a range, and tells the last there is", func(ctx SpecContext) {
		appended(ctx, b, "METERED", batch("metered", 3), bus.Expect{})
		appended(ctx, b, "METERED", batch("metered.c", 3), bus.Expect{Last: 3})
		appended(ctx, b, "METERED", batch("metered", 2), bus.Expect{Last: 6})
		Expect(each(ctx, 0, bus.End, bus.ReadOptions{})).To(Equal(uint64(8)))
		Expect(got).To(HaveLen(8))
		Expect(each(ctx, 2, bus.End, on("metered.*"))).To(Equal(uint64(8)))
		Expect(got).To(Equal([]string{"metered.1 2", "metered.2 3", "metered.0 7", "metered.1 8"}))
		Expect(each(ctx, 2, 5, on("metered.*"))).To(Equal(uint64(8)))
		Expect(got).To(Equal([]string{"metered.1 2", "metered.2 3"}))
		Expect(each(ctx, 3, 4, on("metered.2", "metered.c.>"))).To(Equal(uint64(6)))
		Expect(got).To(Equal([]string{"metered.2 3", "metered.c.0 4"}))
		Expect(each(ctx, 5, 4, bus.ReadOptions{})).To(Equal(uint64(8)))
		Expect(got).To(BeEmpty())
	})

	It("gives nothing from the end on, and refuses to begin behind it", func(ctx SpecContext) {
		appended(ctx, b, "METERED", batch("metered", 3), bus.Expect{})
		appended(ctx, b, "METERED", batch("metered.c", 3), bus.Expect{Last: 3})
		Expect(each(ctx, 7, bus.End, bus.ReadOptions{})).To(Equal(uint64(6)))
		Expect(each(ctx, 5, bus.End, on("metered.*"))).To(Equal(uint64(3)))
		Expect(got).To(BeEmpty())
		_, err := each(ctx, 8, bus.End, on("metered.*"))
		Expect(err).To(MatchError(bus.ErrStreamChanged))
		_, err = b.Each(ctx, "NOSUCH", 1, bus.End, bus.ReadOptions{}, nil)
		Expect(err).To(MatchError(bus.ErrNotFound))
	})

	It("refuses a stream that has not gone as far as it must have, though what it has is there", func(
		ctx SpecContext,
	) {
		appended(ctx, b, "METERED", batch("metered", 3), bus.Expect{})
		for _, filters := range [][]string{nil, {"metered.>"}, {"metered.none"}} {
			_, err := each(ctx, 1, 2, bus.ReadOptions{Filters: filters, Reach: 3})
			Expect(err).NotTo(HaveOccurred())
			_, err = each(ctx, 1, 2, bus.ReadOptions{Filters: filters, Reach: 4})
			Expect(err).To(MatchError(bus.ErrStreamChanged))
		}
	})

	It("ends with what is left where the last message was deleted", func(ctx SpecContext) {
		appended(ctx, b, "METERED", batch("metered", 3), bus.Expect{})
		appended(ctx, b, "METERED", batch("metered.c", 2), bus.Expect{Last: 3})
		remove(ctx, 3, 5)
		Expect(each(ctx, 1, bus.End, bus.ReadOptions{})).To(Equal(uint64(5)))
		Expect(got).To(Equal([]string{"metered.0 1", "metered.1 2", "metered.c.0 4"}))
		Expect(each(ctx, 1, bus.End, on(">"))).To(Equal(uint64(4)))
		Expect(got).To(HaveLen(3))
		Expect(each(ctx, 1, bus.End, on("metered.*"))).To(Equal(uint64(2)))
		Expect(got).To(Equal([]string{"metered.0 1", "metered.1 2"}))
		Expect(each(ctx, 5, bus.End, bus.ReadOptions{})).To(Equal(uint64(5)))
		Expect(got).To(BeEmpty())
	})

	It("leaves out what is appended meanwhile", func(ctx SpecContext) {
		appended(ctx, b, "METERED", batch("metered", 3), bus.Expect{})
		meet = func() { appended(ctx, b, "METERED", batch("metered", 3), bus.Expect{Last: 3}) }
		Expect(each(ctx, 1, bus.End, bus.ReadOptions{})).To(Equal(uint64(3)))
		Expect(got).To(Equal([]string{"metered.0 1", "metered.1 2", "metered.2 3"}))
	})

	It("ends although the last message is deleted before it is sent", func(ctx SpecContext) {
		scale.Long(Skip)
		appended(ctx, b, "METERED", large("metered.0", "metered.1", "metered.2", "metered.3"), bus.Expect{})
		meet = func() { remove(ctx, 3, 4) }
		Expect(each(ctx, 1, bus.End, bus.ReadOptions{})).To(Equal(uint64(4)))
		Expect(got).To(Equal([]string{"metered.0 1", "metered.1 2"}))
	})

	It("does not take a later message for the last one that was deleted", func(ctx SpecContext) {
		appended(ctx, b, "METERED", large("metered.0", "metered.1", "metered.2"), bus.Expect{})
		meet = func() {
			remove(ctx, 3)
			appended(ctx, b, "METERED", batch("metered", 1), bus.Expect{Last: 3})
		}
		Expect(each(ctx, 1, bus.End, bus.ReadOptions{})).To(Equal(uint64(3)))
		Expect(got).To(Equal([]string{"metered.0 1", "metered.1 2"}))
	})

	It("refuses a stream whose beginning is removed while it is read, unless it reads some subjects "+
		"only", func(ctx SpecContext) {
		scale.Long(Skip)
		appended(ctx, b, "METERED", large("metered.0", "metered.1", "metered.2", "metered.3"), bus.Expect{})
		meet = func() { Expect(metered.Purge(ctx)).To(Succeed()) }
		_, err := each(ctx, 1, bus.End, bus.ReadOptions{})
		Expect(err).To(MatchError(bus.ErrGap))
		Expect(err).To(MatchError(ContainSubstring("message 3 was removed")))
		Expect(got).To(HaveLen(2))

		appended(ctx, b, "METERED", large("metered.0", "metered.1", "metered.2", "metered.3"), bus.Expect{Last: 4})
		Expect(each(ctx, 1, bus.End, on("metered.>"))).To(Equal(uint64(8)))
		Expect(got).To(HaveLen(2))
	})

	It("refuses a stream that is made anew or removed while it is read", func(ctx SpecContext) {
		appended(ctx, b, "METERED", large("metered.0", "metered.1", "metered.2"), bus.Expect{})
		meet = func() {
			Expect(operator(url).DeleteStream(ctx, "METERED")).To(Succeed())
			Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		}
		_, err := each(ctx, 1, bus.End, on("metered.>"))
		Expect(err).To(MatchError(bus.ErrStreamChanged))

		appended(ctx, b, "METERED", large("metered.0", "metered.1", "metered.2"), bus.Expect{})
		meet = func() { Expect(operator(url).DeleteStream(ctx, "METERED")).To(Succeed()) }
		_, err = each(ctx, 1, bus.End, bus.ReadOptions{})
		Expect(err).To(MatchError(bus.ErrNotFound))
	})

	It("ends with an error of whoever takes the messages", func(ctx SpecContext) {
		appended(ctx, b, "METERED", batch("metered", 3), bus.Expect{})
		enough := errors.New("enough")
		_, err := b.Each(ctx, "METERED", 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
			Expect(m.Sequence).To(BeNumerically("<=", 2))
			if m.Sequence == 2 {
				return enough
			}
			return nil
		})
		Expect(err).To(BeIdenticalTo(enough))
	})

	It("ends when nobody wants it any more", func(ctx SpecContext) {
		appended(ctx, b, "METERED", large("metered.0", "metered.1", "metered.2"), bus.Expect{})
		brief, cancel := context.WithCancel(ctx)
		meet = cancel
		_, err := each(brief, 1, bus.End, bus.ReadOptions{})
		Expect(err).To(MatchError(context.Canceled))
		Expect(got).To(HaveLen(1))
		_, err = each(brief, 1, bus.End, bus.ReadOptions{})
		Expect(err).To(MatchError(context.Canceled))
		Expect(got).To(BeEmpty())
	})

	Describe("the latest of each subject", func() {
		latest := func(ctx context.Context, filters ...string) []string {
			GinkgoHelper()
			last, err := each(ctx, 1, bus.End, bus.ReadOptions{Filters: filters, LastPerSubject: true})
			Expect(err).NotTo(HaveOccurred())
			Expect(len(got) == 0 || strings.HasSuffix(got[len(got)-1], " "+strconv.FormatUint(last, 10))).To(BeTrue())
			return got
		}

		It("comes in the order of the stream", func(ctx SpecContext) {
			Expect(latest(ctx, "metered.*")).To(BeEmpty())
			for last := uint64(0); last < 6; last += 3 {
				appended(ctx, b, "METERED", batch("metered", 3), bus.Expect{Last: last})
			}
			appended(ctx, b, "METERED", batch("metered.c", 1), bus.Expect{Last: 6})
			Expect(latest(ctx, "metered.*")).To(Equal([]string{"metered.0 4", "metered.1 5", "metered.2 6"}))
			Expect(latest(ctx, "metered.1", "metered.c.*")).To(Equal([]string{"metered.1 5", "metered.c.0 7"}))
			Expect(latest(ctx, "metered.9")).To(BeEmpty())
			var subjects []string
			Expect(b.Latest(ctx, "METERED", []string{"metered.*"}, func(m *bus.Stored) error {
				subjects = append(subjects, m.Subject)
				return nil
			})).To(Succeed())
			Expect(subjects).To(Equal([]string{"metered.0", "metered.1", "metered.2"}))
		})

		It("comes of every subject, however large the messages are", func(ctx SpecContext) {
			subjects := []string{"metered.0", "metered.1", "metered.2", "metered.3", "metered.4", "metered.5"}
			appended(ctx, b, "METERED", large(subjects...), bus.Expect{})
			Expect(latest(ctx)).To(Equal([]string{
				"metered.0 1", "metered.1 2", "metered.2 3", "metered.3 4",
				"metered.4 5", "metered.5 6",
			}))
		})

		It("is an older one when the newest is deleted meanwhile", func(ctx SpecContext) {
			appended(ctx, b, "METERED", batch("metered", 50), bus.Expect{})
			appended(ctx, b, "METERED", batch("metered", 50)[48:], bus.Expect{Last: 50})
			meet = func() { remove(ctx, 51, 52) }
			Expect(latest(ctx, "metered.*")).To(HaveLen(50))
			Expect(got[49]).To(Equal("metered.49 50"))
		})

		It("includes a subject that moves on while the connection is lost", func(ctx SpecContext) {
			folder := GinkgoT().TempDir()
			server := startServer(bus.ServerConfig{DataDir: folder})
			b = connect(bus.Config{URL: server.URL()})
			Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
			appended(ctx, b, "METERED", batch("metered", 50), bus.Expect{})
			meet = func() {
				server.Shutdown()
				startServer(bus.ServerConfig{DataDir: folder, Listen: strings.TrimPrefix(server.URL(), "nats://")})
				Eventually(b.Check).WithContext(ctx).Should(Succeed())
				appended(ctx, b, "METERED", batch("metered", 50)[48:], bus.Expect{Last: 50})
			}
			Expect(latest(ctx, "metered.*")).To(HaveLen(50))
			Expect(got[48:]).To(Equal([]string{"metered.48 51", "metered.49 52"}))
		}, SpecTimeout(scale.Patience))
	})
})
