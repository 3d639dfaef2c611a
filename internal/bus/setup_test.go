package bus_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
)

var _ = Describe("The embedded server", func() {
	It("keeps its data to its owner and names its address", func() {
		folder := filepath.Join(GinkgoT().TempDir(), "a", "data")
		server := startServer(bus.ServerConfig{DataDir: folder})
		Expect(server.URL()).To(MatchRegexp(`^nats://127\.0\.0\.1:\d+$`))
		info, err := os.Stat(folder)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o700)))
	})

	It("refuses a data folder in use, naming the process, and gives it back when it stops", func() {
		folder := GinkgoT().TempDir()
		first := startServer(bus.ServerConfig{DataDir: folder})
		_, err := bus.StartServer(bus.ServerConfig{DataDir: folder, Listen: "127.0.0.1:0"})
		Expect(err).To(MatchError(And(ContainSubstring(folder), ContainSubstring(fmt.Sprintf("pid %d", os.Getpid())),
			ContainSubstring("--data"))))
		first.Shutdown()
		startServer(bus.ServerConfig{DataDir: folder})
	})

	It("refuses an address in use, naming it and the flag", func() {
		first := startServer(bus.ServerConfig{})
		address := strings.TrimPrefix(first.URL(), "nats://")
		folder := GinkgoT().TempDir()
		_, err := bus.StartServer(bus.ServerConfig{DataDir: folder, Listen: address})
		Expect(err).To(MatchError(And(ContainSubstring(address+" is in use"),
			ContainSubstring("--listen or DAYBOOK_LISTEN"))))
		startServer(bus.ServerConfig{DataDir: folder}) // and has let go of the folder
	})

	It("says so when JetStream cannot use the folder, and does not exit", func() {
		folder := GinkgoT().TempDir()
		Expect(os.WriteFile(filepath.Join(folder, "jetstream"), nil, 0o600)).To(Succeed())
		_, err := bus.StartServer(bus.ServerConfig{DataDir: folder, Listen: "127.0.0.1:0"})
		Expect(err).To(MatchError(And(ContainSubstring("JetStream"), ContainSubstring(folder))))
	})

	DescribeTable("refuses to listen beyond this machine without credentials", func(listen string) {
		_, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: listen})
		Expect(err).To(MatchError(And(ContainSubstring(listen), ContainSubstring("set a user and a password"))))
	},
		Entry(nil, "0.0.0.0:0"), Entry(nil, ":0"), Entry(nil, "[::]:0"), Entry(nil, "192.0.2.1:4222"),
		Entry(nil, "example.org:4222"),
	)

	It("listens beyond this machine with credentials, and refuses who has none", func(ctx SpecContext) {
		server := startServer(bus.ServerConfig{Listen: "0.0.0.0:0", User: "daybook", Password: "secret"})
		connect(bus.Config{URL: server.URL(), User: "daybook", Password: "secret"})
		_, err := bus.Connect(ctx, bus.Config{URL: server.URL()})
		Expect(err).To(MatchError(And(ContainSubstring(server.URL()), ContainSubstring("refuses us"),
			ContainSubstring("credentials file"))))
	})

	DescribeTable("refuses what is not an address", func(listen string) {
		_, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: listen})
		Expect(err).To(MatchError(ContainSubstring("is not an address")))
	},
		Entry(nil, "4222"), Entry(nil, "127.0.0.1:x"), Entry(nil, "127.0.0.1:70000"),
	)
})

// oldServer answers the handshake of one client as an old server would.
func oldServer(info string) string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	var done sync.WaitGroup
	done.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = fmt.Fprintf(conn, "INFO %s\r\n", info)
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			if lines.Text() == "PING" {
				_, _ = fmt.Fprint(conn, "PONG\r\n")
			}
		}
	})
	DeferCleanup(func() {
		_ = listener.Close()
		done.Wait()
	})
	return "nats://" + listener.Addr().String()
}

