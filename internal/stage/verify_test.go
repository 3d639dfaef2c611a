package stage_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/stage"
)

// contract are the headers that outputs have.
var contract = []string{
	events.HeaderID, events.HeaderType, events.HeaderSource, events.HeaderSpecVersion,
	stage.HeaderSourceSeq, stage.HeaderPart, stage.HeaderLogic, stage.HeaderBase, stage.HeaderChain, stage.HeaderCount,
	stage.HeaderSourceID,
}

// config is that of the stages that a world starts.
func (w *world) config() stage.Config {
	return stage.Config{
		Name: "test", Input: w.in, Output: w.out, OutputFilter: "own" + w.id + ".>", Marker: "own" + w.id + ".marker",
		Bucket: w.bucket,
		Logic:  "v1", MarkerEvery: uint64(w.markerEvery), Takeover: 20 * time.Millisecond, Poll: 2 * time.Millisecond,
	}
}

// check verifies the output stream as the stage package does it.
func (w *world) check(deep bool) (stage.Verified, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return stage.Verify(ctx, w.config(), w.bus, func() stage.Processor { return &adder{out: "own" + w.id} },
		stage.VerifyOptions{Deep: deep, Patience: 5 * time.Millisecond})
}

// contents reads the output stream.
func (w *world) contents() []bus.Message {
	state := must(w.bus.Stream(context.Background(), w.out))
	var all []bus.Message
	for seq := state.First; seq <= state.Last; seq++ {
		m := must(w.bus.Get(context.Background(), w.out, seq))
		message := bus.Message{Subject: m.Subject, Data: m.Data}
		for _, key := range contract {
			if value := m.Header(key); value != "" {
				message.Header = append(message.Header, events.Header{Key: key, Value: value})
			}
		}
		all = append(all, message)
	}
	return all
}

// restored makes the output stream anew, as a backup would that somebody has changed.
func (w *world) restored(messages []bus.Message) {
	w.api("STREAM.DELETE."+w.out, nil)
	w.createStream(w.out, "own"+w.id+".>", "catalogue"+w.id+".>")
	for last := uint64(0); len(messages) > 0; {
		n := min(len(messages), bus.MaxBatch)
		last = must(w.bus.AppendDerived(context.Background(), w.out, messages[:n], bus.Expect{Last: last}))
		messages = messages[n:]
	}
}

// setHeader changes one header of a message; all of them are there.
func setHeader(m *bus.Message, key string, change func(string) string) {
	for i := range m.Header {
		if m.Header[i].Key == key {
			m.Header[i].Value = change(m.Header[i].Value)
			return
		}
	}
	panic("no header " + key)
}

