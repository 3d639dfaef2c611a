package main

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// disk is a site whose server can lose its power.
type disk struct {
	*site
	folder string
	server *bus.Server
}

func newDisk() *disk {
	d := &disk{site: &site{}, folder: GinkgoT().TempDir()}
	DeferCleanup(func() { d.stop() })
	return d
}

func (d *disk) start(ctx context.Context) {
	GinkgoHelper()
	var err error
	d.server, err = bus.StartServer(bus.ServerConfig{DataDir: d.folder, Listen: "127.0.0.1:0"})
	Expect(err).NotTo(HaveOccurred())
	d.url = d.server.URL()
	d.bus, err = bus.Connect(ctx, bus.Config{URL: d.url, Timeout: scale.Patience})
	Expect(err).NotTo(HaveOccurred())
	Expect(d.bus.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
}

func (d *disk) stop() {
	if d.server != nil {
		d.bus.Close()
		d.server.Shutdown()
		d.server = nil
	}
}

// block is the only block of a stream, and its size.
func (d *disk) block(stream string) (name string, size int64) {
	GinkgoHelper()
	blocks, err := filepath.Glob(filepath.Join(d.folder, "jetstream", "*", "streams", stream, "msgs", "*.blk"))
	Expect(err).NotTo(HaveOccurred())
	Expect(blocks).To(HaveLen(1))
	info, err := os.Stat(blocks[0])
	Expect(err).NotTo(HaveOccurred())
	return blocks[0], info.Size()
}

// said are the subjects, ids and bodies of a stream.
func (s *site) said(ctx context.Context, stream string) (all []string) {
	GinkgoHelper()
	for _, m := range s.contents(ctx, stream) {
		at := slices.IndexFunc(m.Header, func(h events.Header) bool { return h.Key == events.HeaderID })
		all = append(all, m.Subject+" "+m.Header[at].Value+" "+string(m.Data))
	}
	return all
}

var _ = Describe("A replay", func() {
	It("begins with an act that names the person, and is the cause of what it publishes", func(ctx SpecContext) {
		s := newSite(ctx)
		first, _, prices := month(400)
		s.ran("catalogue", "publish", "--yes", prices)
		s.ran("collect", "file", first)
		s.work(ctx, timeline.CutDay)
		before := s.lengths(ctx)
		s.ran("replay", "--cut", "hour", "--by", "ann", "--note", "asked for")
		var begun []acts.Act
		Expect(acts.List(ctx, s.bus, events.ActReplay, "", func(a *acts.Act) error {
			begun = append(begun, *a)
			return nil
		})).To(Succeed())
		Expect(begun).NotTo(BeEmpty())
		Expect(begun[0].Replay.Projection).To(Equal("projector"))
		for _, a := range begun {
			Expect([]string{a.By, a.Note}).To(Equal([]string{"ann", "asked for"}))
		}
		Expect(begun[0].Replay.Output).To(Equal(before[1]))
		m, err := s.bus.Get(ctx, events.StreamMetered, before[1]+1)
		Expect(err).NotTo(HaveOccurred())
		var difference events.Metered
		Expect(difference.DecodeJSON(m.Data)).To(Succeed())
		Expect(difference.Cause.ID).To(Equal(begun[0].ID))
	})

	It("that a power cut took is finished by the services when they start, the same under the same ids",
		func(ctx SpecContext) {
			scale.Long(Skip)
			d := newDisk()
			d.start(ctx)
			first, _, prices := month(400)
			d.ran("catalogue", "publish", "--yes", prices)
			d.ran("collect", "file", first)
			d.work(ctx, timeline.CutDay)
			d.stop()
			streams := []string{events.StreamMetered, events.StreamBilling}
			var before [2]int64
			for i, stream := range streams {
				_, before[i] = d.block(stream)
			}
			d.start(ctx)
			d.ran("replay", "--cut", "hour")
			d.work(ctx, timeline.CutHour)
			var said [2][]string
			for i, stream := range streams {
				said[i] = d.said(ctx, stream)
			}
			right, random := d.bill(ctx), rand.New(rand.NewPCG(1, uint64(GinkgoRandomSeed())))
			for range 4 {
				d.stop()
				for i, stream := range streams {
					name, size := d.block(stream)
					Expect(os.Truncate(name, before[i]+random.Int64N(size-before[i]+1))).To(Succeed())
					Expect(os.RemoveAll(filepath.Join(filepath.Dir(name), "index.db"))).To(Succeed())
				}
				d.start(ctx)
				d.work(ctx, timeline.CutHour)
				for i, stream := range streams {
					Expect(d.said(ctx, stream)).To(Equal(said[i]), stream)
				}
				Expect(d.bill(ctx)).To(Equal(right))
			}
			d.balanced(ctx)
			d.ran("bill")
			d.ran("verify", "--deep")
		})
})
