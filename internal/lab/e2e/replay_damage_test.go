package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// replays are replays of a data folder with a server of its own, one after another.
type replays struct {
	data, cut string
	random    *rand.Rand
	server    *gexec.Session
	url       string

	damages                 int // so far
	runs, kills, servers    int // of replays, and how often the server was killed, too
	recut, removed, emptied int // damages of a kind
}

// spans are the spans of METERED that stand, by id.
func spans(ctx context.Context, url string) []string {
	GinkgoHelper()
	b := connect(ctx, url)
	defer b.Close()
	standing, names := map[string]string{}, events.NewInterner(10)
	messages(ctx, b, events.StreamMetered, func(stored *bus.Stored) {
		if stored.Header(events.HeaderType) != events.TypeMetered {
			return
		}
		var m events.Metered
		Expect(names.DecodeMetered(&m, stored.Data)).To(Succeed())
		for i := range m.Retracted {
			delete(standing, m.Retracted[i].ID)
		}
		for i := range m.Closed {
			s := &m.Closed[i]
			standing[s.ID] = fmt.Sprint(s.ID, " ", s.Kind, " ", s.Resource, " ", s.Tenant, " ", s.Start, " ", s.End)
		}
	})
	var all []string
	for _, s := range standing {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

// damage gives the next replay something to do: METERED is to be of another cut, or lacks messages,
// or is empty.
func (r *replays) damage(ctx context.Context) {
	GinkgoHelper()
	r.damages++
	client := dial(r.url)
	switch r.damages % 3 {
	case 0:
		r.recut++
		r.cut = map[string]string{"day": "month", "month": "day"}[r.cut]
	case 1:
		r.removed++
		b := connect(ctx, r.url)
		defer b.Close()
		messages(ctx, b, events.StreamMetered, func(m *bus.Stored) {
			if m.Header(events.HeaderType) != events.TypeMetered || r.random.IntN(8) != 0 {
				return
			}
			request, err := json.Marshal(map[string]uint64{"seq": m.Sequence})
			Expect(err).NotTo(HaveOccurred())
			_, err = client.Request("$JS.API.STREAM.MSG.DELETE."+events.StreamMetered, request)
			Expect(err).NotTo(HaveOccurred())
		})
	default:
		r.emptied++
		_, err := client.Request("$JS.API.STREAM.PURGE."+events.StreamMetered, nil)
		Expect(err).NotTo(HaveOccurred())
	}
}

// killed runs a replay and kills it in its middle, every other time with its server; false when it
// had ended before.
func (r *replays) killed(ctx context.Context) bool {
	GinkgoHelper()
	b := connect(ctx, r.url)
	defer b.Close()
	stream := []string{events.StreamMetered, events.StreamMetered, events.StreamBilling}[r.random.IntN(3)]
	state, err := b.Stream(ctx, stream)
	Expect(err).NotTo(HaveOccurred())
	r.runs++
	session := start("replay", "--cut", r.cut, "--nats", r.url)
	ending, cancel := until(ctx, session)
	defer cancel()
	if r.random.IntN(4) == 0 { // while it reads and derives
		select {
		case <-time.After(time.Duration(r.random.Int64N(int64(2 * startTime)))):
		case <-ending.Done():
		}
	} else { // or it has ended
		_ = moment{stream, state.Last, state.Last + 1 + r.random.Uint64N(400)}.reached(ending, b)
	}
	if session.ExitCode() >= 0 {
		Expect(session.ExitCode()).To(BeZero(), "%s", session.Err.Contents())
		return false
	}
	if r.kills%2 == 1 {
		r.server.Kill().Wait(patience)
		r.servers++
		defer func() { r.server, r.url = serverOnly(r.data) }()
	}
	session.Kill().Wait(patience)
	r.kills++
	return true
}

var _ = Describe("A replay that is killed, and the server with it", Serial, func() {
	BeforeEach(notShort)

	It("is finished when it is run again: whatever METERED had been before, there are the same spans and the same "+
		"bill", func(ctx context.Context) {
		random, w, kills := newRand(), manyApps(1000), scale.Kills(GinkgoT())
		data := filepath.Join(GinkgoT().TempDir(), "data")
		bill := run(append(w.up(data), "--cut", "day")...)
		r := &replays{data: data, cut: "day", random: random}
		r.server, r.url = serverOnly(data)
		wanted := spans(ctx, r.url)
		Expect(wanted).NotTo(BeEmpty())

		for finished := true; r.kills < kills; finished = !r.killed(ctx) {
			Expect(r.runs).To(BeNumerically("<=", 5*kills+10), "it is always done before it is killed")
			if finished {
				r.damage(ctx)
			}
		}
		run("replay", "--cut", r.cut, "--nats", r.url)
		run("replay", "--cut", "day", "--nats", r.url)

		Expect(spans(ctx, r.url)).To(Equal(wanted))
		run("verify", "--deep", "--nats", r.url)
		Expect(run("replay", "--cut", "day", "--nats", r.url)).To(And(
			ContainSubstring("METERED: everything is as"), ContainSubstring("BILLING: everything is as")))
		stop(r.server)
		again := run("up", "--once", "--log-level", "debug", "--data", data, "--listen", "127.0.0.1:0", "--cut", "day")
		Expect(amounts(again)).To(Equal(amounts(bill)))
		scale.Figure(GinkgoT(), "%d replays of METERED (%d times another cut, %d with messages removed, %d emptied), "+
			"killed %d times, %d of them with the server: the same spans and the same bill", r.runs, r.recut, r.removed,
			r.emptied, r.kills, r.servers)
	})
})
