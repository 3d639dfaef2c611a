package stage_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// flood is an adder whose outputs of one input are longer than any server takes.
type flood struct {
	*adder
	at uint64
}

func (f *flood) Step(in *bus.Stored, emit func(stage.Output)) error {
	return f.adder.Step(in, func(out stage.Output) {
		if in.Sequence == f.at {
			out.Body = text(strings.Repeat("x", 9<<20))
		}
		emit(out)
	})
}

var _ = Describe("An output that no server takes", func() {
	It("is an anomaly in its place, which names the fact, and everything else goes on", func() {
		w := newWorld(server, 1, 2, 1)
		cfg := w.config()
		cfg.TooLong = func(out *stage.Output, cause events.Cause, a events.Anomaly) stage.Output {
			return stage.Output{
				Subject: "own" + w.id + ".anomaly", Type: events.TypeAnomaly, ID: out.ID,
				Body: text(fmt.Sprintf("%s, %s: %s", a.Code, cause.ID, a.Message)),
			}
		}
		newProcessor := func() stage.Processor { return &flood{&adder{out: "own" + w.id}, 2} }
		for range 2 { // the second goes on from what is stored
			s := stage.New(cfg, w.bus, newProcessor(), slog.New(slog.DiscardHandler), nil)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			ran := make(chan error, 1)
			go func() { ran <- s.Run(ctx) }()
			Expect(s.Wait(ctx, uint64(len(w.sizes)))).To(Succeed())
			cancel()
			Expect(<-ran).To(Succeed())
			w.dropSnapshots()
			w.feed(1)
		}
		all := w.contents()
		Expect(all).To(HaveLen(5))
		for i, m := range all[1:3] {
			Expect(string(m.Data)).To(Equal(fmt.Sprintf("too_long, input-2: what message 2 of %s leads to on own%s.%d "+
				"has 9437184 bytes, more than a message may have, and is left out: it is on no bill. "+
				"`nats stream get %[1]s 2` shows the message; report it", cfg.Input, w.id, i)), "part %d", i)
		}
		Expect(string(all[4].Data)).To(HavePrefix(`{"sum":`))
		deep := stage.VerifyOptions{Deep: true, Patience: 1}
		_, err := stage.Verify(context.Background(), cfg, w.bus, newProcessor, deep)
		Expect(err).To(MatchError(ContainSubstring("has not put it out yet")),
			"but for the last input all is as derived")
	})
})
