package cf_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

const (
	benchEvents = 100_000
	benchPage   = 1000
)

// prebuilt serves pages of app usage events from memory.
type prebuilt struct {
	pages [][]byte
	ends  []int // of each event of the first page; the same on all pages
	start int
	last  string
}

func newPrebuilt(n int) *prebuilt {
	p := &prebuilt{}
	begin := time.Now().Add(-20 * 24 * time.Hour).UTC().Truncate(time.Second)
	for page := range n / benchPage {
		var b bytes.Buffer
		b.WriteString(`{"pagination":{"total_results":1,"total_pages":1,"next":null},"resources":[`)
		p.start = b.Len()
		for i := range benchPage {
			if i > 0 {
				b.WriteByte(',')
			}
			k := page*benchPage + i
			guid := fmt.Sprintf("%08d-aaaa-4aaa-8aaa-%012d", k, k)
			process := fmt.Sprintf("%08d-bbbb-4bbb-8bbb-%012d", k%5000, k%5000)
			b.WriteString(appEvent(guid, "STARTED", "STARTED", process, begin.Add(time.Duration(k)*time.Second)).body)
			p.last = guid
			if page == 0 {
				p.ends = append(p.ends, b.Len())
			}
		}
		b.WriteString("]}")
		p.pages = append(p.pages, b.Bytes())
	}
	return p
}

func (p *prebuilt) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := []byte(`{"resources":[]}`)
	switch {
	case r.URL.Path == "/":
		body = []byte(`{"links":{}}`)
	case strings.HasPrefix(r.URL.Path, "/v3/app_usage_events/"):
		k, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/v3/app_usage_events/")[:8])
		page := p.pages[k/benchPage]
		from := p.start
		if k%benchPage > 0 {
			from = p.ends[k%benchPage-1] + 1
		}
		body = page[from:p.ends[k%benchPage]]
	case r.URL.Path == "/v3/app_usage_events":
		k := -1
		if after := r.URL.Query().Get("after_guid"); after != "" {
			k, _ = strconv.Atoi(after[:8])
		}
		if page := (k + 1) / benchPage; page < len(p.pages) {
			body = p.pages[page]
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

func benchBus(b *testing.B) *bus.Bus {
	server, err := bus.StartServer(bus.ServerConfig{DataDir: b.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Shutdown)
	connected, err := bus.Connect(context.Background(), bus.Config{URL: server.URL()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(connected.Close)
	if err := connected.EnsureStreams(context.Background(), bus.StreamsConfig{}); err != nil {
		b.Fatal(err)
	}
	return connected
}

func report(b *testing.B, n int) {
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkCollect is a first collection, from the API to the disk.
func BenchmarkCollect(b *testing.B) {
	p := newPrebuilt(benchEvents)
	server := httptest.NewServer(p)
	defer server.Close()
	connected := benchBus(b)
	b.ReportAllocs()
	round := 0
	for b.Loop() {
		round++
		f := cf.Foundation{Name: "f" + strconv.Itoa(round), API: server.URL, Token: "t", PageSize: benchPage}
		c, err := cf.New(cf.Config{Foundations: []cf.Foundation{f}}, cf.Deps{Store: cf.OnBus(connected)})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Poll(context.Background()); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
	report(b, benchEvents)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.HeapSys)/(1<<20), "heap-MB")
}

// BenchmarkDownload is the measure for collecting: the pages are downloaded, and their
// events appended as they are, one message each, by the places where they are known to be.
func BenchmarkDownload(b *testing.B) {
	p := newPrebuilt(benchEvents)
	server := httptest.NewServer(p)
	defer server.Close()
	connected := benchBus(b)
	b.ReportAllocs()
	round := 0
	for b.Loop() {
		round++
		subject := events.UsageSubject(events.SourceCF, "f"+strconv.Itoa(round), "o", "app", "a")
		last, after := uint64(0), ""
		var body bytes.Buffer
		msgs := make([]bus.Message, benchPage)
		for range p.pages {
			resp, err := http.Get(server.URL + "/v3/app_usage_events?page=1&per_page=1000&after_guid=" + after)
			if err != nil {
				b.Fatal(err)
			}
			body.Reset()
			if _, err := io.Copy(&body, resp.Body); err != nil {
				b.Fatal(err)
			}
			_ = resp.Body.Close()
			from := p.start
			for i, end := range p.ends {
				msgs[i] = bus.Message{Subject: subject, Data: body.Bytes()[from:end]}
				from = end + 1
			}
			if last, err = connected.Append(context.Background(), events.StreamUsage, msgs, bus.Expect{
				Filter: subject,
				Last:   last,
			}); err != nil {
				b.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(msgs[benchPage-1].Data[:60]), `"guid":"`)
			after, _, _ = strings.Cut(rest, `"`)
		}
	}
	report(b, benchEvents)
}
