package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/bustest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// month writes a believable month's events, in two files, and prices.
func month(events int) (first, second, prices string) {
	GinkgoHelper()
	start := time.Date(2026, 10, 29, 20, 0, 0, 0, time.UTC)
	world, err := sim.NewWorld(sim.Config{
		Seed: 3, Orgs: 2, Spaces: 3, Apps: 12, Services: 5, Instances: 3,
		Start: start, End: start.Add(96 * time.Hour), Events: events,
	})
	Expect(err).NotTo(HaveOccurred())
	var halves [2]bytes.Buffer
	n := 0
	for e := range world.Events {
		half := &halves[min(2*n/events, 1)]
		half.Write(e.JSON)
		half.WriteByte('\n')
		n++
	}
	folder := GinkgoT().TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(folder, name)
		Expect(os.WriteFile(path, data, 0o600)).To(Succeed())
		return path
	}
	return write("first.jsonl", halves[0].Bytes()), write("second.jsonl", halves[1].Bytes()), write("rates.yaml",
		[]byte(sim.Catalogue()))
}

// ran expects a command to succeed and returns its output.
func (s *site) ran(args ...string) string {
	GinkgoHelper()
	status, out, notices := s.daybook(args...)
	Expect(status).To(BeZero(), "%s: %s", strings.Join(args, " "), notices)
	return out
}

// work runs projector and pricer until everything has been worked off.
func (s *site) work(ctx context.Context, cut timeline.Cut) {
	GinkgoHelper()
	log := slog.New(slog.NewTextHandler(GinkgoWriter, nil))
	metering, err := projector.New(projector.Config{Cut: cut}, projector.Deps{Bus: s.bus, Log: log})
	Expect(err).NotTo(HaveOccurred())
	s.settle(ctx, events.StreamUsage, metering.Run, metering.Wait)
	pricing := pricer.New(pricer.Config{}, pricer.Deps{Bus: s.bus, Log: log})
	s.settle(ctx, events.StreamMetered, pricing.Run, pricing.Wait)
}

func (s *site) settle(ctx context.Context, input string, run func(context.Context) error, wait func(context.Context,
	uint64) error,
) {
	GinkgoHelper()
	last, err := s.bus.Last(ctx, input, "")
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() {
		ran <- run(ctx)
		cancel()
	}()
	waited := wait(ctx, last.Sequence)
	cancel()
	Expect(<-ran).To(Succeed())
	Expect(waited).To(Succeed())
}

// bill is the bill in full.
func (s *site) bill(ctx context.Context) string {
	GinkgoHelper()
	all := memory.New()
	_, err := ledger.CatchUp(ctx, s.bus, all) // what is missing is for the specs to find
	Expect(err).NotTo(HaveOccurred())
	bill, err := all.Bill(ctx, ledger.Query{})
	Expect(err).NotTo(HaveOccurred())
	for i := range bill.Lines {
		bill.Lines[i].Charges = 0 // of entries there are more after a replay
	}
	// all was reversed
	bill.Lines = slices.DeleteFunc(bill.Lines, func(l ledger.Line) bool {
		return l.Amount.IsZero() &&
			l.Quantity.IsZero()
	})
	bill.Anomalies, bill.Horizons = nil, nil // said at their time, and not again
	var text strings.Builder
	Expect(print.BillJSON(&text, &bill, 0)).To(Succeed())
	return text.String()
}

// balanced expects that each charge is posted once, and reversed at most once, as the exact
// negative, under its own id.
func (s *site) balanced(ctx context.Context) (standing int) {
	GinkgoHelper()
	charges, settled, unrated := map[string]events.Charge{}, map[string]bool{}, map[string]bool{}
	state, err := s.bus.Stream(ctx, events.StreamBilling)
	Expect(err).NotTo(HaveOccurred())
	ids := map[string]bool{}
	for seq := state.First; seq <= state.Last; seq++ {
		m, err := s.bus.Get(ctx, events.StreamBilling, seq)
		Expect(err).NotTo(HaveOccurred())
		switch m.Header(events.HeaderType) {
		case events.TypeBilling:
			var b events.Billing
			Expect(b.DecodeJSON(m.Data)).To(Succeed())
			for _, c := range b.Charges {
				Expect(ids).NotTo(HaveKey(c.ID), "message %d: an id is never used again", seq)
				ids[c.ID] = true
				if c.Entry == events.EntryCharge {
					charges[c.ID] = c
					continue
				}
				Expect(charges).To(HaveKey(c.Reverses), "message %d reverses what does not stand", seq)
				Expect(charges[c.Reverses].Amount.Add(c.Amount).IsZero()).To(BeTrue())
				delete(charges, c.Reverses)
			}
		case events.TypeUnrated:
			var u events.UnratedNotice
			Expect(u.DecodeJSON(m.Data)).To(Succeed())
			for _, x := range u.Unrated {
				Expect(unrated).NotTo(HaveKey(x.ID))
				unrated[x.ID] = true
			}
			for _, id := range u.Settled {
				Expect(unrated).To(HaveKey(id))
				Expect(settled).NotTo(HaveKey(id))
				settled[id] = true
			}
		}
	}
	return len(charges)
}

