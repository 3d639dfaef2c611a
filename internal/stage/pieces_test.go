package stage_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"log/slog"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// hoarder is an adder with its sum in pieces: one for every two inputs, and the rest.
type hoarder struct {
	*adder
	pieces []stage.Piece
	lies   bool // its snapshots are of another state
}

func (h *hoarder) Step(in *bus.Stored, emit func(stage.Output)) error {
	before := h.sum
	for _, p := range h.pieces {
		h.sum += binary.BigEndian.Uint64(p.Data)
	}
	whole := h.sum - before
	err := h.adder.Step(in, emit)
	h.sum -= whole
	if in.Sequence%2 == 0 {
		data := binary.BigEndian.AppendUint64(nil, h.sum)
		h.pieces = append(h.pieces, stage.Piece{Digest: sha256.Sum256(data), Data: data})
		h.sum = 0
	}
	return err
}

func (h *hoarder) Pieces() []stage.Piece { return h.pieces }

func (h *hoarder) Snapshot() ([]byte, error) {
	if h.lies {
		return binary.BigEndian.AppendUint64(nil, h.sum+1), nil
	}
	return h.adder.Snapshot()
}

func (h *hoarder) Restore(snapshot []byte) error { return h.RestorePieces(snapshot, nil) }

func (h *hoarder) RestorePieces(snapshot []byte, pieces []stage.Piece) error {
	h.pieces = pieces
	return h.adder.Restore(snapshot)
}

var _ = Describe("Snapshots of a state in pieces", func() {
	drive := func(w *world, b stage.Bus, h *hoarder) int64 {
		GinkgoHelper()
		r := &run{w: w, proc: h.adder, log: &logged{}, done: make(chan error, 1)}
		r.Stage = stage.New(w.config(), b, h, slog.New(slog.NewTextHandler(r.log, nil)), nil)
		r.ctx, r.cancel = context.WithCancel(context.Background())
		go func() { r.done <- r.Run(r.ctx); r.cancel() }()
		r.worked()
		Expect(r.stop()).To(Succeed())
		Expect(w.verify()).To(Succeed())
		return h.stepped.Load()
	}
	// finish runs a hoarder until every input has been worked off, and returns how many it stepped.
	finish := func(w *world, b stage.Bus) int64 {
		GinkgoHelper()
		return drive(w, b, &hoarder{adder: &adder{out: "own" + w.id}})
	}
	pieces := func(w *world) (names []string) {
		for _, name := range w.snapshots() {
			if strings.HasPrefix(name, "piece-") {
				names = append(names, name)
			}
		}
		return names
	}
	// grown has snapshots at 4, 8 and 12, with two pieces more each.
	grown := func() *world {
		GinkgoHelper()
		w := newWorld(server)
		for range 3 {
			w.feed(1, 2, 1, 1)
			finish(w, w.bus)
		}
		Expect(pieces(w)).To(HaveLen(6))
		return w
	}

	It("store each piece once, and begin a restart", func() {
		w := grown()
		w.feed(1, 1)
		puts := 0
		Expect(finish(w, &faulty{Bus: w.bus, cancel: func() {}, before: func(op string, _ int) error {
			if op == "PutObject" {
				puts++
			}
			return nil
		}})).To(Equal(int64(2)))
		Expect(puts).To(Equal(2), "the new piece and the snapshot")
		Expect(pieces(w)).To(HaveLen(7))
	})

	It("are passed over where a piece is damaged or gone", func() {
		w := grown()
		ctx := context.Background()
		known := map[string]bool{}
		all := pieces(w)
		for _, name := range all {
			known[name] = true
		}
		w.feed(1, 1)
		finish(w, w.bus)
		var last string
		for _, name := range pieces(w) {
			if !known[name] {
				last = name
			}
		}
		check(w.bus.PutObject(ctx, w.bucket, last, []byte("damaged")))
		Expect(finish(w, w.bus)).To(Equal(int64(2)), "from the snapshot at 12")
		for _, name := range pieces(w) {
			check(w.bus.DeleteObject(ctx, w.bucket, name))
		}
		Expect(finish(w, w.bus)).To(Equal(int64(14)), "from the start")
		Expect(finish(w, w.bus)).To(BeZero(), "from the snapshot that was taken since")
	})

	It("leave no piece behind that none of them has", func() {
		w := grown()
		check(w.bus.PutObject(context.Background(), w.bucket, "piece-00", []byte("of a snapshot that is gone")))
		for range 3 { // the first ones go, their pieces are in the later ones, too
			w.feed(1, 1)
			finish(w, w.bus)
		}
		Expect(pieces(w)).To(HaveLen(9))
		Expect(pieces(w)).NotTo(ContainElement("piece-00"))
	})

	It("are passed over where they do not lead to the stored chain", func() {
		w := newWorld(server, 1, 1, 1)
		drive(w, w.bus, &hoarder{adder: &adder{out: "own" + w.id}, lies: true})
		w.feed(1)
		hidden := &faulty{Bus: w.bus, cancel: func() {}, before: func(op string, _ int) error {
			if op == "GetObject" || op == "PutObject" {
				return bus.ErrNotFound
			}
			return nil
		}}
		Expect(finish(w, hidden)).To(Equal(int64(4)), "without a snapshot")
		w.feed(1)
		Expect(finish(w, w.bus)).To(Equal(int64(1+5)), "behind the snapshot at 3, and from the start")
	})

	It("that cannot be saved whole are not saved", func() {
		w := newWorld(server, 1, 1, 1, 1)
		finish(w, &faulty{Bus: w.bus, cancel: func() {}, before: func(op string, _ int) error {
			if op == "PutObject" {
				return errors.New("no room")
			}
			return nil
		}})
		Expect(w.snapshots()).To(BeEmpty())
		Expect(finish(w, w.bus)).To(Equal(int64(4)))
	})
})
