package stage_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// window is a processor that takes five inputs as one.
type window struct {
	out  string
	held []string
}

const windowLength = 5

func (p *window) Step(in *bus.Stored, emit func(stage.Output)) error {
	p.held = append(p.held, fmt.Sprint(in.Sequence))
	if len(p.held) == windowLength {
		emit(stage.Output{
			Subject: p.out + ".x", Type: "test", ID: fmt.Sprint(in.Sequence),
			Body: text(`"` + strings.Join(p.held, " ") + `"`),
		})
		p.held = nil
	}
	return nil
}

func (p *window) Window() (first uint64) {
	if len(p.held) > 0 {
		_, _ = fmt.Sscan(p.held[0], &first)
	}
	return first
}

func (p *window) Snapshot() ([]byte, error) {
	if len(p.held) > 0 {
		return nil, errors.New("a snapshot divides a window")
	}
	return []byte("between two windows"), nil
}

func (p *window) Restore([]byte) error {
	p.held = nil
	return nil
}

var _ = Describe("A processor that takes several inputs as one", func() {
	It("has none of them worked off, and no snapshot and no marker among them, before the last", func(ctx SpecContext) {
		w := newWorld(server, make([]int, 13)...)
		run := func(until uint64) (done uint64, said string) {
			var log strings.Builder
			cfg := w.config()
			cfg.SnapshotEvery, cfg.MarkerEvery = 1, 2
			s := stage.New(cfg, w.bus, &window{out: "own" + w.id}, slog.New(slog.NewTextHandler(&log, nil)), nil)
			running, stop := context.WithCancel(ctx)
			ended := make(chan error, 1)
			go func() { ended <- s.Run(running) }()
			Expect(s.Wait(ctx, until)).To(Succeed())
			stop()
			Expect(<-ended).To(Succeed())
			return s.Done(), log.String()
		}
		done, said := run(10)
		Expect(done).To(BeNumerically("==", 10))
		w.feed(make([]int, 7)...)
		done, more := run(20)
		Expect(done).To(BeNumerically("==", 20))
		Expect(said + more).NotTo(ContainSubstring("divides"))
		var bodies []string
		_, err := w.bus.Each(ctx, w.out, 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
			bodies = append(bodies, m.Header(stage.HeaderSourceSeq)+" "+string(m.Data))
			return nil
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(bodies).To(Equal([]string{
			`5 "1 2 3 4 5"`, `10 "6 7 8 9 10"`, `15 "11 12 13 14 15"`, `20 "16 17 18 19 20"`,
		}))
	})
})
