package cf_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/inspector/cf"
)

// large is an API with 100,000 resources, made up row by row.
type large struct {
	requests int
	live     uint64 // bytes in use at the most, of both sides
	lists    map[string]list
	wrong    int // by how much the usage summary is
	noise    string
}

// list is a list of the API: how many rows it has, and one of them.
type list struct {
	rows int
	row  func(i int) string
}

func related(name, guid string) string {
	return fmt.Sprintf(`%q:{"data":{"guid":%q}}`, name, guid)
}

func newLarge(apps, processes, tasks, services int) *large {
	l := &large{noise: fmt.Sprintf(`"metadata":{"labels":{},"annotations":{}},"links":{"self":{"href":"%0600d"}}`, 0)}
	guid := func(kind string, i int) string { return fmt.Sprintf("%08d-%s-4000-8000-000000000000", i, kind) }
	l.lists = map[string]list{
		"/v3/apps": {apps, func(i int) string {
			return fmt.Sprintf(`"guid":%q,"name":"app-%d","state":"STARTED","lifecycle":{"type":"buildpack","data":{}},`+
				`"relationships":{%s}`, guid("aaaa", i), i, related("space", guid("5555", i%500)))
		}},
		"/v3/processes": {processes, func(i int) string {
			return fmt.Sprintf(`"guid":%q,"type":"web","instances":2,"memory_in_mb":64,"relationships":{%s}`,
				guid("bbbb", i), related("app", guid("aaaa", i%apps)))
		}},
		"/v3/tasks": {tasks, func(i int) string {
			return fmt.Sprintf(`"guid":%q,"name":"t","state":"RUNNING","memory_in_mb":32,"relationships":{%s}`,
				guid("cccc", i), related("app", guid("aaaa", i%apps)))
		}},
		"/v3/service_instances": {services, func(i int) string {
			return fmt.Sprintf(`"guid":%q,"name":"s-%d","type":"managed","relationships":{%s,%s}`, guid("dddd", i), i,
				related("space", guid("5555", i%500)), related("service_plan", guid("eeee", 0)))
		}},
	}
	return l
}

func (l *large) measure() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	l.live = max(l.live, m.HeapAlloc)
}

func (l *large) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	l.requests++
	l.measure()
	w.Header().Set("X-RateLimit-Limit", "1500")
	w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(1500-l.requests))
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
	of, is := l.lists[q.URL.Path]
	if !is {
		p, t, s := l.lists["/v3/processes"].rows, l.lists["/v3/tasks"].rows, l.lists["/v3/service_instances"].rows
		fmt.Fprintf(w, `{"usage_summary":{"started_instances":%d,"memory_in_mb":%d,"service_instances":%d,`+
			`"per_app_tasks":%d}}`, 2*p-l.wrong, 128*p+32*t, s+l.wrong, t+l.wrong)
		return
	}
	query := q.URL.Query()
	per, err := strconv.Atoi(query.Get("per_page"))
	Expect(err).NotTo(HaveOccurred())
	from := 0
	if at, err := time.Parse(time.RFC3339, query.Get("created_ats[gte]")); err == nil {
		from = int(at.Sub(start) / time.Second)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"pagination":{"total_results":%d,"next":%s},"included":{"spaces":[`, of.rows-from,
		map[bool]string{true: `{"href":"x"}`, false: "null"}[from+per < of.rows])
	for i := range 500 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"guid":"%08d-5555-4000-8000-000000000000","name":"space-%d","relationships":{%s}}`, i, i,
			related("organization", "org"))
	}
	fmt.Fprintf(&b, `],"service_plans":[{"guid":"00000000-eeee-4000-8000-000000000000","name":"small",`+
		`"relationships":{%s}}],"service_offerings":[{"guid":"o","name":"postgres","relationships":{%s}}],`+
		`"service_brokers":[{"guid":"b","name":"broker"}]},"resources":[`, related("service_offering", "o"),
		related("service_broker", "b"))
	for i := from; i < min(from+per, of.rows); i++ {
		if i > from {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{%s,"created_at":%q,%s}`, of.row(i), start.Add(time.Duration(i)*time.Second).Format(time.RFC3339),
			l.noise)
	}
	b.WriteString("]}")
	w.Write(b.Bytes())
}

var _ = Describe("An inspection of 100,000 resources", func() {
	var size int
	BeforeEach(func() { size = cfapi.MaxPageSize })
	inspects := func(l *large, ask cf.Ask) *reconcile.Floorplan {
		GinkgoHelper()
		server := httptest.NewServer(l)
		DeferCleanup(server.Close)
		i, err := cf.New(cf.Config{Retake: time.Microsecond, API: cfapi.Config{
			Foundation: "eu", API: server.URL, Token: "t", ListSize: size,
		}}, cfapi.Deps{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(i.Close)
		f, err := i.Inspect(context.Background(), ask)
		Expect(err).NotTo(HaveOccurred())
		return f
	}

	It("takes 150 requests at the most, a tenth of the rate limit, and bounded memory", func() {
		l := newLarge(30_000, 40_000, 5_000, 25_000)
		f := inspects(l, cf.Ask{})
		Expect(f.Materials).To(HaveLen(70_000))
		for _, kind := range []string{events.KindApp, events.KindTask, events.KindService} {
			Expect(f.Complete(kind)).To(BeTrue(), "%+v", f.Listings)
		}
		l.measure()
		GinkgoWriter.Printf("requests: %d, live memory at the most: %d MiB\n", l.requests, l.live>>20)
		Expect(l.requests).To(BeNumerically("<=", 50))
		Expect(l.live).To(BeNumerically("<", 250<<20))
		evidence := 0
		for i := range f.Materials {
			evidence += len(f.Materials[i].Evidence)
		}
		Expect(evidence).To(And(BeNumerically(">", 20<<20), BeNumerically("<", 33<<20)), "as much as is kept")
	})

	It("takes 150 requests at the most where no take agrees", func() {
		size = cfapi.MaxPageSize / 20 // as many pages of a twentieth of the resources
		l := newLarge(1_500, 2_000, 250, 1_250)
		l.wrong = 1
		f := inspects(l, cf.Ask{Wanted: func(*reconcile.Material) bool { return false }})
		for _, kind := range []string{events.KindApp, events.KindTask, events.KindService} {
			Expect(f.Complete(kind)).To(BeFalse())
		}
		GinkgoWriter.Printf("requests: %d\n", l.requests)
		Expect(l.requests).To(And(BeNumerically(">", 60), BeNumerically("<=", 150)))
	})
})
