package shell_test

import (
	"os"
	"runtime"
	"runtime/metrics"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
)

// TestGarbageIsCollectedWhereThereIsMuch has much and little memory in use.
func TestGarbageIsCollectedWhereThereIsMuch(t *testing.T) {
	g := NewWithT(t)
	little := shell.Garbage{Percent: 65, Least: 192 << 20}
	for inUse, percent := range map[uint64]int{0: 19200, 96 << 20: 200, 256 << 20: 75, 512 << 20: 65} {
		g.Expect(little.PercentOf(inUse)).To(BeEquivalentTo(percent), "beside %d MiB in use", inUse>>20)
	}
}

// TestGarbageFollowsWhatIsInUse has the percentage change with a collection.
func TestGarbageFollowsWhatIsInUse(t *testing.T) {
	if os.Getenv("GOGC") != "" {
		t.Skip("GOGC is set")
	}
	g := NewWithT(t)
	shell.CollectGarbage(shell.Garbage{Percent: 10, Least: 1 << 40})
	before := percentage()
	hold := make([]byte, 64<<20)
	runtime.GC()
	g.Eventually(percentage).Should(BeNumerically("<", before/2), "with 64 MiB more in use")
	runtime.KeepAlive(hold)
	shell.CollectGarbage(shell.Garbage{Percent: 100})
	g.Expect(percentage()).To(BeEquivalentTo(100))
}

// percentage is how much garbage the process may have, in percent of what is in use.
func percentage() uint64 {
	now := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(now)
	return now[0].Value.Uint64()
}
