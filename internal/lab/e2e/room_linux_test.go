package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/compare"
)

// smallDisk is a file system of 24 MB of its own.
func smallDisk() string {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=24m"); err != nil {
		Skip("this user may not mount a small disk: " + err.Error())
	}
	DeferCleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
	return folder
}

// fill leaves so many bytes of a disk free, and returns the function to make room.
func fill(disk string, free uint64) (makeRoom func()) {
	GinkgoHelper()
	var state syscall.Statfs_t
	Expect(syscall.Statfs(disk, &state)).To(Succeed())
	ballast := filepath.Join(disk, "ballast")
	Expect(os.WriteFile(ballast, make([]byte, state.Bavail*uint64(state.Bsize)-free), 0o600)).To(Succeed())
	return func() { Expect(os.Remove(ballast)).To(Succeed()) }
}

// lacksRoom reports whether a service is not ready for want of room in one of the streams.
func (s service) lacksRoom(ctx context.Context, among ...string) (stream string) {
	GinkgoHelper()
	status, body := get(ctx, s.url+"/readyz")
	for _, stream := range among {
		if strings.Contains(body, "no room in "+stream) {
			Expect(status).To(Equal(503))
			return stream
		}
	}
	return ""
}

// waits expects one of the services to wait for room in one of the streams, and to say so: it is
// live and not ready, in its metrics, in the status of every collector, and once in its log. It
// returns what it is to be done.
func waits(ctx context.Context, nats string, services []service, among ...string) (who service, stream string) {
	GinkgoHelper()
	Eventually(func() string {
		for _, who = range services {
			Expect(who.session.ExitCode()).To(Equal(-1), "%s", who.session.Err.Contents())
			if stream = who.lacksRoom(ctx, among...); stream != "" {
				break
			}
		}
		return stream
	}).WithPolling(20 * pollEvery).ShouldNot(BeEmpty())
	status, body := get(ctx, who.url+"/healthz")
	Expect(status).To(Equal(200), body)
	who.metrics(ctx, `daybook_appends_without_room [1-9]`)
	Expect(run("status", "--nats", nats)).To(ContainSubstring("no room in " + stream))
	Expect(who.said(stream)).To(Equal(1))
	return who, stream
}

// said counts how often a service has said that it waits for room in a stream.
func (s service) said(stream string) (times int) {
	for line := range strings.Lines(string(s.session.Err.Contents())) {
		if strings.Contains(line, "no room for an append") && strings.Contains(line, stream) {
			times++
		}
	}
	return times
}

// hasRoom expects a service to be ready again.
func (s service) hasRoom(ctx context.Context) {
	GinkgoHelper()
	s.ready(ctx)
	s.metrics(ctx, `daybook_appends_without_room 0`)
}

// stream is a stream's state and settings, as the server has them.
type stream struct {
	Config map[string]any
	State  struct{ Bytes uint64 }
}

func streamInfo(url, name string) (s stream) {
	GinkgoHelper()
	api(dial(url), "STREAM.INFO."+name, struct{}{}, &s)
	return s
}

const kilobyte = 1 << 10