var _ = Describe("Connecting", func() {
	refused := func(ctx context.Context, cfg bus.Config) error {
		GinkgoHelper()
		_, err := bus.Connect(ctx, cfg)
		Expect(err).To(HaveOccurred())
		return err
	}

	It("fails at once where nothing listens", func(ctx SpecContext) {
		server := startServer(bus.ServerConfig{})
		server.Shutdown()
		Expect(refused(ctx, bus.Config{URL: server.URL()})).To(MatchError(And(
			ContainSubstring(server.URL()), ContainSubstring("nothing listens there"), ContainSubstring("NATS_URL"))))
	})

	It("fails without JetStream", func(ctx SpecContext) {
		server := startServer(bus.ServerConfig{NoJetStream: true})
		Expect(refused(ctx, bus.Config{URL: server.URL()})).To(MatchError(ContainSubstring("no JetStream")))
	})

	It("fails at a server that is too old for fast-ingest batches", func(ctx SpecContext) {
		url := oldServer(`{"server_id":"x","version":"2.10.0","headers":true,"jetstream":true,"max_payload":1048576,"proto":1}`)
		Expect(refused(ctx, bus.Config{URL: url})).To(MatchError(And(ContainSubstring("version 2.10.0"),
			ContainSubstring("2.14"))))
	})

	It("fails without its credentials file, and does not tell a password", func(ctx SpecContext) {
		Expect(refused(ctx, bus.Config{
			URL:       "nats://127.0.0.1:1",
			CredsFile: "/no/such.creds",
		})).To(MatchError(ContainSubstring("/no/such.creds")))
		Expect(refused(ctx, bus.Config{URL: "nats://me:secret@127.0.0.1:1"}).Error()).NotTo(ContainSubstring("secret"))
	})
})

var _ = Describe("The streams", func() {
	It("are created once, as the design wants them", func(ctx SpecContext) {
		url := startServer(bus.ServerConfig{}).URL()
		b := connect(bus.Config{URL: url})
		for range 2 {
			Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		}
		usage := stream(ctx, url, "USAGE")
		appended(ctx, b, "USAGE", batch("usage", 3), bus.Expect{})
		Expect(usage.Purge(ctx)).NotTo(Succeed())
		Expect(usage.DeleteMsg(ctx, 1)).NotTo(Succeed())
		state, err := b.Stream(ctx, "USAGE")
		Expect(err).NotTo(HaveOccurred())
		Expect(state.Messages).To(Equal(uint64(3)))
		appended(ctx, b, "METERED", batch("metered", 3), bus.Expect{})
		Expect(stream(ctx, url, "METERED").Purge(ctx)).To(Succeed())
	})

	It("differ in every setting that is listed, with what to do", func(ctx SpecContext) {
		url := startServer(bus.ServerConfig{}).URL()
		_, err := operator(url).CreateStream(ctx, jetstream.StreamConfig{
			Name: "USAGE", Subjects: []string{"usage.cf.>"}, Storage: jetstream.MemoryStorage, MaxAge: time.Hour,
			MaxMsgs: 7,
		})
		Expect(err).NotTo(HaveOccurred())
		b := connect(bus.Config{URL: url})
		err = b.EnsureStreams(ctx, bus.StreamsConfig{MaxBytes: 1 << 30})
		var differ *bus.StreamsError
		Expect(errors.As(err, &differ)).To(BeTrue(), "%v", err)
		found := map[string]string{}
		for _, d := range differ.Differences {
			Expect(d.Stream).To(Equal("USAGE"))
			found[d.Setting] = d.Found + " → " + d.Wanted
		}
		Expect(found).To(Equal(map[string]string{
			"subjects": "usage.cf.> → usage.>", "storage": "memory → file", "discard": "old → new",
			"max_age": "1h0m0s → unlimited", "max_msgs": "7 → unlimited", "max_bytes": "unlimited → 1073741824",
			"allow_atomic": "false → true", "allow_direct": "false → true",
			"deny_delete": "false → true", "deny_purge": "false → true",
		}))
		Expect(err).To(MatchError(And(
			ContainSubstring("USAGE: allow_atomic is false, wanted true: nats stream edit USAGE --allow-batch"),
			ContainSubstring("USAGE: storage is memory, wanted file: cannot be changed"))))
		_, err = b.Stream(ctx, "BILLING")
		Expect(err).NotTo(HaveOccurred(), "the others are created")
	})

	It("cannot have more replicas than the cluster has servers", func(ctx SpecContext) {
		b := connect(bus.Config{URL: startServer(bus.ServerConfig{}).URL()})
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{Replicas: 3})).To(MatchError(And(ContainSubstring("USAGE"),
			ContainSubstring("not part of a cluster"))))
	})
})

