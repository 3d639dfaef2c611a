package bus_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
)

// disk is a small file system of its own.
func disk() string {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=24m"); err != nil {
		Skip("this user may not mount a small disk: " + err.Error())
	}
	DeferCleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
	return folder
}

// fillDisk leaves so many bytes of a disk free, and returns the function to make room.
func fillDisk(folder string, free uint64) func() {
	GinkgoHelper()
	var state syscall.Statfs_t
	Expect(syscall.Statfs(folder, &state)).To(Succeed())
	name := filepath.Join(folder, "ballast")
	Expect(os.WriteFile(name, make([]byte, state.Bavail*uint64(state.Bsize)-free), 0o600)).To(Succeed())
	return func() { Expect(os.Remove(name)).To(Succeed()) }
}

var _ = Describe("A full disk", func() {
	DescribeTable("of the embedded server ends its writing until there is room; it restarts by itself, and nothing "+
		"is lost",
		func(ctx SpecContext, stream string) {
			folder := disk()
			server := startServer(bus.ServerConfig{DataDir: folder})
			b := connect(bus.Config{URL: server.URL(), Name: "daybook writer", Timeout: 500 * time.Millisecond})
			Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
			room := fillDisk(folder, 400<<10)
			w := &steady{bus: b, stream: stream, total: 1500}
			done := make(chan error, 1)
			go func() { defer GinkgoRecover(); done <- w.run(ctx) }()
			Eventually(server.Ready).Should(MatchError(And(ContainSubstring(folder), ContainSubstring("make room"))))
			Expect(done).NotTo(Receive())
			room()
			Expect(ended(done)).To(Succeed())
			Expect(server.Ready()).To(Succeed())
			w.whole(ctx)
		},
		Entry(nil, "USAGE"), Entry(nil, "METERED"), Entry(nil, "BILLING"),
	)

	It("of another server is named, and all goes on after its restart", func(ctx SpecContext) {
		l := startLimited(wide, 0)
		l.Stop()
		l.data = disk()
		l.limit(wide, 0)
		l.run()
		b := connect(bus.Config{URL: l.URL(), Name: "daybook writer", Timeout: 500 * time.Millisecond})
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		room := fillDisk(l.data, 400<<10)
		w := &steady{bus: b, stream: "METERED", total: 1500}
		done := make(chan error, 1)
		go func() { defer GinkgoRecover(); done <- w.run(ctx) }()
		Eventually(b.Room).Should(MatchError(And(ContainSubstring("no room in METERED"),
			ContainSubstring("make room and restart the server"))))
		room()
		l.Stop()
		l.run()
		Expect(ended(done)).To(Succeed())
		w.whole(context.Background())
	})
})