var _ = Describe("Where there is no room", Serial, Ordered, ContinueOnFailure, func() {
	var w workload
	var wanted *compare.Content
	var bill string

	BeforeAll(func(ctx context.Context) {
		notShort()
		w = newWorkload(800)
		data := GinkgoT().TempDir()
		bill = run(w.up(data)...)
		url, stopServer := serve(data)
		wanted = meaning(ctx, connect(ctx, url))
		stopServer()
	})
	// right expects the content of the undisturbed run: a batch of USAGE that was stored in part is
	// two batches.
	right := func(ctx context.Context, url string) {
		GinkgoHelper()
		b := connect(ctx, url)
		Eventually(ctx, func() []string { return meaning(ctx, b).Differences(wanted) }).
			WithPolling(100 * pollEvery).Should(BeEmpty())
		Eventually(ctx, func() string { // the horizon comes last
			session := start("bill", "--nats", url)
			Eventually(ctx, session).Should(gexec.Exit())
			return string(session.Out.Contents())
		}).WithPolling(100 * pollEvery).Should(Equal(bill))
		run("verify", "--nats", url)
	}
	// collector is a process with an end, which waits for long.
	collector := func(url string) service {
		GinkgoHelper()
		return startService(url, "collect", "file", w.events, "--room-wait", "1h")
	}

	It("for a limit of an external server, every service waits, a killed one when it is back, and goes on when the "+
		"limit is raised; commands end with status 4", func(ctx context.Context) {
		server := newNATSServer(GinkgoT().TempDir())
		server.limit("400KB")
		server.start()
		run("catalogue", "publish", "--yes", w.prices, "--nats", server.url)
		collecting := collector(server.url)
		waits(ctx, server.url, []service{collecting}, events.StreamUsage)
		for _, args := range [][]string{
			{"collect", "file", w.events, "--foundation", "other"},
			{"catalogue", "publish", "--yes", file("other.yaml", strings.ReplaceAll(content(w.prices), "GBP", "EUR"))},
		} {
			session := start(append(args, "--nats", server.url, "--room-wait", "300ms")...)
			Eventually(session).Should(gexec.Exit(4))
			Expect(session.Err).To(saying("raise max_file_store"))
		}
		server.limit(noLimit)
		server.reload()
		Eventually(collecting.session).Should(gexec.Exit(0))

		usage := streamInfo(server.url, events.StreamUsage).State.Bytes
		server.kill()
		server.limit(fmt.Sprint(usage + 150*kilobyte))
		server.start() // a reload does not lower a limit
		services := []service{startService(server.url, "project"), startService(server.url, "price")}
		_, full := waits(ctx, server.url, services, derived...)
		for i, role := range []string{"project", "price"} {
			services[i].session.Kill().Wait(patience)
			services[i] = startService(server.url, role)
		}
		waits(ctx, server.url, services, full)
		server.limit(noLimit)
		server.reload()
		right(ctx, server.url)
		for _, s := range services {
			s.hasRoom(ctx)
		}
		stop(services[0].session, services[1].session)
	})

	It("on the disk of an external server, every service waits, and names its restart; after that all goes on",
		func(ctx context.Context) {
			disk := smallDisk()
			server := newNATSServer(filepath.Join(disk, "data"))
			server.start()
			run("catalogue", "publish", "--yes", w.prices, "--nats", server.url)
			makeRoom := fill(disk, 1200*kilobyte)
			services := []service{startService(server.url, "project"), startService(server.url, "price")}
			collecting := collector(server.url)
			who, stream := waits(ctx, server.url, append(services, collecting), streams...)
			_, body := get(ctx, who.url+"/readyz")
			Expect(body).To(ContainSubstring("make room and restart the server"), stream)
			makeRoom()
			server.kill()
			server.start()
			Eventually(collecting.session).Should(gexec.Exit(0))
			right(ctx, server.url)
			for _, s := range services {
				s.hasRoom(ctx)
			}
			stop(services[0].session, services[1].session)
		})

	It("in a stream of the embedded server, daybook up waits, and goes on when its advice was followed; --once ends "+
		"with status 4", func(ctx context.Context) {
		data := GinkgoT().TempDir()
		url, stopServer := serve(data)
		b := connect(ctx, url)
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		settings := streamInfo(url, events.StreamBilling).Config
		settings["max_bytes"] = 100 * kilobyte
		api(dial(url), "STREAM.UPDATE."+events.StreamBilling, settings, nil)
		b.Close()
		stopServer()

		once := start(append(w.up(data), "--room-wait", "300ms")...)
		Eventually(once).Should(gexec.Exit(4))
		const advice = "nats stream edit BILLING --max-bytes=-1"
		Expect(once.Err).To(saying(advice))
		up := upService(w, data)
		waits(ctx, natsURL(up.session), []service{up}, events.StreamBilling)
		Expect(string(up.session.Err.Contents())).To(ContainSubstring(advice))
		show(natsURL(up.session), append(strings.Fields(advice)[1:], "--force")...)
		awaitOutput(up.session, up.session.Out, `(Daybook is running)`)
		Expect(string(up.session.Out.Contents())).To(HavePrefix(bill))
		right(ctx, natsURL(up.session))
		up.hasRoom(ctx)
		stop(up.session)
	})

	It("on the disk of the embedded server, daybook up waits, and goes on by itself when there is; --once ends with "+
		"status 4", func(ctx context.Context) {
		disk := smallDisk()
		data := filepath.Join(disk, "data")
		makeRoom := fill(disk, 1200*kilobyte)
		up := upService(w, data)
		waits(ctx, natsURL(up.session), []service{up}, streams...)
		makeRoom()
		awaitOutput(up.session, up.session.Out, `(Daybook is running)`)
		Expect(string(up.session.Out.Contents())).To(HavePrefix(bill))
		right(ctx, natsURL(up.session))
		up.hasRoom(ctx)
		stop(up.session)

		Expect(os.RemoveAll(data)).To(Succeed())
		makeRoom = fill(disk, 1200*kilobyte)
		once := start(append(w.up(data), "--room-wait", "300ms")...)
		Eventually(once).Should(gexec.Exit(4))
		makeRoom()
		Expect(run(w.up(data)...)).To(Equal(bill))
	})
})

// meaning is the content of the streams.
func meaning(ctx context.Context, b *bus.Bus) *compare.Content {
	GinkgoHelper()
	r := &compare.Run{Streams: map[string][]compare.Message{}}
	for _, name := range streams {
		messages(ctx, b, name, func(m *bus.Stored) {
			r.Streams[name] = append(r.Streams[name], compare.Message{
				Subject: m.Subject, Headers: m.Headers(), Body: m.Data,
			})
		})
	}
	Expect(r.Streams[events.StreamQuarantine]).To(BeEmpty())
	c, err := compare.ContentOf(r)
	Expect(err).NotTo(HaveOccurred())
	return c
}

// upService is `daybook up` with health and metrics.
func upService(w workload, data string) service {
	GinkgoHelper()
	session := start(append(withoutOnce(w.up(data)), "--http", "127.0.0.1:0")...)
	url := httpURL(session)
	Expect(url).NotTo(BeEmpty(), "%s", session.Err.Contents())
	return service{session, url}
}
