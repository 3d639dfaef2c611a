package e2e_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// startTime is about how long a start takes.
const startTime = 400 * time.Millisecond

// newRand returns the source of a spec's random choices, and says how to repeat them.
func newRand() *rand.Rand {
	GinkgoHelper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("DAYBOOK_E2E_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		Expect(err).NotTo(HaveOccurred(), "DAYBOOK_E2E_SEED")
	}
	AddReportEntry("to repeat", "DAYBOOK_E2E_SEED="+strconv.FormatUint(seed, 10), ReportEntryVisibilityFailureOrVerbose)
	return rand.New(rand.NewPCG(seed, 0))
}

// workload is a file of events with its prices.
type workload struct{ events, prices string }

func newWorkload(n int) workload {
	GinkgoHelper()
	world, err := sim.NewWorld(sim.Config{Seed: 7, Events: n})
	Expect(err).NotTo(HaveOccurred())
	var lines bytes.Buffer
	for e := range world.Events {
		lines.Write(e.JSON)
		lines.WriteByte('\n')
	}
	return workload{file("events.jsonl", lines.String()), file("prices.yaml", sim.Catalogue())}
}

// up is the command line to charge it all. The log has the server's address.
func (w workload) up(data string) []string {
	return []string{
		"up", "--once", "--log-level", "debug", "--data", data, "--listen", "127.0.0.1:0", "--catalogue",
		w.prices, "--collect", w.events,
	}
}

// undisturbed is the content of the streams after a run without kills.
func (w workload) undisturbed(ctx context.Context) contents {
	GinkgoHelper()
	c, _ := w.charged(ctx)
	return c
}

// charged is undisturbed, with the bill.
func (w workload) charged(ctx context.Context) (_ contents, bill string) {
	GinkgoHelper()
	data := filepath.Join(GinkgoT().TempDir(), "undisturbed")
	bill = run(w.up(data)...)
	c := stored(ctx, data)
	Expect(c["QUARANTINE"]).To(BeEmpty())
	return c, bill
}

// moment is when a process is to be killed: some messages from now on a stream.
type moment struct {
	stream   string
	from     uint64 // the last one there
	sequence uint64
}

// nextMoment chooses an incomplete stream, and one of its next messages, at most an eighth of the
// stream away.
func nextMoment(ctx context.Context, b *bus.Bus, random *rand.Rand, wanted contents, among ...string) (m moment,
	ok bool,
) {
	for _, i := range random.Perm(len(among)) {
		end := uint64(len(wanted[among[i]]))
		state, err := b.Stream(ctx, among[i])
		if err == nil && state.Last+1 < end {
			step := min(end-1-state.Last, end/8)
			return moment{among[i], state.Last, state.Last + 1 + random.Uint64N(step)}, true
		}
	}
	return moment{}, false
}

// awaitStream returns when there is such a stream, or ctx ends.
func awaitStream(ctx context.Context, b *bus.Bus, name string) {
	for ctx.Err() == nil {
		if _, err := b.Stream(ctx, name); err == nil {
			return
		}
		time.Sleep(pollEvery)
	}
}

// reached returns when the stream has the message, or with an error when the server is gone or ctx
// ends.
func (m moment) reached(ctx context.Context, b *bus.Bus) error {
	reader, err := b.Read(ctx, m.stream, m.from+1, bus.ReadOptions{HeadersOnly: true})
	if err != nil {
		return err
	}
	defer reader.Close()
	for {
		message, err := reader.Next(ctx)
		if err != nil || message.Sequence >= m.sequence {
			return err
		}
	}
}