// api is a request to JetStream, as by the nats tool.
func (s *site) api(subject string, body any) {
	GinkgoHelper()
	client, err := bustest.Dial(s.url, "", "")
	Expect(err).NotTo(HaveOccurred())
	defer client.Close()
	request, err := json.Marshal(body)
	Expect(err).NotTo(HaveOccurred())
	answer, err := client.Request("$JS.API."+subject, request)
	Expect(err).NotTo(HaveOccurred())
	Expect(string(answer.Data)).NotTo(ContainSubstring(`"error"`))
}

func (s *site) lengths(ctx context.Context) (all []uint64) {
	GinkgoHelper()
	for _, name := range []string{events.StreamUsage, events.StreamMetered, events.StreamBilling} {
		state, err := s.bus.Stream(ctx, name)
		Expect(err).NotTo(HaveOccurred())
		all = append(all, state.Last)
	}
	return all
}

var _ = Describe("After a replay", func() {
	var (
		first, second, prices string
		s                     *site
	)

	BeforeEach(func(ctx SpecContext) {
		first, second, prices = month(1500)
		s = newSite(ctx)
	})

	// otherwise is the bill of a site with the same input and no replay.
	otherwise := func(ctx context.Context, cut timeline.Cut, catalogues []string, files ...string) string {
		GinkgoHelper()
		other := newSite(ctx)
		for _, c := range catalogues {
			other.ran("catalogue", "publish", "--yes", c)
		}
		for _, f := range files {
			other.ran("collect", "file", f)
			other.work(ctx, cut)
		}
		return other.bill(ctx)
	}

	It("with another cut the bill is as if it had never been another, whatever comes then", func(ctx SpecContext) {
		scale.Long(Skip)
		s.ran("catalogue", "publish", "--yes", prices)
		s.ran("collect", "file", first)
		s.work(ctx, timeline.CutDay)
		before := s.bill(ctx)

		dry := s.ran("replay", "--cut", "hour", "--dry-run")
		Expect(dry).To(MatchRegexp(`METERED: \d+ spans retracted and \d+ closed, would be published in \d+ messages`))
		Expect(s.bill(ctx)).To(Equal(before))
		Expect(s.ran("replay", "--cut", "hour")).To(ContainSubstring("Start the services"))
		s.work(ctx, timeline.CutHour)
		Expect(s.bill(ctx)).To(Equal(otherwise(ctx, timeline.CutHour, []string{prices}, first)))
		s.ran("verify", "--deep")

		lengths := s.lengths(ctx)
		Expect(s.ran("replay", "--cut", "hour")).To(Equal(
			"METERED: everything is as this version and these settings derive it; nothing published\n" +
				"BILLING: everything is as this version and these settings derive it; nothing published\n"))
		Expect(s.lengths(ctx)).To(Equal(lengths))

		s.ran("collect", "file", second)
		s.work(ctx, timeline.CutHour)
		Expect(s.bill(ctx)).To(Equal(otherwise(ctx, timeline.CutHour, []string{prices}, first, second)))
		s.ran("verify", "--deep")
		Expect(s.ran("replay")).To(ContainSubstring("spans retracted")) // back to days
		s.work(ctx, timeline.CutDay)
		Expect(s.bill(ctx)).To(Equal(otherwise(ctx, timeline.CutDay, []string{prices}, first, second)))
		s.balanced(ctx)
		s.ran("verify", "--deep")
	})

	It("of charges that were lost or changed the bill is right, and entries are reversed under the names that they "+
		"have", func(ctx SpecContext) {
		scale.Long(Skip)
		s.ran("catalogue", "publish", "--yes", prices)
		s.ran("collect", "file", first)
		s.work(ctx, timeline.CutDay)
		want := s.bill(ctx)
		s.damage(ctx)
		Expect(s.bill(ctx)).NotTo(Equal(want))
		status, _, notices := s.daybook("verify", "pricer", "--deep")
		Expect(status).To(Equal(5))
		Expect(notices).To(ContainSubstring("daybook replay pricer"))

		var out map[string]any
		Expect(json.Unmarshal([]byte(s.ran("replay", "pricer", "--format", "json")), &out)).To(Succeed())
		Expect(out).To(And(HaveKeyWithValue("stage", "pricer"), HaveKeyWithValue("changed", true),
			HaveKeyWithValue("taken_back", BeNumerically(">", 0)), HaveKeyWithValue("published",
				BeNumerically(">", 0))))
		Expect(s.bill(ctx)).To(Equal(want))
		s.ran("verify", "--deep")
		s.ran("replay", "projector", "--cut", "month") // nearly everything is taken back
		s.work(ctx, timeline.CutMonth)
		Expect(s.bill(ctx)).To(Equal(otherwise(ctx, timeline.CutMonth, []string{prices}, first)))
		s.ran("collect", "file", second)
		s.work(ctx, timeline.CutMonth)
		s.balanced(ctx)
		s.ran("verify", "--deep")
		Expect(s.ran("replay", "--cut", "month")).To(ContainSubstring("nothing published\nBILLING: everything is as"))
	})

	It("of METERED that was purged, BILLING goes on from it and nothing is posted anew", func(ctx SpecContext) {
		scale.Long(Skip)
		s.ran("collect", "file", first)
		s.work(ctx, timeline.CutDay) // unrated, for want of a catalogue
		s.ran("catalogue", "publish", "--yes", prices)
		s.work(ctx, timeline.CutDay)
		want := s.bill(ctx)
		standing := s.balanced(ctx)
		s.api("STREAM.PURGE.METERED", map[string]string{"filter": "metered.>"})
		status, _, notices := s.daybook("verify", "pricer")
		Expect(status).To(Equal(5))
		Expect(notices).To(ContainSubstring("`daybook replay pricer` brings BILLING in line with it"))

		Expect(s.ran("replay")).To(MatchRegexp(`METERED: was empty, derived from the start, up to message \d+ of USAGE\n` +
			`BILLING: 0 charges reversed and 0 posted, published in 1 messages; it now rests on message \d+ of METERED`))
		Expect(s.bill(ctx)).To(Equal(want))
		Expect(s.balanced(ctx)).To(Equal(standing))
		s.ran("verify", "--deep")
		s.ran("collect", "file", second)
		for _, cut := range []timeline.Cut{timeline.CutDay, timeline.CutHour} {
			s.ran("replay", "projector", "--cut", string(cut))
			s.work(ctx, cut)
		}
		s.balanced(ctx)
		s.ran("verify", "--deep")
		Expect(s.bill(ctx)).To(Equal(otherwise(ctx, timeline.CutHour, []string{prices}, first, second)))
	})
})

