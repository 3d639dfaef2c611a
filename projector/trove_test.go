package projector_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// database is a fact of instance I, created at 10:00, observed at `at`: its time, too, unless a
// detail differs.
func database(event, at string, details ...detail) *events.Usage {
	u := events.Usage{
		ID: events.ID("trove", event, at), Source: events.SourceTrove, Foundation: "eu", Tenant: "project",
		Kind: events.KindInstance, Resource: "I",
		Event: event, Time: clock(at), Observed: clock(at), Created: clock("10:00"), Name: "db", State: "active",
	}
	if event == events.EventTroveCreate {
		u.Time = u.Created
	}
	for _, d := range details {
		d(&u)
	}
	return &u
}

func flavour(id string, memory uint32) detail {
	return func(u *events.Usage) {
		u.Footprint.Flavor, u.Footprint.FlavorID, u.Footprint.MemoryMB = "m1."+id, id, events.Some(memory)
	}
}
func flavourID(id string) detail { return func(u *events.Usage) { u.Footprint.FlavorID = id } }
func volume(gb uint32) detail {
	return func(u *events.Usage) { u.Footprint.VolumeGB = events.Some(gb) }
}

// unsized is a volume without its size.
func unsized(u *events.Usage) { u.Footprint.VolumeGB, u.VolumeUnknown = events.Count{}, true }

func oldMemory(mb uint32) detail {
	return func(u *events.Usage) { u.PreviousMemoryMB = events.Some(mb) }
}

func oldVolume(gb uint32) detail { return func(u *events.Usage) { u.OldVolumeGB = events.Some(gb) } }
func seen(at string) detail      { return func(u *events.Usage) { u.Observed = clock(at) } }
func state(s string) detail      { return func(u *events.Usage) { u.State = s } }
func message(id string) detail   { return func(u *events.Usage) { u.ID = id } }

func created(details ...detail) *events.Usage {
	return database("create", "10:03", append([]detail{flavour("s", 512), volume(1)}, details...)...)
}

func deleted(at string, details ...detail) *events.Usage {
	return database("delete", at, append([]detail{flavour("s", 512), volume(1)}, details...)...)
}

func exists(at string, details ...detail) *events.Usage {
	return database("exists", at, append([]detail{flavourID("s")}, details...)...)
}