var _ = Describe("Objects", func() {
	It("are kept by name, and given back as they were put", func(ctx SpecContext) {
		b := connect(bus.Config{URL: startServer(bus.ServerConfig{}).URL()})
		_, err := b.GetObject(ctx, "snapshots", "a")
		Expect(err).To(MatchError(bus.ErrNotFound))
		Expect(b.ListObjects(ctx, "snapshots")).To(BeEmpty())
		large := []byte(strings.Repeat("0123456789", 100_000))
		Expect(b.PutObject(ctx, "snapshots", "b", large)).To(Succeed())
		Expect(b.PutObject(ctx, "snapshots", "a", []byte("old"))).To(Succeed())
		Expect(b.PutObject(ctx, "snapshots", "a", []byte("new"))).To(Succeed())
		Expect(b.GetObject(ctx, "snapshots", "b")).To(Equal(large))
		Expect(b.GetObject(ctx, "snapshots", "a")).To(Equal([]byte("new")))
		Expect(b.ListObjects(ctx, "snapshots")).To(Equal([]string{"a", "b"}))
		Expect(b.DeleteObject(ctx, "snapshots", "a")).To(Succeed())
		Expect(b.ListObjects(ctx, "snapshots")).To(Equal([]string{"b"}))
		_, err = b.GetObject(ctx, "snapshots", "a")
		Expect(err).To(MatchError(bus.ErrNotFound))
		Expect(b.DeleteObject(ctx, "snapshots", "z")).To(MatchError(bus.ErrNotFound))
	})

	It("are refused when a piece is gone, without waiting for it", func(ctx SpecContext) {
		url := startServer(bus.ServerConfig{}).URL()
		b := connect(bus.Config{URL: url})
		Expect(b.PutObject(ctx, "snapshots", "a", []byte("true"))).To(Succeed())
		Expect(stream(ctx, url, "OBJ_snapshots").Purge(ctx,
			jetstream.WithPurgeSubject("$O.snapshots.C.>"))).To(Succeed())
		_, err := b.GetObject(ctx, "snapshots", "a")
		Expect(err).To(MatchError(bus.ErrCorrupt))
		Expect(err).To(MatchError(ContainSubstring("delivers 0 of its 1 pieces")))
	})

	It("are refused when they are damaged", func(ctx SpecContext) {
		url := startServer(bus.ServerConfig{}).URL()
		b := connect(bus.Config{URL: url})
		Expect(b.PutObject(ctx, "snapshots", "a", []byte("true"))).To(Succeed())
		js := operator(url)
		meta, err := stream(ctx, url, "OBJ_snapshots").GetLastMsgForSubject(ctx, "$O.snapshots.M.>")
		Expect(err).NotTo(HaveOccurred())
		var info map[string]any
		Expect(json.Unmarshal(meta.Data, &info)).To(Succeed())
		info["digest"] = "SHA-256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
		forged, err := json.Marshal(info)
		Expect(err).NotTo(HaveOccurred())
		_, err = js.Publish(ctx, meta.Subject, forged)
		Expect(err).NotTo(HaveOccurred())
		_, err = b.GetObject(ctx, "snapshots", "a")
		Expect(err).To(MatchError(bus.ErrCorrupt))
	})
})
