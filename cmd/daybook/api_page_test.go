package main

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The page about the API", func() {
	It("has lines with curl that answer what stands behind them", func(ctx SpecContext) {
		page, err := os.ReadFile("../../docs/api.md")
		Expect(err).NotTo(HaveOccurred())
		server := httptest.NewServer(demonstrated(ctx).ask(ctx).handler)
		DeferCleanup(server.Close)
		asked, before := 0, ""
		for line := range strings.Lines(string(page)) {
			if strings.HasPrefix(line, "    export API=") {
				before = strings.ReplaceAll(strings.TrimSpace(line), "http://127.0.0.1:8080", server.URL) + "; "
			}
			line, is := strings.CutPrefix(line, "    curl ")
			if !is {
				continue
			}
			asked++
			line, want, told := strings.Cut(strings.TrimSpace(line), " # ")
			Expect(told).To(BeTrue(), "%s says nothing of its answer", line)
			line = "curl --fail-with-body " + strings.ReplaceAll(line, "http://127.0.0.1:8080", server.URL)
			out, err := exec.CommandContext(ctx, "sh", "-c", before+line).Output()
			Expect(err).NotTo(HaveOccurred(), "%s: %.300s", line, out)
			Expect(string(out)).To(ContainSubstring(want), line)
		}
		Expect(asked).To(BeNumerically(">=", 4))
	})
})
