package e2e_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/demo"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/ledger"
)

// buckets are the streams of the snapshots.
var buckets = []string{"OBJ_daybook-projector", "OBJ_daybook-pricer", "OBJ_" + ledger.Bucket}

// named is an app's event with another app, organization, name, state and time.
func named(app, org, name, state string, at time.Time) string {
	GinkgoHelper()
	var event map[string]any
	Expect(json.Unmarshal([]byte(appStarted), &event)).To(Succeed())
	guid := func(letter, of string) string { return "00000000-0000-4000-8000-0000000000" + letter + of }
	event["guid"] = guid("f", app) + state
	event["created_at"], event["updated_at"] = at, at
	event["state"] = map[string]any{"current": state, "previous": nil}
	event["app"] = map[string]any{"guid": guid("a", app), "name": name}
	event["process"] = map[string]any{"guid": guid("a", app), "type": "web"}
	event["organization"] = map[string]any{"guid": guid("c", org)}
	line, err := json.Marshal(event)
	Expect(err).NotTo(HaveOccurred())
	return string(line) + "\n"
}

var _ = Describe("Nobody does anything", Serial, func() {
	BeforeEach(notShort)

	It("about a name of 40 kB in 240 days of spans, on a server with 1 MB a message: the bill is that of a "+
		"short name, for everybody",
		func(ctx context.Context) {
			begin := time.Date(2020, 1, 1, 8, 0, 0, 0, time.UTC)
			end := begin.AddDate(0, 0, 240)
			prices := file("demo.yaml", string(demo.Catalogue()))
			// bill has one tenant with a name, and another one after that.
			bill := func(name string) []string {
				GinkgoHelper()
				server := newNATSServer(GinkgoT().TempDir())
				text := strings.Replace(content(server.file), "max_payload: 8MB\n", "", 1)
				Expect(os.WriteFile(server.file, []byte(text), 0o600)).To(Succeed())
				server.start()
				run("catalogue", "publish", "--yes", prices, "--nats", server.url)
				b := connect(ctx, server.url)
				services := []service{startService(server.url, "project"), startService(server.url, "price")}
				input := file("events.jsonl", named("1", "1", name, "STARTED", begin)+
					named("2", "2", "shop", "STARTED", begin.Add(time.Hour))+
					named("1", "1", name, "STOPPED", end)+named("2", "2", "shop", "STOPPED", end))
				run("collect", "file", input, "--nats", server.url)
				Eventually(ctx, func() error { // it comes behind the last charge
					_, err := b.Last(ctx, events.StreamBilling, events.BillingHorizonSubject(events.SourceCF, "file"))
					return err
				}).WithPolling(20 * pollEvery).Should(Succeed())
				stop(services[0].session, services[1].session)
				return amounts(run("bill", "--nats", server.url))
			}
			short := bill("shop")
			Expect(short).NotTo(BeEmpty())
			Expect(bill(strings.Repeat("name", 10_000))).To(Equal(short))
		})

	It("about a flipped byte in each bucket of snapshots: the next start has the same streams and the same bill",
		func(ctx context.Context) {
			random, w := newRand(), newWorkload(1_000)
			data := GinkgoT().TempDir()
			bill := run(w.up(data)...)
			wanted := stored(ctx, data)
			kills := scale.Kills(GinkgoT())
			for range kills {
				for _, bucket := range buckets {
					block := lastBlock(data, bucket)
					Expect(block).NotTo(BeEmpty(), bucket)
					bytes := []byte(content(block))
					bytes[random.IntN(len(bytes))] ^= 1 << random.IntN(8)
					Expect(os.WriteFile(block, bytes, 0o600)).To(Succeed())
				}
				Expect(frugal(w.up(data)...)).To(Equal(bill))
			}
			Expect(difference(stored(ctx, data), wanted)).To(BeEmpty())
			scale.Figure(GinkgoT(), "%d times a flipped byte in each bucket of snapshots: the same streams and bill",
				kills)
		})

	It("about a flipped bit in the sequence of a record, in each bucket and stream: the server starts, and nothing is "+
		"lost",
		func(ctx context.Context) {
			random, w := newRand(), newWorkload(1_000)
			data := GinkgoT().TempDir()
			bill := run(w.up(data)...)
			wanted := stored(ctx, data)
			for _, stream := range append(buckets, events.StreamUsage, events.StreamMetered, events.StreamBilling) {
				block := lastBlock(data, stream)
				Expect(block).NotTo(BeEmpty(), stream)
				bytes := []byte(content(block))
				var records []int
				for at := 0; at < len(bytes); at += int(binary.LittleEndian.Uint32(bytes[at:]) &^ (1 << 31)) {
					records = append(records, at)
				}
				at := records[1+random.IntN(len(records)-1)] // the first of a block leads to no loop
				bytes[at+8+random.IntN(3)] ^= 1 << random.IntN(8)
				Expect(os.WriteFile(block, bytes, 0o600)).To(Succeed())
			}
			Expect(frugal(w.up(data)...)).To(Equal(bill))
			Expect(difference(stored(ctx, data), wanted)).To(BeEmpty())
		})
})

// frugal is run in an address space of 6 GiB, where the system can limit it: no damage may take the
// memory of the machine.
func frugal(args ...string) string {
	GinkgoHelper()
	limited := append([]string{"-c", `ulimit -v 6291456 2>/dev/null; exec "$0" "$@"`, daybook}, args...)
	session, err := gexec.Start(command("sh", limited...), GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Kill().Wait(patience) })
	Eventually(session).Should(gexec.Exit(0), "daybook %s", strings.Join(args, " "))
	return string(session.Out.Contents())
}

// content is the text of a file.
func content(path string) string {
	GinkgoHelper()
	text, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}
