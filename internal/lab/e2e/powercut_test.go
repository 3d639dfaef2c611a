package e2e_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// cutTail does to a derived stream what a power cut can: the last block ends at any byte, and the
// index is the one of the end, or gone. It returns how many bytes are gone.
func cutTail(data, stream string, random *rand.Rand) int64 {
	GinkgoHelper()
	folder := filepath.Join(data, "jetstream", "$G", "streams", stream, "msgs")
	blocks, err := filepath.Glob(filepath.Join(folder, "*.blk"))
	Expect(err).NotTo(HaveOccurred())
	if len(blocks) == 0 {
		return 0 // killed before there was any
	}
	number := func(path string) int {
		n, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), ".blk"))
		return n
	}
	last := slices.MaxFunc(blocks, func(a, b string) int { return number(a) - number(b) })
	info, err := os.Stat(last)
	Expect(err).NotTo(HaveOccurred())
	left := random.Int64N(info.Size() + 1)
	Expect(os.Truncate(last, left)).To(Succeed())
	if random.IntN(2) == 0 {
		Expect(os.RemoveAll(filepath.Join(folder, "index.db"))).To(Succeed())
	}
	return info.Size() - left
}

var _ = Describe("A power cut", Serial, func() {
	BeforeEach(notShort)

	It("takes the ends of METERED and BILLING, and daybook up derives them again, the same", func(ctx context.Context) {
		random, w := newRand(), newWorkload(20_000)
		wanted := w.undisturbed(ctx)
		cuts, gone := scale.Kills(GinkgoT()), int64(0)
		for cut := 0; cut < cuts; {
			data := filepath.Join(GinkgoT().TempDir(), "data")
			for more := true; more && cut < cuts; cut++ {
				session := start(w.up(data)...)
				if random.IntN(3) == 0 { // when everything is done
					Eventually(session, patience).Should(gexec.Exit(0))
					more = false
				} else {
					more = killSometime(ctx, session, random, wanted)
				}
				for _, stream := range []string{events.StreamMetered, events.StreamBilling} {
					gone += cutTail(data, stream, random)
				}
			}
			Eventually(start(w.up(data)...), patience).Should(gexec.Exit(0))
			Expect(difference(stored(ctx, data), wanted)).To(BeEmpty())
		}
		Expect(gone).To(BeNumerically(">", 0))
		scale.Figure(GinkgoT(), "daybook up, %d power cuts that took %d bytes: the same bytes in all streams", cuts,
			gone)
	})
})