// until ends with the process.
func until(ctx context.Context, session *gexec.Session) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	go func() {
		defer cancel()
		select {
		case <-session.Exited:
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// killSometime kills the process in the middle of its start or of its work; false after its end.
func killSometime(ctx context.Context, session *gexec.Session, random *rand.Rand, wanted contents) bool {
	GinkgoHelper()
	ctx, cancel := until(ctx, session)
	defer cancel()
	if random.IntN(5) == 0 {
		select {
		case <-time.After(time.Duration(random.Int64N(int64(startTime)))):
		case <-ctx.Done():
		}
	} else if url := natsURL(session); url != "" {
		if b, err := bus.Connect(ctx, bus.Config{URL: url}); err == nil {
			awaitStream(ctx, b, events.StreamBilling) // created some time after the server listens
			if m, ok := nextMoment(ctx, b, random, wanted, events.StreamUsage, events.StreamMetered,
				events.StreamBilling); ok {
				_ = m.reached(ctx, b) // or the process has ended, as its exit code tells
			} else {
				<-ctx.Done() // nothing is left to be disturbed
			}
			b.Close()
		}
	}
	session.Kill().Wait(patience)
	return session.ExitCode() != 0
}

var _ = Describe("Killed at random moments", Serial, func() {
	BeforeEach(notShort)

	It("daybook up comes to the same streams, byte for byte", func(ctx context.Context) {
		random, w := newRand(), newWorkload(50_200)
		wanted := w.undisturbed(ctx)
		Expect(len(wanted["USAGE"])).To(BeNumerically(">=", 50_000))

		killed, runs, kills := 0, 0, scale.Kills(GinkgoT())
		for killed < kills {
			runs++
			Expect(runs).To(BeNumerically("<=", kills+10), "it is always done before it is killed")
			data := filepath.Join(GinkgoT().TempDir(), "data")
			for {
				session := start(w.up(data)...)
				if killed == kills {
					Eventually(session).Should(gexec.Exit(0))
					break
				}
				if !killSometime(ctx, session, random, wanted) {
					break
				}
				killed++
			}
			Expect(difference(stored(ctx, data), wanted)).To(BeEmpty())
		}
		scale.Figure(GinkgoT(), "daybook up, killed %d times in %d runs: %d messages of USAGE, and the same bytes in "+
			"all streams",
			killed, runs, len(wanted["USAGE"]))
	})

	It("two projectors and two pricers come to the same streams as one process", func(ctx context.Context) {
		const share = 2 * bus.MaxBatch // of USAGE before each kill: it has a whole window
		kills := scale.Kills(GinkgoT())
		random, w := newRand(), newWorkload(share*(kills+kills/2+1))
		wanted := w.undisturbed(ctx)
		url, _ := serve(GinkgoT().TempDir())
		b := connect(ctx, url)
		run("catalogue", "publish", "--yes", w.prices, "--nats", url)

		roles := []string{"project", "price"}
		outputs := map[string]string{"project": events.StreamMetered, "price": events.StreamBilling}
		running := map[string][]*gexec.Session{}
		for _, role := range roles {
			running[role] = []*gexec.Session{start(role, "--nats", url), start(role, "--nats", url)}
		}
		collecting := start("collect", "file", w.events, "--nats", url)
		Expect(moment{events.StreamUsage, 0, 1 + random.Uint64N(share)}.reached(ctx, b)).To(Succeed())
		collecting.Kill().Wait(patience)
		collecting = start("collect", "file", w.events, "--nats", url)

		for i := range kills {
			role := roles[i%len(roles)]
			m, ok := nextMoment(ctx, b, random, wanted, outputs[role])
			Expect(ok).To(BeTrue(), "%s has done its work before kill %d", role, i+1)
			m.sequence = m.from + 1 + (m.sequence-m.from)/uint64(4*kills) // of what the share gives
			state, err := b.Stream(ctx, events.StreamUsage)
			Expect(err).NotTo(HaveOccurred())
			collecting.Signal(syscall.SIGCONT)
			Expect(moment{events.StreamUsage, state.Last, state.Last + share}.reached(ctx, b)).To(Succeed())
			collecting.Signal(syscall.SIGSTOP) // the work lasts until the last kill
			Expect(m.reached(ctx, b)).To(Succeed())
			one := random.IntN(2)
			running[role][one].Kill().Wait(patience)
			running[role][one] = start(role, "--nats", url)
		}

		collecting.Signal(syscall.SIGCONT)
		Eventually(collecting).Should(gexec.Exit(0))
		for _, name := range []string{events.StreamMetered, events.StreamBilling} {
			waiting, cancel := context.WithTimeout(ctx, patience)
			Expect(moment{name, 0, uint64(len(wanted[name]))}.reached(waiting, b)).To(Succeed(), "%s", name)
			cancel()
		}
		services := slices.Concat(running["project"], running["price"])
		for _, s := range services {
			Expect(awaitOutput(s, s.Err, `(restored)`)).NotTo(BeEmpty()) // it listens to signals by now
		}
		stop(services...)
		Expect(difference(read(ctx, b), wanted)).To(BeEmpty())
		scale.Figure(GinkgoT(), "two projectors and two pricers, one of them killed %d times: the same bytes in all "+
			"streams",
			kills)
	})
})