var _ = Describe("Verifying", func() {
	sizes := []int{1, 0, 3, 1200, 0, 2, 1}
	built := func() *world {
		w := newWorld(server, sizes...)
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		return w
	}

	DescribeTable("finds nothing wrong with what a stage put out", func(deep bool) {
		w := built()
		w.foreign("catalogue" + w.id + ".x")
		found, err := w.check(deep)
		Expect(err).NotTo(HaveOccurred())
		Expect(found.Outputs).To(Equal(uint64(1207)))
		Expect(found.Inputs).To(Equal(uint64(7)))
		Expect(found.Position).To(Equal(uint64(7)))
		Expect(found.Chain).To(Equal(w.expected()[1206].chain))
		Expect(must(w.bus.Stream(context.Background(), w.out)).Last).To(Equal(uint64(1208)), "nothing is stored")
	}, Entry("by the chain", false), Entry("byte by byte", true))

	It("finds nothing wrong with a stage that has nothing to put out, or is in the middle of an input", func() {
		w := newWorld(server)
		_, err := w.check(true)
		Expect(err).NotTo(HaveOccurred())
		w.feed(0, 0)
		_, err = w.check(true)
		Expect(err).NotTo(HaveOccurred())
	})

	It("goes beside a stage that is at work", func() {
		w := newWorld(server, sizes...)
		r := w.start(options{})
		for range 20 {
			w.feed(3, 0, 200)
			_, err := stage.Verify(context.Background(), w.config(), w.bus,
				func() stage.Processor { return &adder{out: "own" + w.id} },
				stage.VerifyOptions{Deep: true, Patience: patience})
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(r.worked()).To(BeTrue())
		Expect(r.stop()).To(Succeed())
	})

	It("tells how far it is", func() {
		w := built()
		var done, of uint64
		_, err := stage.Verify(context.Background(), w.config(), w.bus,
			func() stage.Processor { return &adder{out: "own" + w.id} },
			stage.VerifyOptions{Progress: func(position, total uint64) { done, of = position, total }})
		Expect(err).NotTo(HaveOccurred())
		Expect([]uint64{done, of}).To(Equal([]uint64{7, 7}))
	})

	It("refuses another logic, naming the setting, and an input that is not the one", func() {
		w := built()
		other := w.config()
		other.Logic = "v1 cut=hour"
		_, err := stage.Verify(context.Background(), other, w.bus, func() stage.Processor { return &adder{} },
			stage.VerifyOptions{})
		Expect(err).To(MatchError(stage.ErrDiverged))
		Expect(err).To(MatchError(ContainSubstring("cut is not set there and hour here")))
		w.recreate(sizes[:5]...)
		_, err = w.check(true)
		Expect(err).To(MatchError(stage.ErrInputChanged))
	})

	It("ends with an error of the bus, not with a mismatch", func() {
		w := built()
		ctx, cancel := context.WithCancel(context.Background())
		_, err := stage.Verify(ctx, w.config(), w.bus, func() stage.Processor { return &adder{out: "own" + w.id} },
			stage.VerifyOptions{Deep: true, Progress: func(uint64, uint64) { cancel() }})
		Expect(err).To(Or(Succeed(), MatchError(context.Canceled)))
	})

	// What may have become of a stream, at message at. named is the message that is to be named.
	type damage struct {
		name   string
		change func(all []bus.Message, at int) []bus.Message
		says   string
		last   bool // it is found at the last message, too
	}
	edit := func(change func(m *bus.Message)) func(all []bus.Message, at int) []bus.Message {
		return func(all []bus.Message, at int) []bus.Message {
			change(&all[at])
			return all
		}
	}
	header := func(key string) damage {
		return damage{"with another " + key, edit(func(m *bus.Message) {
			setHeader(m, key,
				func(v string) string { return v + "0" })
		}), key, true}
	}
	damages := []damage{
		{"with another body", edit(func(m *bus.Message) {
			m.Data = append(m.Data[:len(m.Data)-1:len(m.Data)-1],
				" }"...)
		}), "the body", true},
		{"with another subject", edit(func(m *bus.Message) { m.Subject += ".x" }), "the subject", true},
		{"without the contract's headers", edit(func(m *bus.Message) { m.Header = nil }), "", true},
		{
			"gone", func(all []bus.Message, at int) []bus.Message { return slices.Delete(all, at, at+1) }, "missing",
			false,
		},
		{
			"there twice", func(all []bus.Message, at int) []bus.Message { return slices.Insert(all, at+1, all[at]) },
			"a second time", false,
		},
		{"behind a foreign one", func(all []bus.Message, at int) []bus.Message {
			return slices.Insert(all, at, bus.Message{Subject: all[0].Subject, Data: []byte("{}")})
		}, "did not publish", true},
		header(events.HeaderID), header(events.HeaderType), header(events.HeaderSource),
		header(events.HeaderSpecVersion),
	}
	for _, d := range damages {
		It("names the first message that is "+d.name, func() {
			w := built()
			all := w.contents()
			for _, at := range []int{0, 600, len(all) - 1} {
				damaged := make([]bus.Message, len(all))
				for i := range all {
					damaged[i] = bus.Message{
						Subject: all[i].Subject, Data: slices.Clone(all[i].Data),
						Header: slices.Clone(all[i].Header),
					}
				}
				w.restored(d.change(damaged, at))
				_, err := w.check(true)
				named := at + 1
				switch {
				case at != len(all)-1 && d.name == "there twice", at == len(all)-1 && d.name == "there twice":
					named++
				case at == len(all)-1 && d.name == "gone":
					named = 0 // the end, where one more is to come
				}
				Expect(err).To(BeAssignableToTypeOf(&stage.Mismatch{}), "%d", at)
				mismatch := err.(*stage.Mismatch) //nolint:errorlint,forcetypeassert // as expected above
				Expect(mismatch.Sequence).To(Equal(uint64(named)), "%d: %v", at, err)
				if at != len(all)-1 || d.last {
					Expect(err).To(MatchError(And(ContainSubstring(d.says), ContainSubstring("daybook replay test"))),
						"%d", at)
				}
			}
		})
	}

	DescribeTable("names a message that was deleted with the nats tool", func(seq, named int, says string) {
		w := built()
		w.api("STREAM.MSG.DELETE."+w.out, map[string]int{"seq": seq})
		_, err := w.check(true)
		Expect(err).To(MatchError(ContainSubstring(says)))
		Expect(err).To(HaveField("Sequence", uint64(named)))
	},
		Entry("the first", 1, 2, "missing before this one"), Entry("one in the middle", 700, 701,
			"missing before this one"),
		Entry("the last", 1207, 0, "messages were removed behind the last one"),
	)

	It("finds nothing wrong where the last message was deleted, and the stage has put it out again behind", func() {
		w := built()
		w.api("STREAM.MSG.DELETE."+w.out, map[string]int{"seq": 1207})
		_, err := w.finish(options{})
		Expect(err).NotTo(HaveOccurred())
		for _, deep := range []bool{false, true} {
			Expect(w.check(deep)).To(HaveField("Sequence", uint64(1208)))
		}
	})

	It("finds more messages in a row that end no batch than a batch has", func() {
		w := built()
		all := w.contents()
		for i := range all[:len(all)-1] {
			all[i].Header = slices.DeleteFunc(slices.Clone(all[i].Header), func(h events.Header) bool {
				return slices.Contains([]string{stage.HeaderChain, stage.HeaderCount, stage.HeaderSourceID}, h.Key)
			})
		}
		w.restored(all)
		_, err := w.check(true)
		Expect(err).To(MatchError(ContainSubstring("the headers that end a batch")))
	})

	It("finds an end that was removed, batch by batch", func() {
		w := built()
		ends := 0
		all := w.contents()
		for n := len(all) - 1; n > 0; n-- {
			whole := slices.ContainsFunc(all[n-1].Header,
				func(h events.Header) bool { return h.Key == stage.HeaderChain })
			if !whole && n%100 != 0 {
				continue
			}
			ends++
			w.restored(all[:n])
			_, err := w.check(false)
			Expect(err).To(BeAssignableToTypeOf(&stage.Mismatch{}), "%d", n)
			Expect(err).To(MatchError(ContainSubstring("a message is missing")), "%d", n)
		}
		Expect(ends).To(BeNumerically(">", 3))
		w.restored(nil)
		_, err := w.check(false)
		Expect(err).To(MatchError(ContainSubstring("part 0 of what message 1 of")))
	})

	It("finds an end that was deleted although the stage has nothing to put out again", func() {
		scale.Long(Skip)
		w := built()
		w.foreign("own" + w.id + ".0")
		w.api("STREAM.MSG.DELETE."+w.out, map[string]int{"seq": 1208})
		_, err := w.check(false)
		Expect(err).To(MatchError(And(ContainSubstring("expected message 1208"),
			ContainSubstring("went as far as 1208"))))
	})

	It("by the chain alone goes on to name the first message that differs", func() {
		w := built()
		all := w.contents()
		all[3].Data = []byte(`{"sum":1,"part":0}`)
		for i := range all {
			for j, h := range all[i].Header {
				if h.Key == stage.HeaderChain {
					all[i].Header[j].Value = fmt.Sprintf("%064d", i)
				}
			}
		}
		w.restored(all)
		_, err := w.check(false)
		Expect(err).To(HaveField("What", Or(Equal("the body"), Equal("the header "+stage.HeaderChain))))
	})
})