var _ = Describe("A database", func() {
	It("of the Trove page is billed 344 s and 80 s by flavour, 213 s and 211 s by volume", func() {
		at := func(day, effect, observed string) detail {
			return func(u *events.Usage) {
				u.Created, u.Time, u.Observed = clock("06-28 05:54:52"), clock(day+" "+effect), clock(day+" "+observed)
			}
		}
		b := told(
			database("create", "10:00", flavour("tiny", 512), volume(1), at("06-28", "05:54:52", "05:54:57")),
			database("modify_volume", "10:00", flavour("tiny", 512), volume(3), oldVolume(1), at("06-28", "05:58:25",
				"05:58:25")),
			database("modify_flavor", "10:00", flavour("smaller", 768), volume(3), at("06-28", "06:00:36", "06:00:36")),
			database("delete", "10:00", flavour("smaller", 768), volume(3), at("06-28", "06:01:56", "06:01:59")),
		)
		var seconds []float64
		for _, s := range b.spans() {
			seconds = append(seconds, s.End.Sub(s.Start).Seconds())
		}
		Expect(seconds).To(Equal([]float64{344, 80, 213, 211}))
		Expect(b.closed()).To(Equal([]string{
			"I 06-28 05:54:52-06-28 06:00:36 m1.tiny 512 MB", "I 06-28 06:00:36-06-28 06:01:56 m1.smaller 768 MB",
			"I 06-28 05:54:52-06-28 05:58:25 1 GB", "I 06-28 05:58:25-06-28 06:01:56 3 GB",
		}))
		Expect(b.codes()).To(BeEmpty())
	})

	// Trove 18.0.0, observed: no modify_volume any more; exists of the build before the create; the
	// deletion in the second of the change of flavour.
	It("of Trove 18 has 1 GB until resize_volume.end and 3 GB after; an empty span is not published", func() {
		b := told(
			exists("10:00:04", state("build"),
				func(u *events.Usage) { u.Created = clock("10:00").Add(983417 * time.Microsecond) }),
			created(state("unknown")),
			exists("10:00:05", state("unknown")),
			database("resize_volume.end", "10:00:11", volume(3), state(""),
				func(u *events.Usage) { u.Created = time.Time{} }),
			database("modify_flavor", "10:00:21", flavour("m", 768), volume(3), state("unknown")),
			database("exists", "10:00:21", flavourID("m"), state("unknown"),
				func(u *events.Usage) { u.Observed = u.Time.Add(694 * time.Millisecond); u.Time = u.Observed }),
			database("delete", "10:00:21", flavour("m", 768), volume(3), seen("10:00:25"), state("shutdown")),
		)
		Expect(b.closed()).To(Equal([]string{
			"I 10:00-10:00:21 m1.s 512 MB", "I 10:00-10:00:11 1 GB",
			"I 10:00:11-10:00:21 3 GB",
		}))
		Expect(b.codes()).To(BeEmpty())
	})

	It("runs on both tracks, cut at the boundaries", func() {
		b := newBooks(projector.Config{Cut: timeline.CutHour}).tell(created()).reachTime(events.SourceTrove,
			clock("12:10"))
		Expect(b.closed()).To(Equal([]string{
			"I 10:00-11:00 m1.s 512 MB", "I 11:00-12:00 m1.s 512 MB since 10:00", "I 10:00-11:00 1 GB",
			"I 11:00-12:00 1 GB since 10:00",
		}))
		Expect(b.running()).To(Equal([]string{"I 12:00- m1.s 512 MB since 10:00", "I 12:00- 1 GB since 10:00"}))
	})

	It("whose deletion comes after a cut has only the pieces after it taken back", func() {
		b := newBooks(projector.Config{Cut: timeline.CutHour}).tell(created()).reachTime(events.SourceTrove,
			clock("12:10")).tell(deleted("11:30"))
		Expect(lines(b.last.Retracted)).To(Equal([]string{
			"I 11:00-12:00 m1.s 512 MB since 10:00",
			"I 11:00-12:00 1 GB since 10:00",
		}))
		Expect(b.closed()).To(Equal([]string{
			"I 10:00-11:00 m1.s 512 MB", "I 11:00-11:30 m1.s 512 MB since 10:00", "I 10:00-11:00 1 GB",
			"I 11:00-11:30 1 GB since 10:00",
		}))
	})

	// trove/instance/models.py, Instance.resize_volume: one request resizes a primary and its
	// replicas, and names the primary for each.
	Context("whose replicas are resized with it", func() {
		resized := func(at string, gb uint32) *events.Usage { return database("resize_volume.end", at, volume(gb)) }
		left := func(b *books) (out []string) {
			for _, a := range b.meter.Anomalies(events.SourceTrove, "eu") {
				out = append(out, a.Code+" "+short(a.Time))
			}
			return out
		}
		It("has its own size from the first message on, and an anomaly for each of the others, in whatever order "+
			"they come", func() {
			facts := []*events.Usage{
				created(), resized("11:00", 3), resized("11:01", 3), resized("11:02", 3),
				deleted("12:00", volume(3)),
			}
			for _, order := range [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}} {
				b := told()
				for _, i := range order {
					b.tell(facts[i])
				}
				Expect(b.closed()).To(Equal([]string{
					"I 10:00-12:00 m1.s 512 MB", "I 10:00-11:00 1 GB",
					"I 11:00-12:00 3 GB",
				}))
				Expect(left(b)).To(Equal([]string{"replica_resize 11:01", "replica_resize 11:02"}), "%v", order)
			}
		})
		It("says what may be wrong and what to do", func() {
			b := told(created(), resized("11:00", 3), resized("11:01", 3))
			Expect(b.codes()).To(Equal([]string{events.AnomalyReplicaResize}))
			Expect(b.anomalies[0].Message).To(And(ContainSubstring("3 GB again"),
				ContainSubstring("may be larger than billed"), ContainSubstring("openstack database instance list")))
		})
		It("is told by a message with the size that a snapshot has shown before", func() {
			Expect(left(told(created(), resized("11:00", 1)))).To(Equal([]string{"replica_resize 11:00"}))
		})
		It("is none when the same message comes twice, or the size is another one", func() {
			Expect(left(told(created(), resized("11:00", 3), resized("11:00", 3), resized("11:30", 5)))).To(BeEmpty())
		})
		It("is none for the end of the resize that modify_volume says, and is one for a second end", func() {
			change := database("modify_volume", "11:00", flavour("s", 512), volume(3), oldVolume(1))
			b := told(created(), change, resized("11:01", 3))
			Expect(left(b)).To(BeEmpty())
			Expect(left(b.tell(resized("11:02", 3)))).To(Equal([]string{"replica_resize 11:02"}))
		})
	})

	Context("whose deletion is before its creation", func() {
		early := deleted("09:00", seen("11:00"))
		It("has no span, and that is an anomaly", func() {
			for _, facts := range [][]*events.Usage{{created(), early}, {early, created()}, {exists("10:30"), early}} {
				b := told(facts...)
				Expect(b.closed()).To(BeEmpty())
				Expect(b.codes()).To(ContainElement(events.AnomalyClock))
				Expect(b.last.Held).To(BeEmpty())
			}
		})
		It("is an anomaly when only the deletion is known", func() {
			Expect(told(early).codes()).To(Equal([]string{events.AnomalyClock}))
		})
		It("is none when both are in the same second", func() {
			Expect(told(created(), deleted("10:00")).codes()).To(BeEmpty())
		})
	})

	It("is billed from the epoch on", func() {
		b := newBooks(projector.Config{
			Cut:   timeline.CutNone,
			Epoch: map[string]time.Time{events.SourceTrove: clock("10:15")},
		}).tell(created(), deleted("11:00"))
		Expect(b.closed()).To(Equal([]string{"I 10:15-11:00 m1.s 512 MB", "I 10:15-11:00 1 GB"}))
	})

	It("takes a message once, and a second deletion for nothing when it is later", func() {
		b := told(created(), deleted("11:00"))
		before := len(b.stream)
		b.tell(created(), deleted("11:00"))
		Expect(b.stream).To(HaveLen(before))
		b.tell(deleted("11:05", message("another")))
		Expect(b.closed()).To(Equal([]string{"I 10:00-11:00 m1.s 512 MB", "I 10:00-11:00 1 GB"}))
	})

	It("ends at its earliest deletion", func() {
		b := told(created(), deleted("11:05"), deleted("11:00"))
		Expect(b.closed()).To(Equal([]string{"I 10:00-11:00 m1.s 512 MB", "I 10:00-11:00 1 GB"}))
	})

	It("that exists after its deletion stays deleted, and that is an anomaly", func() {
		b := told(created(), deleted("11:00"), exists("11:30"))
		Expect(b.closed()).To(Equal([]string{"I 10:00-11:00 m1.s 512 MB", "I 10:00-11:00 1 GB"}))
		Expect(b.codes()).To(Equal([]string{events.AnomalyAfterDelete}))
	})

	Context("that failed to build", func() {
		It("is not billed, whatever its deletion says", func() {
			b := told(exists("10:01", state("build")), exists("10:02", state("error")), deleted("10:05"))
			Expect(b.closed()).To(BeEmpty())
			Expect(b.codes()).To(Equal([]string{events.AnomalyFailedBuild}))
		})
		It("is held when nothing but its deletion is known: it may be a create that was lost", func() {
			b := told(deleted("10:05"))
			Expect(b.closed()).To(BeEmpty())
			Expect(b.codes()).To(Equal([]string{events.AnomalyDeleteWithoutCreate}))
		})
		It("costs nothing while it builds", func() {
			b := told(exists("10:01", state("build"))).reachTime(events.SourceTrove, clock("12:00"))
			Expect(b.whole()).To(BeEmpty())
		})
	})

	Context("known only by its signs of life", func() {
		It("runs from its creation with an inferred start; its volume is held, not billed as 0 GB", func() {
			b := told(exists("10:30")).reachTime(events.SourceTrove, clock("11:00"))
			Expect(lines(b.whole())).To(Equal([]string{"I 10:00-11:00 s inferred_start"}))
			Expect(b.codes()).To(Equal([]string{events.AnomalyUnknownVolume}))
		})
		It("is billed in full when the create arrives", func() {
			b := told(exists("10:30"), deleted("11:00"), created())
			Expect(b.closed()).To(Equal([]string{"I 10:00-11:00 m1.s 512 MB", "I 10:00-11:00 1 GB"}))
			Expect(b.meter.Anomalies(events.SourceTrove, "eu")).To(BeEmpty())
		})
		It("has the memory that any other message says of the same flavour", func() {
			b := told(exists("10:30"), deleted("11:00"))
			Expect(b.closed()).To(Equal([]string{"I 10:00-11:00 m1.s 512 MB inferred_start", "I 10:00-11:00 1 GB " +
				"inferred_start"}))
		})
	})

	It("counts nothing from signs of life, and keeps the first and the last of those that agree", func() {
		b := told(created())
		before := len(b.stream)
		for i := range 100 {
			b.tell(exists(fmt.Sprintf("11:%02d:%02d", i/60, i%60)))
		}
		Expect(b.stream).To(HaveLen(before))
		b.tell(deleted("12:00"))
		Expect(b.closed()).To(Equal([]string{"I 10:00-12:00 m1.s 512 MB", "I 10:00-12:00 1 GB"}))
	})

	It("whose size was another one for no time at all has one span, without a mark at its end", func() {
		b := told(created(), exists("11:00", flavourID("m")), database("modify_flavor", "11:00", flavour("s", 512),
			volume(1), seen("11:01")), deleted("12:00"))
		Expect(b.closed()).To(Equal([]string{"I 10:00-12:00 m1.s 512 MB", "I 10:00-12:00 1 GB"}))
	})

	Context("with a change that was lost", func() {
		It("has its new flavour from the first sign of life that shows it, and from its true time once the change "+
			"arrives", func() {
			b := told(created(), exists("10:30"), exists("11:30", flavourID("m")), exists("11:40", flavourID("m")))
			Expect(b.codes()).To(Equal([]string{events.AnomalyLostChange}))
			Expect(lines(b.last.Closed)).To(Equal([]string{"I 10:00-11:30 m1.s 512 MB inferred_end"}))
			Expect(b.running()).To(ContainElement("I 11:30- m inferred_start"))
			b.tell(database("modify_flavor", "11:10", flavour("m", 768), volume(1)),
				deleted("12:00", flavour("m", 768)))
			Expect(b.closed()).To(Equal([]string{
				"I 10:00-11:10 m1.s 512 MB", "I 11:10-12:00 m1.m 768 MB",
				"I 10:00-12:00 1 GB",
			}))
			Expect(b.meter.Anomalies(events.SourceTrove, "eu")).To(BeEmpty())
		})
		It("has its new volume from the snapshot in a later message", func() {
			b := told(created(), database("modify_flavor", "11:00", flavour("m", 768), volume(5)),
				deleted("12:00", flavour("m", 768), volume(5)))
			Expect(b.closed()).To(Equal([]string{
				"I 10:00-11:00 m1.s 512 MB", "I 11:00-12:00 m1.m 768 MB", "I 10:00-11:00 1 GB inferred_end",
				"I 11:00-12:00 5 GB inferred_start",
			}))
			Expect(b.codes()).To(Equal([]string{events.AnomalyLostChange}))
		})
		It("is told when a change says another old size than was known", func() {
			b := told(created(), database("modify_volume", "11:00", flavour("s", 512), volume(5), oldVolume(3)))
			Expect(b.codes()).To(Equal([]string{events.AnomalyLostChange}))
		})
		// A modify_flavor says the memory before (old_instance_size) and not the flavour.
		Context("that only the memory before a change of flavour shows", func() {
			change := database("modify_flavor", "11:00", flavour("m", 768), volume(1), oldMemory(506))
			It("is told, where nothing shows that the flavour was the same", func() {
				Expect(told(created(), change).codes()).To(Equal([]string{events.AnomalyLostChange}))
			})
			It("is none when the flavour's id was seen meanwhile: the same flavour has two sizes of memory", func() {
				b := told(created(), exists("10:30"), change, deleted("12:00", flavour("m", 768)))
				Expect(b.codes()).To(BeEmpty())
				Expect(b.closed()).To(ContainElements("I 10:00-11:00 m1.s 512 MB", "I 11:00-12:00 m1.m 768 MB"))
			})
			It("is none when another message says that memory of the same flavour", func() {
				b := told(created(), change, database("modify_flavor", "11:30", flavour("s", 506), volume(1)))
				Expect(b.meter.Anomalies(events.SourceTrove, "eu")).To(BeEmpty())
			})
			It("is told when the flavour that was seen meanwhile is another one", func() {
				b := told(created(), exists("10:30", flavourID("l")), change)
				Expect(b.codes()).To(ContainElement(events.AnomalyLostChange))
			})
		})
		It("has one span, with the memory that the beginning says, when later messages say another of the same "+
			"flavour", func() {
			b := told(created(), database("modify_volume", "11:00", flavour("s", 506), volume(3), oldVolume(1)),
				deleted("12:00", flavour("s", 506), volume(3)))
			Expect(b.closed()).To(ContainElement("I 10:00-12:00 m1.s 512 MB"))
			Expect(b.codes()).To(BeEmpty())
		})
		It("is billed nothing for a change that only the deletion shows", func() {
			b := told(created(), deleted("12:00", flavour("m", 768), volume(5)))
			Expect(b.closed()).To(Equal([]string{"I 10:00-12:00 m1.s 512 MB inferred_end", "I 10:00-12:00 1 GB " +
				"inferred_end"}))
			Expect(b.codes()).To(Equal([]string{events.AnomalyLostChange, events.AnomalyLostChange}))
		})
	})

	Context("whose create was lost", func() {
		It("has the old size of a change of volume before it", func() {
			b := told(database("modify_volume", "11:00", flavour("s", 512), volume(5), oldVolume(3)),
				deleted("12:00", volume(5)))
			Expect(b.closed()).To(Equal([]string{
				"I 10:00-12:00 m1.s 512 MB inferred_start", "I 10:00-11:00 3 GB inferred_start", "I 11:00-12:00 5 GB",
			}))
		})
		It("has the time before a change held, where the change does not say what was before", func() {
			b := told(database("resize_volume.end", "11:00", volume(5)), deleted("12:00", volume(5)))
			Expect(b.closed()).To(Equal([]string{"I 10:00-12:00 m1.s 512 MB inferred_start", "I 11:00-12:00 5 GB"}))
			Expect(b.codes()).To(ContainElement(events.AnomalyUnknownVolume))
		})
	})

	It("without volume support has no volume, which is no anomaly", func() {
		b := told(database("create", "10:03", flavour("s", 512)), database("delete", "11:00", flavour("s", 512)))
		Expect(b.closed()).To(Equal([]string{"I 10:00-11:00 m1.s 512 MB"}))
		Expect(b.codes()).To(BeEmpty())
	})

	// nova_volume_id is set, volume_size is null or missing.
	Context("whose create names a volume and not its size", func() {
		It("has the volume held, not billed as zero and not taken for none", func() {
			b := told(created(unsized), deleted("12:00", unsized))
			Expect(b.closed()).To(Equal([]string{"I 10:00-12:00 m1.s 512 MB"}))
			Expect(b.codes()).To(Equal([]string{events.AnomalyUnknownVolume}))
			Expect(b.release(gigabytes(4)).closed()).To(Equal([]string{
				"I 10:00-12:00 m1.s 512 MB",
				"I 10:00-12:00 4 GB",
			}))
		})
		It("has the size that a later message says, from the beginning on", func() {
			b := told(created(unsized), deleted("12:00", volume(5)))
			Expect(b.closed()).To(Equal([]string{"I 10:00-12:00 m1.s 512 MB", "I 10:00-12:00 5 GB inferred_start"}))
			Expect(b.meter.Anomalies(events.SourceTrove, "eu")).To(BeEmpty())
		})
		It("has the size before a resize held where nothing says it", func() {
			b := told(created(unsized), database("resize_volume.end", "11:00", volume(9)), deleted("12:00", unsized))
			Expect(b.heldUnder()).To(Equal([]string{"I held volume unknown_volume 10:00-11:00"}))
			Expect(b.closed()).To(Equal([]string{"I 10:00-12:00 m1.s 512 MB", "I 11:00-12:00 9 GB"}))
		})
		It("keeps a size that is known when a later message leaves it out", func() {
			b := told(created(), database("modify_flavor", "11:00", flavour("m", 768), unsized),
				deleted("12:00", flavour("m", 768), unsized))
			Expect(b.closed()).To(ContainElement("I 10:00-12:00 1 GB"))
			Expect(b.codes()).To(BeEmpty())
		})
		It("has the size that the create says when it comes again with one", func() {
			b := told(created(unsized), created(message("again")))
			Expect(b.running()).To(ContainElement("I 10:00- 1 GB inferred_start"))
		})
	})

	It("is neither stopped nor started by its state", func() {
		b := told(created(), exists("10:30", state("shutdown")), exists("10:40", state("active")), deleted("11:00"))
		Expect(b.closed()).To(Equal([]string{"I 10:00-11:00 m1.s 512 MB", "I 10:00-11:00 1 GB"}))
	})
})
