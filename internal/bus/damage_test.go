package bus_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/folder"
)

// block is a stream's only block, and its content.
func block(folder, stream string) (path string, data []byte) {
	GinkgoHelper()
	blocks, err := filepath.Glob(filepath.Join(folder, "jetstream", "*", "streams", stream, "msgs", "*.blk"))
	Expect(err).NotTo(HaveOccurred())
	Expect(blocks).To(HaveLen(1))
	data, err = os.ReadFile(blocks[0])
	Expect(err).NotTo(HaveOccurred())
	return blocks[0], data
}

// flip changes one byte of a stream's only block, while its server is down.
func flip(folder, stream string, at func(size int) int) {
	GinkgoHelper()
	path, data := block(folder, stream)
	data[at(len(data))] ^= 0x20
	Expect(os.WriteFile(path, data, 0o600)).To(Succeed())
}

// records are where a block's records begin.
func records(block []byte) (offsets []int) {
	for at := 0; at < len(block); at += int(binary.LittleEndian.Uint32(block[at:]) &^ (1 << 31)) {
		offsets = append(offsets, at)
	}
	return offsets
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

var _ = Describe("A damaged sequence in a block", func() {
	log := slog.New(slog.NewTextHandler(GinkgoWriter, nil))
	var data, path, index string
	var whole []byte
	BeforeEach(func(ctx SpecContext) {
		data = GinkgoT().TempDir()
		server := startServer(bus.ServerConfig{DataDir: data})
		b := connect(bus.Config{URL: server.URL()})
		for n := range 3 {
			Expect(b.PutObject(ctx, "snapshots", fmt.Sprint(n), []byte(strings.Repeat("piece", 1000)))).To(Succeed())
		}
		Expect(b.DeleteObject(ctx, "snapshots", "1")).To(Succeed())
		b.Close()
		server.Shutdown()
		path, whole = block(data, "OBJ_snapshots")
		index = filepath.Join(filepath.Dir(path), "index.db")
	})
	// write writes the block with one bit of a sequence changed.
	write := func(at, bit int) {
		GinkgoHelper()
		damaged := slices.Clone(whole)
		damaged[at+4+bit/8] ^= 1 << (bit % 8)
		Expect(os.WriteFile(path, damaged, 0o600)).To(Succeed())
	}

	It("is mended where the next one is proven by the checksum, whichever bit it is", func() {
		for _, at := range records(whole)[1:3] {
			for bit := range 62 { // the other two say what the record is
				write(at, bit)
				Expect(folder.MendSequences(data, log)).To(Succeed())
				Expect(os.ReadFile(path)).To(Equal(whole), "bit %d", bit)
			}
		}
		Expect(index).To(BeAnExistingFile())
	})

	It("has the server compare all checksums where none is proven, and the rest is there", func(ctx SpecContext) {
		at := records(whole)[2]
		whole[at+100] ^= 1 // its payload
		write(at, 40)
		Expect(folder.MendSequences(data, log)).To(Succeed())
		Expect(index).NotTo(BeAnExistingFile())
		b := connect(bus.Config{URL: startServer(bus.ServerConfig{DataDir: data}).URL()})
		Expect(b.ListObjects(ctx, "snapshots")).To(Equal([]string{"0"}))
		Expect(b.GetObject(ctx, "snapshots", "0")).To(HaveLen(5000))
	})
})
