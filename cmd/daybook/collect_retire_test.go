package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("retiring a foundation that is gone", func() {
	const started = `{"guid":"e","created_at":"2026-05-01T09:00:00Z","state":{"current":"STARTED","previous":"STOPPED"},` +
		`"app":{"guid":"A","name":"shop"},"process":{"guid":"P","type":"web"},"space":{"guid":"S","name":"dev"},` +
		`"organization":{"guid":"O"},"buildpack":{"guid":null,"name":"java"},"task":{"guid":null,"name":null},` +
		`"memory_in_mb_per_instance":{"current":1024,"previous":1024},"instance_count":{"current":1,"previous":1}}`
	var s *site
	// bill brings METERED, BILLING and the bill up to date with what USAGE holds.
	bill := func(ctx context.Context) string {
		GinkgoHelper()
		s.work(ctx, timeline.CutDay)
		return s.ran("bill")
	}
	BeforeEach(func(ctx SpecContext) {
		s = newSite(ctx)
		file := filepath.Join(GinkgoT().TempDir(), "events.jsonl")
		Expect(os.WriteFile(file, []byte(started), 0o600)).To(Succeed())
		s.ran("collect", "file", "--foundation", "eu", "--horizon", "2026-05-01T12:00:00Z", file)
	})

	It("ends what ran: it is billed as far as it is proven, and held up to the end", func(ctx SpecContext) {
		out := s.ran("collect", "retire", "--foundation", "eu", "--at", "2026-05-01T18:00:00Z", "--by", "ann", "--note",
			"dismantled")
		Expect(out).To(Equal("cf/eu is retired. What ran ends at 2026-05-01T18:00:00Z.\n" +
			"It was complete up to 2026-05-01T12:00:00Z: what ran after that is held. daybook holds list shows it, " +
			"to be " +
			"released or discarded.\n"))
		text := bill(ctx)
		Expect(text).To(ContainSubstring("cf eu: retired, it ended at 2026-05-01T18:00:00Z"))
		Expect(text).To(ContainSubstring("held: 1"))
		Expect(text).NotTo(ContainSubstring("running: 1"))
		Expect(s.ran("holds", "list")).To(ContainSubstring("2026-05-01T18:00:00Z"))
		Expect(s.ran("bill", "--format", "json")).To(ContainSubstring(`"ended":"2026-05-01T18:00:00Z"`))
		Expect(s.ran("status")).To(MatchRegexp(`cf +eu\n  state +retired: the foundation ended at 2026-05-01T18:00:00Z\n`))
		code, _, errs := s.daybook("collect", "retire", "--foundation", "eu", "--at", "2026-05-01T18:00:00Z")
		Expect(code).To(Equal(1))
		Expect(errs).To(ContainSubstring("cf/eu is retired already"))
	})

	It("goes on where it was interrupted between two sources", func() {
		file := filepath.Join(GinkgoT().TempDir(), "trove.jsonl")
		Expect(os.WriteFile(file, []byte(`{"message_id":"m","event_type":"trove.instance.create",`+
			`"timestamp":"2026-05-01 09:00:00","payload":{"instance_id":"i","tenant_id":"t",`+
			`"created_at":"2026-05-01T09:00:00Z","instance_type_id":"1","volume_size":1,"instance_size":512}}`),
			0o600)).To(Succeed())
		s.ran("collect", "file", "--foundation", "eu", "--horizon", "2026-05-01T12:00:00Z", file)
		s.ran("collect", "retire", "--foundation", "eu", "--source", "cf", "--at", "2026-05-01T18:00:00Z")
		Expect(s.ran("collect", "retire", "--foundation", "eu", "--at", "2026-05-01T18:00:00Z")).To(
			HavePrefix("trove/eu is retired."))
		code, _, errs := s.daybook("collect", "retire", "--foundation", "eu", "--at", "2026-05-01T18:00:00Z")
		Expect(code).To(Equal(1))
		Expect(errs).To(ContainSubstring("cf/eu, trove/eu is retired already"))
	})

	It("says what is wrong", func() {
		for want, args := range map[string][]string{
			"nothing was ever collected of a foundation \"us\"": {"--foundation", "us", "--at", "2026-05-01"},
			"nothing was collected of trove/eu; its sources are: cf": {
				"--foundation", "eu", "--at", "2026-05-01",
				"--source", "trove",
			},
			"is in the future": {
				"--foundation", "eu", "--at", events.FormatTime(time.Now().Add(time.Hour).UTC().Truncate(time.Second)),
			},
		} {
			code, _, errs := s.daybook(append([]string{"collect", "retire"}, args...)...)
			Expect(code).To(Equal(1))
			Expect(errs).To(ContainSubstring(want))
		}
		for want, args := range map[string][]string{
			"--foundation needs --at":           {"--foundation", "eu"},
			"--at and --source are for":         {"cf/eu", "west", "--at", "2026-05-01"},
			"is no source and foundation":       {"eu", "west"},
			"the name is empty":                 {"cf/eu"},
			"a collector and a foundation excl": {"cf/eu", "west", "--foundation", "eu", "--at", "2026-05-01"},
		} {
			var out, errs bytes.Buffer
			Expect(run(append([]string{"collect", "retire"}, args...), strings.NewReader(""), &out, &errs)).To(Equal(2))
			Expect(errs.String()).To(ContainSubstring(want))
		}
	})
})
