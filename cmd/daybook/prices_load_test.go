package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// A stream of facts: so many lines of a file, so often.
const (
	linesAtATime = 20
	lineEvery    = 20 * time.Millisecond
)

// stream adds lines to a followed file, 1,000 a second, and says when the first quarter is there.
func (s *site) stream(ctx context.Context, lines []byte) (begun, all chan struct{}) {
	GinkgoHelper()
	name := filepath.Join(GinkgoT().TempDir(), "followed.jsonl")
	out, err := os.Create(name)
	Expect(err).NotTo(HaveOccurred())
	collecting, err := file.New(file.Config{Foundation: "live", Files: []string{name}, Follow: true}, file.Deps{
		Store: file.OnBus(s.bus), Log: slog.New(slog.DiscardHandler),
	})
	Expect(err).NotTo(HaveOccurred())
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- collecting.Run(ctx) }()
	begun, all = make(chan struct{}), make(chan struct{})
	rows := bytes.SplitAfter(lines, []byte("\n"))
	go func() {
		defer GinkgoRecover()
		defer close(all)
		ticks := time.NewTicker(lineEvery)
		defer ticks.Stop()
		for at := 0; at < len(rows); at += linesAtATime {
			_, err := out.Write(bytes.Join(rows[at:min(at+linesAtATime, len(rows))], nil))
			Expect(err).NotTo(HaveOccurred())
			if at <= len(rows)/4 && at+linesAtATime > len(rows)/4 {
				close(begun)
			}
			<-ticks.C
		}
	}()
	DeferCleanup(func() {
		stop()
		Expect(<-ended).To(Or(Succeed(), MatchError(context.Canceled)))
		Expect(out.Close()).To(Succeed())
	})
	return begun, all
}

// seenBehind is what a preview of a version shows behind a message of METERED.
func (s *site) seenBehind(ctx context.Context, last uint64, c *catalogue.Catalogue) []effect.Row {
	GinkgoHelper()
	state := pricer.NewPreview()
	_, err := s.bus.Each(ctx, events.StreamMetered, 1, last, bus.ReadOptions{}, state.Step)
	Expect(err).NotTo(HaveOccurred())
	rows, _, _ := state.Rows(c, nil)
	return rows
}

// chargedUntil is the net amount of each month, tenant and currency in BILLING, up to a message.
func (s *site) chargedUntil(ctx context.Context, until func(*bus.Stored) bool) map[string]events.Decimal {
	GinkgoHelper()
	sums := map[string]events.Decimal{}
	_, err := s.bus.Each(ctx, events.StreamBilling, 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
		if until(m) {
			return io.EOF
		}
		var b events.Billing
		if m.Header(events.HeaderType) != events.TypeBilling {
			return nil
		}
		if err := b.DecodeJSON(m.Data); err != nil {
			return err
		}
		for i := range b.Charges {
			c := &b.Charges[i]
			key := c.Period + " " + c.Tenant + " " + c.Currency
			sums[key] = sums[key].Add(c.Amount)
		}
		return nil
	})
	Expect(errors.Is(err, io.EOF)).To(BeTrue(), "%v", err)
	return sums
}

var _ = Describe("A catalogue that is published while 1,000 facts arrive a second", func() {
	It("has an effect that the preview, the facts between and the bill explain", func(ctx SpecContext) {
		first, second, prices := month(3000)
		s := newSite(ctx)
		s.serve()
		s.ran("catalogue", "publish", "--yes", "--name", "A", prices)
		s.ran("collect", "file", first)
		begun, all := s.stream(ctx, must(os.ReadFile(second)))
		<-begun
		other := priced(prices, dearer)
		said := s.ran("catalogue", "publish", "--yes", "--wait", "1m", "--exact", "--name", "B", other)
		<-all

		parsed := must(catalogue.Check("B", must(os.ReadFile(other))))
		looked := regexp.MustCompile(`as of message (\d+) of METERED`).FindStringSubmatch(said)
		Expect(looked).NotTo(BeNil())
		sequence := must(strconv.ParseUint(looked[1], 10, 64))
		var seen strings.Builder
		preview := effect.Effect{Rows: s.seenBehind(ctx, sequence, parsed)}
		Expect(print.CatalogueEffect(&seen, &preview, true)).To(Succeed())
		Expect(said).To(ContainSubstring(seen.String()), "the preview is that of the message that it names")

		put := s.effectOf(ctx)
		shown := effect.Effect{Rows: s.seenBehind(ctx, put.Cause.Sequence-1, parsed)}
		Expect(put.Equal(&shown)).To(BeTrue(), "the effect is the preview of the message before")
		between := must(metered.Changes(ctx, s.bus, sequence, put.Cause.Sequence))
		var compared strings.Builder
		Expect(print.Compared(&compared, put, put.Equal(&preview), between, true)).To(Succeed())
		Expect(said).To(HaveSuffix(compared.String()), "both are shown, with the number of messages between")

		after := s.chargedUntil(ctx, func(m *bus.Stored) bool {
			return m.Header(events.HeaderType) == effect.Type &&
				bytes.Contains(m.Data, []byte(put.Cause.ID))
		})
		for _, r := range put.Rows {
			charged := after[r.Month+" "+r.Tenant+" "+r.After.Currency]
			Expect(charged.Cmp(r.After.Amount)).To(BeZero(), "the bill behind it")
		}
		Expect(len(put.Rows)).To(BeNumerically(">", 0))
	})
})
