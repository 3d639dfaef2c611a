package main

import (
	"bytes"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/demo"
)

var _ = Describe("the demo's story", func() {
	It("is the file that is embedded; go run ./internal/lab/demo/gen writes it anew", func() {
		var lines bytes.Buffer
		tell(&lines)
		Expect(bytes.Equal(lines.Bytes(), demo.Files()[0].Data)).To(BeTrue())
	})
})
