package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// diary appends to USAGE as collectors do.
type diary struct {
	*site
	last  uint64
	facts map[string]uint64 // by guid
}

func (d *diary) append(ctx context.Context, subject, kind, id string, body stage.Body, window string) {
	GinkgoHelper()
	header := events.AppendHeaders(nil, id, kind, "test")
	if window != "" {
		header = append(header, events.Header{Key: events.HeaderWindow, Value: window})
	}
	last, err := d.bus.Append(ctx, events.StreamUsage, []bus.Message{
		{Subject: subject, Header: header, Data: body.AppendJSON(nil)},
	}, bus.Expect{Last: must(d.bus.Stream(ctx, events.StreamUsage)).Last})
	Expect(err).NotTo(HaveOccurred())
	d.last = last
}

// tell appends facts in the notation of the transcripts, as one batch.
func (d *diary) tell(ctx context.Context, lines ...string) {
	GinkgoHelper()
	for i, text := range lines {
		line, err := parseLine(text)
		Expect(err).NotTo(HaveOccurred())
		guid := line.words.or("guid", fmt.Sprintf("event-%d", d.last+1))
		raw, err := line.json(guid)
		Expect(err).NotTo(HaveOccurred())
		u, err := file.Normalise(file.DefaultFoundation, raw)
		Expect(err).NotTo(HaveOccurred())
		if after, late := line.words["follows"]; late {
			u.AfterGUID, u.AfterSequence = after, d.facts[after]
		}
		window := ""
		switch {
		case len(lines) == 1:
		case i == 0:
			window = events.WindowBegin
		case i == len(lines)-1:
			window = events.WindowEnd
		}
		d.append(ctx, events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.SubjectResource()),
			events.TypeUsage, u.ID, &u, window)
		d.facts[guid] = d.last
	}
}

func (d *diary) reach(ctx context.Context, source, at string) {
	GinkgoHelper()
	to, err := moment(at)
	Expect(err).NotTo(HaveOccurred())
	h := events.Horizon{
		ID: fmt.Sprint("horizon-", d.last+1), Source: source, Foundation: file.DefaultFoundation, Time: to,
	}
	d.append(ctx, events.UsageHorizonSubject(source, file.DefaultFoundation), events.TypeHorizon, h.ID, &h, "")
}

// metered are the bodies of METERED, without markers.
func (d *diary) metered(ctx context.Context) (all []string) {
	GinkgoHelper()
	_, err := d.bus.Each(ctx, events.StreamMetered, 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
		if m.Header(events.HeaderType) != events.TypeMarker {
			all = append(all, m.Subject+" "+string(m.Data))
		}
		return nil
	})
	Expect(err).NotTo(HaveOccurred())
	return all
}

// inMemory are the same bodies, as the projector's function derives them from USAGE without a
// server.
func (d *diary) inMemory(ctx context.Context, cut timeline.Cut) (all []string) {
	GinkgoHelper()
	_, newProcessor, err := projector.Contract(projector.Config{Cut: cut})
	Expect(err).NotTo(HaveOccurred())
	proc, both := newProcessor(), newStreams()
	_, err = d.bus.Each(ctx, events.StreamUsage, 1, bus.End, bus.ReadOptions{}, func(in *bus.Stored) error {
		err := both.step(ctx, events.StreamUsage, events.StreamMetered, proc, in, func(o stage.Output) {
			out := storedInput(o, uint64(len(all)+1))
			both.add(events.StreamMetered, out)
			all = append(all, out.Subject+" "+string(out.Data))
		})
		both.add(events.StreamUsage, *in)
		return err
	})
	Expect(err).NotTo(HaveOccurred())
	return all
}

// killed is a bus of a projector that is killed when it has read so many times what it had put out.
type killed struct {
	stage.Bus
	reads int
	kill  context.CancelFunc
}

var errKilled = errors.New("killed")

func (k *killed) Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
	yield func(*bus.Stored) error,
) (uint64, error) {
	if stream == events.StreamMetered && len(options.Filters) == 1 {
		if k.reads--; k.reads < 0 {
			k.kill()
			return 0, errKilled
		}
	}
	return k.Bus.Each(ctx, stream, from, to, options, yield)
}

// AppendDerived stores nothing any more after the kill.
func (k *killed) AppendDerived(ctx context.Context, stream string, messages []bus.Message, expect bus.Expect) (uint64,
	error,
) {
	if k.reads < 0 {
		return 0, errKilled
	}
	return k.Bus.AppendDerived(ctx, stream, messages, expect)
}

// lacking is a bus with a message of USAGE deleted.
type lacking struct{ stage.Bus }

func (l lacking) Stream(ctx context.Context, name string) (bus.StreamState, error) {
	state, err := l.Bus.Stream(ctx, name)
	if name == events.StreamUsage {
		state.Messages--
	}
	return state, err
}

const pricesByTheHour = `currency: GBP
vat_rates: [{code: Standard, valid_from: 2001-01-01, rate: "0.2"}]
plans:
  - name: all
    match: {}
    valid_from: 2001-01-01
    components:
      - {name: hour, quantity: "seconds / 3600", unit: h, unit_price: "0.01", currency: GBP, vat: Standard}
`

