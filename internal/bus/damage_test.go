package bus_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
)

// flip changes one byte of a stream's only block, while its server is down.
func flip(folder, stream string, at func(size int) int) {
	GinkgoHelper()
	blocks, err := filepath.Glob(filepath.Join(folder, "jetstream", "*", "streams", stream, "msgs", "*.blk"))
	Expect(err).NotTo(HaveOccurred())
	Expect(blocks).To(HaveLen(1))
	data, err := os.ReadFile(blocks[0])
	Expect(err).NotTo(HaveOccurred())
	data[at(len(data))] ^= 0x20
	Expect(os.WriteFile(blocks[0], data, 0o600)).To(Succeed())
}

var _ = Describe("A damaged bucket", func() {
	It("gives the whole objects, and refuses the damaged one within seconds", func(ctx SpecContext) {
		const positions = 12
		damaged := 0
		for i := range positions + 1 {
			folder := GinkgoT().TempDir()
			server := startServer(bus.ServerConfig{DataDir: folder})
			b := connect(bus.Config{URL: server.URL()})
			texts := map[string]string{}
			for n := range 3 {
				name := fmt.Sprintf("%020d", n)
				texts[name] = strings.Repeat(name, 40_000) // two pieces
				Expect(b.PutObject(ctx, "snapshots", name, []byte(texts[name]))).To(Succeed())
			}
			b.Close()
			server.Shutdown()
			flip(folder, "OBJ_snapshots", func(size int) int {
				if i == positions { // the name of the last object
					return size - 60
				}
				return size*i/positions + 40
			})
			server = startServer(bus.ServerConfig{DataDir: folder})
			b = connect(bus.Config{URL: server.URL()})
			begun := time.Now()
			bounded, cancel := context.WithTimeout(ctx, 20*time.Second)
			names, err := b.ListObjects(bounded, "snapshots")
			Expect(err).NotTo(HaveOccurred(), "byte %d", i)
			for _, name := range names {
				data, err := b.GetObject(bounded, "snapshots", name)
				if err != nil {
					Expect(err).To(Or(MatchError(bus.ErrCorrupt), MatchError(bus.ErrNotFound)), "byte %d", i)
					damaged++
					continue
				}
				Expect(string(data)).To(Equal(texts[name]))
			}
			cancel()
			fmt.Fprintf(GinkgoWriter, "byte %d: %d names in %v\n", i, len(names), time.Since(begun))
			Expect(time.Since(begun)).To(BeNumerically("<", 5*time.Second))
			b.Close()
			server.Shutdown()
		}
		Expect(damaged).To(BeNumerically(">", 0))
	})
})
