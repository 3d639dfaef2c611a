package query_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/query"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

func TestQuery(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(scale.Patience)
	RunSpecs(t, "Questions over NATS")
}

var _ = Describe("A service of questions", func() {
	var b *bus.Bus
	var stop func() error
	held := make(chan struct{})
	BeforeEach(func(ctx context.Context) {
		server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		b, err = bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: scale.Patience})
		Expect(err).NotTo(HaveOccurred())
		serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan error, 1)
		go func() {
			done <- query.Serve(serving, b, query.Config{
				Asker: func(subject string) string { return strings.Split(subject, ".")[1] },
				Name:  "test", Version: "1.0.0", Log: slog.New(slog.NewTextHandler(GinkgoWriter, nil)),
				Questions: []query.Question{{
					Name: "echo", Subject: "test.*.echo", Metadata: map[string]string{"schema": "{}"},
				}, {Name: "wait", Subject: "test.*.wait"}},
				Answer: func(_ context.Context, question, subject string, body []byte) ([]byte, error) {
					switch {
					case question == "wait":
						<-held
						return []byte("done"), nil
					case string(body) == "bad":
						return nil, &query.Error{Status: 400, Text: "ask for something else"}
					case string(body) == "broken":
						return nil, errors.New("a secret")
					case string(body) == "long":
						return []byte(strings.Repeat("x", int(b.Conn().MaxPayload())+1)), nil
					}
					return []byte(subject + " " + string(body)), nil
				},
			})
		}()
		stop = func() error {
			cancel()
			return <-done
		}
		DeferCleanup(func() {
			cancel()
			b.Close()
			server.Shutdown()
		})
		Eventually(func() error {
			_, err := query.Ask(ctx, b, "test.a.echo", nil)
			return err
		}).Should(Succeed())
	})

	It("answers with what the subject and the body ask for", func(ctx context.Context) {
		Expect(query.Ask(ctx, b, "test.a.echo", []byte("1"))).To(BeEquivalentTo("test.a.echo 1"))
	})

	DescribeTable("says in words why there is no answer", func(ctx context.Context, subject, body string, status int,
		text string,
	) {
		_, err := query.Ask(ctx, b, subject, []byte(body))
		var e *query.Error
		Expect(errors.As(err, &e)).To(BeTrue())
		Expect(e.Status).To(Equal(status))
		Expect(e.Text).To(ContainSubstring(text))
		Expect(e.Text).NotTo(ContainSubstring("secret"))
	},
		Entry("a wrong question", "test.a.echo", "bad", 400, "ask for something else"),
		Entry("a fault of its own", "test.a.echo", "broken", 500, "the log of the service says why"),
		Entry("a long answer", "test.a.echo", "long", 413, "ask for a shorter time"),
		Entry("nobody is there", "other.a.echo", "", 503, "start daybook serve"),
	)

	It("answers others while one asker has many questions", func(ctx context.Context) {
		const asked = 60
		answers := make(chan string, asked)
		for range asked {
			go func() {
				got, err := query.Ask(ctx, b, "test.a.wait", nil)
				answers <- string(got) + errorText(err)
			}()
		}
		tooMany := 0 // the others wait, and some are being answered: nobody lets them end
		for ; tooMany < asked-36; tooMany++ {
			Eventually(answers).Should(Receive(ContainSubstring("questions of yours wait")))
		}
		Expect(query.Ask(ctx, b, "test.b.echo", []byte("1"))).To(BeEquivalentTo("test.b.echo 1"))
		for range asked - tooMany {
			held <- struct{}{}
			Eventually(answers).Should(Receive(Equal("done")))
		}
	})

	It("ends the answers that it has begun before it stops", func(ctx context.Context) {
		answer := make(chan string, 1)
		go func() {
			got, err := query.Ask(ctx, b, "test.a.wait", nil)
			answer <- string(got) + errorText(err)
		}()
		held <- struct{}{} // it is being answered, and ends
		Eventually(answer).Should(Receive(Equal("done")))
		Expect(stop()).To(Succeed())
		_, err := query.Ask(ctx, b, "test.a.echo", nil)
		Expect(err).To(MatchError(ContainSubstring("nobody answers")))
	})
})

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