var _ = Describe("A late fact of a folded month, on a server", func() {
	var d *diary

	BeforeEach(func(ctx SpecContext) {
		d = &diary{site: newSite(ctx), facts: map[string]uint64{}}
		act := events.Act{
			ID: "catalogue", Kind: events.ActCatalogue, By: "ann", Time: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC),
			Catalogue: events.Catalogue{Version: "1", YAML: pricesByTheHour},
		}
		d.append(ctx, events.ActSubject(act.Kind, "", ""), events.TypeAct, act.ID, &act, "")
		d.tell(ctx, "2026-09-10T00:00Z app-started process=X app=X guid=begin",
			"2026-09-10T00:00Z task-started task=T app=X guid=task")
		d.tell(ctx, "2026-09-11T00:00Z app-stopped process=X app=X previous=STARTED guid=end",
			"2026-09-12T00:00Z service-created service=S guid=service")
		d.tell(ctx, "2026-09-12T00:00Z task-stopped task=T app=X previous=RUNNING",
			"2026-09-30T00:00Z app-started process=Z app=Z guid=z")
		d.reach(ctx, events.SourceCF, "2026-10-20T00:00Z")
		d.reach(ctx, events.SourceCF, "2026-12-06T00:00Z")
		d.work(ctx, timeline.CutDay)
	})

	late := func(ctx context.Context) {
		GinkgoHelper()
		d.tell(ctx, "2026-09-20T00:00Z app-started process=X app=X follows=end guid=begin-2",
			"2026-09-20T06:00Z app-stopped process=X app=X previous=STARTED follows=begin-2",
			"2026-09-10T12:00Z task-stopped task=T app=X previous=RUNNING follows=task",
			"2026-09-13T00:00Z service-deleted service=S follows=service")
	}
	// total is the whole amount: corrections stand in other months than with full knowledge.
	total := func(ctx context.Context) string {
		GinkgoHelper()
		var sum events.Decimal
		_, err := d.bus.Each(ctx, events.StreamBilling, 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
			var b events.Billing
			if m.Header(events.HeaderType) != events.TypeBilling {
				return nil
			}
			err := b.DecodeJSON(m.Data)
			for i := range b.Charges {
				sum = sum.Add(b.Charges[i].Amount)
			}
			return err
		})
		Expect(err).NotTo(HaveOccurred())
		return sum.String()
	}

	It("is derived, and verification, a start without snapshots and the functions alone agree", func(ctx SpecContext) {
		Expect(total(ctx)).To(Equal("37.2")) // X 24 h, T 48, S 85 days, Z 67
		late(ctx)
		d.work(ctx, timeline.CutDay)
		Expect(total(ctx)).To(Equal("16.74")) // X 30 h, T 12, S 24
		Expect(d.metered(ctx)).To(Equal(d.inMemory(ctx, timeline.CutDay)))
		d.ran("verify", "--deep")
		for _, name := range must(d.bus.ListObjects(ctx, projector.Bucket)) {
			Expect(d.bus.DeleteObject(ctx, projector.Bucket, name)).To(Succeed())
		}
		d.reach(ctx, events.SourceCF, "2026-12-07T00:00Z")
		d.work(ctx, timeline.CutDay)
		Expect(d.metered(ctx)).To(Equal(d.inMemory(ctx, timeline.CutDay)))
		d.ran("verify", "--deep")
	})

	It("is derived after a kill while it is", func(ctx SpecContext) {
		late(ctx)
		for reads := range 3 {
			run, cancel := context.WithCancel(ctx)
			p, err := projector.New(projector.Config{Cut: timeline.CutDay}, projector.Deps{
				Bus: &killed{d.bus, reads, cancel}, Log: slog.New(slog.NewTextHandler(GinkgoWriter, nil)),
			})
			Expect(err).NotTo(HaveOccurred())
			Expect(p.Run(run)).To(Succeed())
			Expect(run.Err()).To(HaveOccurred())
		}
		d.work(ctx, timeline.CutDay)
		Expect(d.metered(ctx)).To(Equal(d.inMemory(ctx, timeline.CutDay)))
		d.ran("verify", "--deep")
	})

	It("is derived by a replay, and behind one", func(ctx SpecContext) {
		late(ctx)
		d.work(ctx, timeline.CutDay)
		d.ran("replay", "--cut", "hour")
		d.work(ctx, timeline.CutHour)
		d.ran("verify", "--deep")
		Expect(total(ctx)).To(Equal("16.74"))
		d.tell(ctx, "2026-09-10T06:00Z task-stopped task=T app=X previous=RUNNING follows=task",
			"2026-09-20T01:00Z app-stopped process=X app=X previous=STARTED follows=begin-2")
		d.work(ctx, timeline.CutHour)
		Expect(total(ctx)).To(Equal("16.63")) // X 25 h, T 6
		d.ran("verify", "--deep")
		for _, name := range must(d.bus.ListObjects(ctx, projector.Bucket)) {
			Expect(d.bus.DeleteObject(ctx, projector.Bucket, name)).To(Succeed())
		}
		d.reach(ctx, events.SourceCF, "2026-12-07T00:00Z")
		d.work(ctx, timeline.CutHour)
		d.ran("verify", "--deep")
		Expect(d.ran("replay", "--cut", "hour")).To(ContainSubstring("nothing published"))
	})

	It("is held where USAGE lacks messages", func(ctx SpecContext) {
		late(ctx)
		p, err := projector.New(projector.Config{Cut: timeline.CutDay}, projector.Deps{
			Bus: lacking{d.bus}, Log: slog.New(slog.NewTextHandler(GinkgoWriter, nil)),
		})
		Expect(err).NotTo(HaveOccurred())
		d.settle(ctx, events.StreamUsage, p.Run, p.Wait)
		out := d.ran("holds", "list")
		Expect(out).To(ContainSubstring("closed_period"))
		Expect(out).To(ContainSubstring("messages of USAGE are gone"))
	})
})
