package cc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// BenchmarkDownload walks 200,000 app usage events over loopback in the largest pages and looks
// only at the last guid of each: the simulator's limit.
func BenchmarkDownload(b *testing.B) {
	f, err := cc.New(cc.Config{World: sim.Config{
		Seed: 1, Orgs: 50, Spaces: 150, Apps: 3000, Services: 600,
		Instances: 1, Start: start, Events: 225_000,
	}})
	if err != nil {
		b.Fatal(err)
	}
	begun := time.Now()
	f.Advance(start.AddDate(0, 0, 30))
	b.Logf("%d rows in %s", len(f.Rows(cc.AppEvents)), time.Since(begun))
	server := httptest.NewServer(f)
	defer server.Close()
	token := bearer(b, server.URL)
	size := 0
	for b.Loop() {
		after := ""
		for {
			body := fetch(b, server.URL+apps+"?per_page=5000"+after, token)
			i := bytes.LastIndex(body, []byte("/v3/app_usage_events/"))
			if bytes.HasSuffix(body, []byte(`"resources":[]}`)) {
				break
			}
			after = "&after_guid=" + string(body[i+21:i+21+36])
			size += len(body)
		}
	}
	b.ReportMetric(float64(size)/1e6/b.Elapsed().Seconds(), "MB/s")
	b.ReportMetric(float64(len(f.Rows(cc.AppEvents))*b.N)/b.Elapsed().Seconds(), "events/s")
}

func bearer(b *testing.B, address string) string {
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"daybook"},
		"client_secret": {"daybook-secret"},
	}
	r, err := http.Post(address+"/oauth/token", "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	var g granted
	if err := json.NewDecoder(r.Body).Decode(&g); err != nil {
		b.Fatal(err)
	}
	return g.AccessToken
}

func fetch(b *testing.B, address, token string) []byte {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "bearer "+token)
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		b.Fatal(err)
	}
	return body
}
