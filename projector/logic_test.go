package projector_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("The logic of METERED", func() {
	DescribeTable("holds all settings", func(cfg projector.Config) {
		stage, _, err := projector.Contract(cfg)
		Expect(err).NotTo(HaveOccurred())
		read, err := projector.ParseLogic(stage.Logic)
		Expect(err).NotTo(HaveOccurred())
		again, _, err := projector.Contract(read)
		Expect(err).NotTo(HaveOccurred())
		Expect(again.Logic).To(Equal(stage.Logic))
	},
		Entry("by default", projector.Config{}),
		Entry("all of them", projector.Config{
			Cut: timeline.CutMonth, BuildTimeout: 90 * time.Minute, AbsenceWindows: -1,
			ExcludeSpaces: `^(SMOKE|A=B)-\x20`,
			Epoch: map[string]time.Time{
				"cf": time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), "cf/eu": time.Date(2026, 2, 1, 12, 0, 0, 5000,
					time.UTC),
				"cf/us": time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), "trove": time.Date(2026, 4, 1, 0, 0, 0, 0,
					time.UTC),
			},
		}),
	)

	DescribeTable("of another program is an error", func(logic string) {
		_, err := projector.ParseLogic(logic)
		Expect(err).To(HaveOccurred())
	},
		Entry("blank", ""),
		Entry("blanks", " "),
		Entry("an unknown setting", "projector/11 colour=red"),
		Entry("a word without a value", "projector/11 cut"),
		Entry("an unknown cut", "projector/11 cut=none"),
		Entry("a bad number", "projector/11 absence-windows=many"),
		Entry("a bad time", "projector/11 epoch=cf/eu"),
	)
})
