package main

import (
	"bytes"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/demo"
)

var _ = Describe("the demo's story", func() {
	It("is the files that are embedded; go run ./internal/lab/demo/gen writes them anew", func() {
		told := stories()
		for _, file := range demo.Files() {
			if lines, generated := told[file.Name]; generated {
				Expect(bytes.Equal(lines.Bytes(), file.Data)).To(BeTrue(), file.Name)
				delete(told, file.Name)
			}
		}
		Expect(told).To(BeEmpty())
	})
})
