package metered_test

import (
	"os"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/metered"
)

var _ = Describe("The codes of anomalies", func() {
	It("are all that the vocabulary has", func() {
		text, err := os.ReadFile("../../events/metered.go")
		Expect(err).NotTo(HaveOccurred())
		var codes []string
		for _, found := range regexp.MustCompile(`\n\tAnomaly\w+ +=\s*"(\w+)"`).FindAllStringSubmatch(string(text),
			-1) {
			codes = append(codes, found[1])
		}
		Expect(codes).NotTo(BeEmpty())
		Expect(metered.AnomalyCodes()).To(ConsistOf(codes))
	})
})
