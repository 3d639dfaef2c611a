package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/bustest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// dial is a connection for the raw protocol.
func dial(url string) *bustest.Client {
	GinkgoHelper()
	client, err := bustest.Dial(url, "", "")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(client.Close)
	return client
}

// api asks the server's API, and decodes its answer.
func api(client *bustest.Client, subject string, request, answer any) {
	GinkgoHelper()
	body, err := json.Marshal(request)
	Expect(err).NotTo(HaveOccurred())
	m, err := client.Request("$JS.API."+subject, body)
	Expect(err).NotTo(HaveOccurred())
	Expect(string(m.Data)).NotTo(ContainSubstring(`"error":`), subject)
	if answer != nil {
		Expect(json.Unmarshal(m.Data, answer)).To(Succeed())
	}
}

// delivery is a message that a tenant has got and acknowledged.
type delivery struct {
	sequence uint64
	id, body string
}

// subscriber is a durable consumer of a tenant's charges.
type subscriber struct{ filter string }

const durable = "tenant"

// subscribe makes the durable consumer. A server that was killed may not know the last
// acknowledgement, and delivers again after the wait: sooner than a request of the client ends.
func (s *subscriber) subscribe(url string) {
	GinkgoHelper()
	api(dial(url), "CONSUMER.DURABLE.CREATE."+events.StreamBilling+"."+durable, map[string]any{
		"stream_name": events.StreamBilling, "config": map[string]any{
			"durable_name": durable, "ack_policy": "explicit", "deliver_policy": "all", "filter_subject": s.filter,
			"max_ack_pending": 1, "ack_wait": 5 * time.Second,
		},
	}, nil)
}

// take gets all that there is, and acknowledges each message before the next.
func (s *subscriber) take(url string) (got []delivery) {
	GinkgoHelper()
	client := dial(url)
	for {
		m, err := client.Request("$JS.API.CONSUMER.MSG.NEXT."+events.StreamBilling+"."+durable,
			[]byte(`{"batch":1,"no_wait":true}`))
		Expect(err).NotTo(HaveOccurred())
		if m.Header["Status"] != nil {
			Expect(m.Header["Status"]).To(Equal([]string{"404"}))
			return got
		}
		// $JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.…
		sequence, err := strconv.ParseUint(strings.Split(m.Reply, ".")[5], 10, 64)
		Expect(err).NotTo(HaveOccurred(), m.Reply)
		got = append(got, delivery{sequence, m.Header[events.HeaderID][0], string(m.Data)})
		_, err = client.Request(m.Reply, []byte("+ACK")) // the server says that it knows
		Expect(err).NotTo(HaveOccurred())
	}
}

var _ = Describe("A tenant's durable consumer", Serial, func() {
	BeforeEach(notShort)

	It("gets every charge, in order, none missing, though a power cut takes what it has acknowledged; those it gets "+
		"twice have the same ids",
		func(ctx context.Context) {
			random, w := newRand(), newWorkload(1_000)
			data := filepath.Join(GinkgoT().TempDir(), "data")
			run(w.up(data)...)
			s := subscriber{filter: busiest(ctx, data)}
			var rounds [][]delivery
			for range scale.Kills(GinkgoT()) {
				up := start(withoutOnce(w.up(data))...)
				awaitOutput(up, up.Out, `(Daybook is running)`)
				url := natsURL(up)
				s.subscribe(url)
				rounds = append(rounds, s.take(url))
				up.Kill().Wait(patience)
				block := lastBlock(data, events.StreamBilling)
				cut(block, size(block)/4+random.Int64N(size(block)/2), random.IntN(2) == 0)
				if random.IntN(2) == 0 {
					cutTail(data, events.StreamMetered, random)
				}
			}
			run(w.up(data)...)
			url, _ := serve(data)
			s.subscribe(url) // answered when the server has the consumer again
			rounds = append(rounds, s.take(url))

			var all []delivery
			_, err := connect(ctx, url).Each(ctx, events.StreamBilling, 1, bus.End,
				bus.ReadOptions{Filters: []string{s.filter}}, func(m *bus.Stored) error {
					all = append(all, delivery{m.Sequence, m.Header(events.HeaderID), string(m.Data)})
					return nil
				})
			Expect(err).NotTo(HaveOccurred())
			twice := judge(rounds, all)
			Expect(twice).To(BeNumerically(">", 0))
			scale.Figure(GinkgoT(), "a tenant's durable consumer, %d power cuts of BILLING behind what it had "+
				"acknowledged: %d charges in order, %d of them more than once", len(rounds)-1, len(all), twice)
		})
})

// judge expects each round to go on behind the one before, or to repeat its end, and all rounds
// together to be all messages. It returns how many were repeated.
func judge(rounds [][]delivery, all []delivery) (twice int) {
	GinkgoHelper()
	place := map[uint64]int{}
	for i, d := range all {
		place[d.sequence] = i
	}
	next := 0 // the first message that nobody has got
	for n, round := range rounds {
		for i, d := range round {
			at, known := place[d.sequence]
			Expect(known).To(BeTrue(), "round %d: message %d of the stream is none of the tenant's", n, d.sequence)
			Expect(d).To(Equal(all[at]), "round %d: message %d is another one", n, d.sequence)
			Expect(at).To(BeNumerically("<=", next), "round %d: charges before message %d are missing", n, d.sequence)
			if i > 0 {
				Expect(at).To(Equal(place[round[i-1].sequence]+1), "round %d: the order at message %d", n, d.sequence)
			}
			if at < next {
				twice++
			}
			next = max(next, at+1)
		}
	}
	Expect(next).To(Equal(len(all)), "charges at the end are missing")
	return twice
}

// busiest is the subjects of the tenant with most charges in a data folder without a process.
func busiest(ctx context.Context, data string) (filter string) {
	GinkgoHelper()
	url, stop := serve(data)
	defer stop()
	b := connect(ctx, url)
	defer b.Close()
	charges := map[string]int{}
	messages(ctx, b, events.StreamBilling, func(m *bus.Stored) {
		token := strings.Split(m.Subject, ".")
		if token[1] == "charge" {
			charges[token[2]]++
		}
	})
	most := ""
	for tenant, n := range charges {
		if n > charges[most] || n == charges[most] && tenant < most {
			most = tenant
		}
	}
	Expect(charges[most]).To(BeNumerically(">", 20))
	return fmt.Sprintf("billing.charge.%s.>", most)
}
