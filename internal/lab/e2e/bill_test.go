package e2e_test

import (
	"context"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/internal/lab/demo"
)

var _ = Describe("daybook up --demo --once", func() {
	It("ends with the bill, and run again prints it again and adds nothing", func(ctx context.Context) {
		data := GinkgoT().TempDir()
		once := func(args ...string) []string {
			return append([]string{"up", "--demo", "--once", "--data", data, "--listen", "127.0.0.1:0"}, args...)
		}
		bill := run(once("--allow-incomplete")...)
		Expect(bill).To(And(ContainSubstring(demo.Retail), ContainSubstring(demo.Logistics),
			ContainSubstring("no gaps")))
		first := stored(ctx, data)
		Expect(first["BILLING"]).NotTo(BeEmpty())
		Expect(first["QUARANTINE"]).To(HaveLen(3))

		again := start(once()...)
		Eventually(again).Should(gexec.Exit(3), "something is held, and something quarantined")
		Expect(string(again.Out.Contents())).To(Equal(bill))
		Expect(difference(stored(ctx, data), first)).To(BeEmpty())
	})
})

var _ = Describe("daybook up --once, stopped before its bill", func() {
	It("says so, and is not a success", func() {
		data, w := GinkgoT().TempDir(), newWorkload(20_000)
		session := start(w.up(data)...)
		Expect(awaitOutput(session, session.Err, `(restored) from`)).NotTo(BeEmpty()) // it listens to signals by now
		session.Terminate()
		Eventually(session).Should(gexec.Exit(1))
		Expect(string(session.Err.Contents())).To(ContainSubstring("stopped before everything was charged"))
	})
})

var _ = Describe("The bill of a simulated platform", func() {
	It("is the true one, by tenant and kind, to the last digit", func() {
		folder := GinkgoT().TempDir()
		truth, prices, input := filepath.Join(folder, "truth"), filepath.Join(folder, "prices.yaml"),
			filepath.Join(folder, "events.jsonl")
		Expect(os.WriteFile(input, []byte(run("simulate", "file", "--seed", "11", "--events", "5000", "--drain",
			"--bill", truth,
			"--catalogue", prices)), 0o600)).To(Succeed())
		data := filepath.Join(folder, "data")
		run("up", "--once", "--data", data, "--listen", "127.0.0.1:0", "--catalogue", prices, "--collect", input)
		url, _ := serve(data)
		var bill struct {
			Unrated int
			Lines   []struct{ Tenant, Kind, Amount string }
		}
		Expect(json.Unmarshal([]byte(run("bill", "--format", "json", "--nats", url)), &bill)).To(Succeed())
		Expect(bill.Unrated).To(BeZero())
		charged := map[string]*big.Rat{}
		for _, l := range bill.Lines {
			add(charged, l.Tenant+" "+l.Kind, l.Amount)
		}
		owed := map[string]*big.Rat{}
		text, err := os.ReadFile(truth)
		Expect(err).NotTo(HaveOccurred())
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			Expect(f).To(HaveLen(3))
			add(owed, f[0]+" "+f[1], f[2])
		}
		Expect(len(owed)).To(BeNumerically(">", 20))
		Expect(digits(charged)).To(Equal(digits(owed)))
	})
})

func add(sums map[string]*big.Rat, key, amount string) {
	GinkgoHelper()
	x, ok := new(big.Rat).SetString(amount)
	Expect(ok).To(BeTrue(), amount)
	if sums[key] == nil {
		sums[key] = new(big.Rat)
	}
	sums[key].Add(sums[key], x)
}

// digits are the sums other than zero, written out in full: amounts are exact at 12 places.
func digits(sums map[string]*big.Rat) map[string]string {
	text := map[string]string{}
	for key, x := range sums {
		if x.Sign() != 0 {
			text[key] = x.FloatString(15)
		}
	}
	return text
}