// contents reads a stream with the headers of the contract.
func (s *site) contents(ctx context.Context, name string) (all []bus.Message) {
	GinkgoHelper()
	state, err := s.bus.Stream(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	keys := []string{
		events.HeaderID, events.HeaderType, events.HeaderSource, events.HeaderSpecVersion,
		stage.HeaderSourceSeq, stage.HeaderPart, stage.HeaderLogic, stage.HeaderBase,
		stage.HeaderChain, stage.HeaderCount, stage.HeaderSourceID,
	}
	for seq := state.First; seq <= state.Last; seq++ {
		m, err := s.bus.Get(ctx, name, seq)
		Expect(err).NotTo(HaveOccurred())
		message := bus.Message{Subject: m.Subject, Data: m.Data}
		for _, key := range keys {
			if value := m.Header(key); value != "" {
				message.Header = append(message.Header, events.Header{Key: key, Value: value})
			}
		}
		all = append(all, message)
	}
	return all
}

// restored makes a stream anew, as from a changed backup.
func (s *site) restored(ctx context.Context, name string, all []bus.Message) {
	GinkgoHelper()
	// What is flushed at the moment of its removal may be found by a server that makes it anew.
	Eventually(func(g Gomega) {
		s.api("STREAM.DELETE."+name, struct{}{})
		g.Expect(s.bus.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		state, err := s.bus.Stream(ctx, name)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(state.Last).To(BeZero())
	}).Should(Succeed())
	var err error
	for last := uint64(0); len(all) > 0; {
		n := min(len(all), bus.MaxBatch)
		last, err = s.bus.Append(ctx, name, all[:n], bus.Expect{Last: last})
		Expect(err).NotTo(HaveOccurred())
		all = all[n:]
	}
}

// damage loses some messages of BILLING and changes some amounts.
func (s *site) damage(ctx context.Context) {
	GinkgoHelper()
	all := s.contents(ctx, events.StreamBilling)
	var left []bus.Message
	for i, m := range all {
		charges := strings.HasPrefix(m.Subject, "billing.charge.") && i < len(all)-1
		switch {
		case charges && i%20 == 3:
			continue
		case charges && i%20 == 9:
			m.Data = bytes.Replace(m.Data, []byte(`"amount":"`), []byte(`"amount":"1`), 1)
		}
		left = append(left, m)
	}
	Expect(len(left)).To(BeNumerically("<", len(all)))
	s.restored(ctx, events.StreamBilling, left)
}

var _ = Describe("daybook verify --deep", func() {
	It("names what was changed, removed, doubled or put in, in METERED and in BILLING, "+
		"anywhere", func(ctx SpecContext) {
		scale.Long(Skip)
		s := newSite(ctx)
		first, _, prices := month(300)
		s.ran("catalogue", "publish", "--yes", prices)
		s.ran("collect", "file", first)
		s.work(ctx, timeline.CutDay)
		Expect(s.ran("verify",
			"--deep")).To(MatchRegexp(`METERED is what USAGE derives: every byte .*\nBILLING is what METERED derives: every byte`))
		damages := map[string]func(all []bus.Message, at int) []bus.Message{
			"another body": func(all []bus.Message, at int) []bus.Message {
				all[at].Data = bytes.Replace(all[at].Data, []byte(`":`), []byte(`x":`), 1)
				return all
			},
			"another subject": func(all []bus.Message, at int) []bus.Message { all[at].Subject += "x"; return all },
			"another id": func(all []bus.Message, at int) []bus.Message {
				all[at].Header = slices.Concat([]events.Header{{Key: events.HeaderID, Value: "x"}}, all[at].Header[1:])
				return all
			},
			"removed": func(all []bus.Message, at int) []bus.Message { return slices.Delete(all, at, at+1) },
			"doubled": func(all []bus.Message, at int) []bus.Message { return slices.Insert(all, at, all[at]) },
			"foreign": func(all []bus.Message, at int) []bus.Message {
				return slices.Insert(all, at, bus.Message{Subject: all[at].Subject, Data: []byte("{}")})
			},
		}
		// the streams on top of METERED first: METERED is made anew
		for _, name := range []string{events.StreamBilling, events.StreamMetered} {
			which := map[string]string{events.StreamMetered: "projector", events.StreamBilling: "pricer"}[name]
			all := s.contents(ctx, name)
			own := slices.IndexFunc(all, func(m bus.Message) bool {
				return !strings.HasPrefix(m.Subject,
					"catalogue.")
			})
			for _, at := range []int{own, len(all) / 2, len(all) - 1} {
				for what, change := range damages {
					s.restored(ctx, name, change(slices.Clone(all), at))
					status, _, notices := s.daybook("verify", which, "--deep")
					Expect(status).To(Equal(5), "%s of message %d of %s", what, at+1, name)
					where := fmt.Sprintf("%s differs at message (%d|%d|%d) ", name, at, at+1, at+2)
					if what == "removed" && at == len(all)-1 {
						where = name + " differs at its end: a message is missing"
					}
					Expect(notices).To(MatchRegexp(where), "%s of message %d of %s", what, at+1, name)
				}
			}
			s.restored(ctx, name, all)
			s.ran("verify", which, "--deep")
			status, out, _ := s.daybook("verify", which, "--format", "json")
			Expect(status).To(BeZero())
			Expect(out).To(And(ContainSubstring(`"ok":true`), ContainSubstring(`"stage":"`+which+`"`)))
		}
	})

	It("takes the settings from the stream, whatever they are here", func(ctx SpecContext) {
		s := newSite(ctx)
		first, _, prices := month(300)
		s.ran("catalogue", "publish", "--yes", prices)
		s.ran("collect", "file", first)
		s.work(ctx, timeline.CutHour)
		GinkgoT().Setenv("DAYBOOK_CUT", "month")
		GinkgoT().Setenv("DAYBOOK_EPOCH_CF", "2027-01-01")
		s.ran("verify", "--deep")
	})
})
