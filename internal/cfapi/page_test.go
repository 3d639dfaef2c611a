package cfapi_test

import (
	"encoding/json"
	"testing"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// FuzzEvents holds the reading of a page against encoding/json: an accepted page is a whole
// document, and has the same events.
func FuzzEvents(f *testing.F) {
	for _, s := range []string{
		`{"resources":[]}`,
		`{"pagination":{"next":null},"resources":[{"guid":"a","created_at":"2026-05-01T12:00:00Z"}]}`,
		` { "resources" : [ {"guid":"a\"]","created_at":"2026-05-01T12:00:00Z","x":[{"y":"}"}]} , {"guid":"\u0061","created_at":"2026-05-01T12:00:00Z"}] } `,
		`{"resources":[{"guid":"a","created_at":"2026-05-01T12:00:00Z"}`, `{"resources":[1]}`, `{"resources":[{}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := cfapi.AppendEvents(nil, body)
		if err != nil {
			return
		}
		var want struct {
			Resources []struct {
				GUID    string `json:"guid"`
				Created string `json:"created_at"`
			} `json:"resources"`
		}
		if json.Unmarshal(body, &want) != nil {
			return // what stands inside an event is looked at later
		}
		if len(all) != len(want.Resources) {
			t.Fatalf("%d events in %s", len(all), body)
		}
		for i, r := range want.Resources {
			at, err := events.ParseTime(r.Created)
			if e := all[i]; err == nil && e.Unreadable == nil && (e.GUID != r.GUID || !e.Created.Equal(at)) {
				t.Fatalf("event %d of %s is %s of %s", i, body, all[i].GUID, all[i].Created)
			}
		}
	})
}
