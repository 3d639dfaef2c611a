package sim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// keysOf lists the keys of a JSON object in their order.
func keysOf(line []byte) []string {
	decoder := json.NewDecoder(bytes.NewReader(line))
	token, err := decoder.Token()
	Expect(err).NotTo(HaveOccurred())
	Expect(token).To(Equal(json.Delim('{')))
	var keys []string
	for decoder.More() {
		key, err := decoder.Token()
		Expect(err).NotTo(HaveOccurred())
		keys = append(keys, key.(string))
		var value json.RawMessage
		Expect(decoder.Decode(&value)).To(Succeed())
	}
	return keys
}

const (
	uuid = `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`
	text = `"(?:[^"\\]|\\.)+"`
	head = `^\{"guid":"` + uuid + `","created_at":"2026-[0-9T:-]+Z","updated_at":"2026-[0-9T:-]+Z",`
	back = `"space":\{"guid":"` + uuid + `","name":` + text + `\},"organization":\{"guid":"` + uuid + `"\},`
	self = `"links":\{"self":\{"href":"https://[^"]+"\}\}\}$`
)

// The state decides which fields may be null. Source: Cloud Controller's presenters.
var shapes = map[string]*regexp.Regexp{
	"process": regexp.MustCompile(head +
		`"state":\{"current":"(?:STARTED|STOPPED)","previous":"(?:STARTED|STOPPED)"\},"app":\{"guid":"` + uuid +
		`","name":` + text + `\},` +
		`"process":\{"guid":"` + uuid + `","type":"[a-z]+"\},` + back + `"buildpack":\{"guid":(?:null|"` + uuid +
		`"),"name":(?:null|` + text + `)\},` +
		`"task":\{"guid":null,"name":null\},"memory_in_mb_per_instance":\{"current":\d+,"previous":\d+\},"instance_count":\{"current":\d+,"previous":\d+\},` + self),
	"task": regexp.MustCompile(head +
		`"state":\{"current":"TASK_(?:STARTED|STOPPED)","previous":"(?:PENDING|RUNNING|CANCELING)"\},"app":\{"guid":"` +
		uuid + `","name":` + text + `\},` +
		`"process":\{"guid":null,"type":null\},` + back + `"buildpack":\{"guid":null,"name":null\},"task":\{"guid":"` +
		uuid + `","name":` + text + `\},` +
		`"memory_in_mb_per_instance":\{"current":\d+,"previous":\d+\},"instance_count":\{"current":1,"previous":1\},` +
		self),
	"build": regexp.MustCompile(head +
		`"state":\{"current":"(?:STAGING_STARTED","previous":"STAGING|STAGING_STOPPED","previous":"STAGING|BUILDPACK_SET","previous":"STAGED)"\},` +
		`"app":\{"guid":"` + uuid + `","name":` + text + `\},"process":\{"guid":null,"type":null\},` + back +
		`"buildpack":\{"guid":(?:null|"` + uuid + `"),"name":(?:null|` + text + `)\},` +
		`"task":\{"guid":null,"name":null\},"memory_in_mb_per_instance":\{"current":1024,"previous":1024\},"instance_count":\{"current":1,"previous":1\},` + self),
	"managed": regexp.MustCompile(head + `"state":"(?:CREATED|UPDATED|DELETED)",` + back +
		`"service_instance":\{"guid":"` + uuid + `","name":` + text + `,"type":"managed_service_instance"\},` +
		`"service_plan":\{"guid":"` + uuid + `","name":` + text + `\},"service_offering":\{"guid":"` + uuid +
		`","name":` + text + `\},"service_broker":\{"guid":"` + uuid + `","name":` + text + `\},` + self),
	"user-provided": regexp.MustCompile(head + `"state":"(?:CREATED|UPDATED|DELETED)",` + back +
		`"service_instance":\{"guid":"` + uuid + `","name":` + text + `,"type":"user_provided_service_instance"\},` +
		`"service_plan":\{"guid":null,"name":null\},"service_offering":\{"guid":null,"name":null\},"service_broker":\{"guid":null,"name":null\},` + self),
}

var _ = Describe("a world's JSON", func() {
	It("has the API's keys in the API's order, with null where the API has it", func() {
		c := small(2)
		c.Events = 2000
		world, err := sim.NewWorld(c)
		Expect(err).NotTo(HaveOccurred())
		seen := map[string]int{}
		for e := range world.Events {
			if !json.Valid(e.JSON) || bytes.ContainsAny(e.JSON, "\n\r") {
				Fail("not one line of JSON: " + string(e.JSON))
			}
			if e.Trove {
				continue
			}
			fits := 0
			for name, shape := range shapes {
				if shape.Match(e.JSON) {
					seen[name]++
					fits++
				}
			}
			if fits != 1 {
				Fail(fmt.Sprintf("fits %d shapes: %s", fits, e.JSON))
			}
		}
		Expect(seen).To(HaveLen(len(shapes)))
	})

	It("has notifications in both envelopes, never sent before what they tell", func() {
		world, err := sim.NewWorld(small(2))
		Expect(err).NotTo(HaveOccurred())
		versions, types := map[string]int{}, map[string]int{}
		for e := range world.Events {
			if !e.Trove {
				continue
			}
			var envelope struct {
				Version string `json:"oslo.version"`
				Message string `json:"oslo.message"`
			}
			Expect(json.Unmarshal(e.JSON, &envelope)).To(Succeed())
			versions[envelope.Version]++
			message := e.JSON
			if envelope.Version != "" {
				Expect(keysOf(e.JSON)).To(Equal([]string{"oslo.version", "oslo.message"}))
				message = []byte(envelope.Message)
			}
			Expect(keysOf(message)).To(Equal([]string{
				"message_id", "publisher_id", "event_type", "priority", "payload",
				"timestamp", "_unique_id",
			}))
			var n struct {
				Type      string `json:"event_type"`
				Timestamp string
				Payload   map[string]any
			}
			Expect(json.Unmarshal(message, &n)).To(Succeed())
			types[n.Type]++
			Expect(n.Timestamp).To(MatchRegexp(`^2026-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?$`))
			created := n.Payload["created_at"].(string)
			Expect(created[:10]+" "+created[11:19] <= n.Timestamp).To(BeTrue(), "%s", message)
			if n.Type == "trove.instance.exists" {
				Expect(n.Payload).NotTo(HaveKey("volume_size"))
				Expect(n.Payload).NotTo(HaveKey("instance_size"))
			} else {
				Expect(n.Payload["volume_size"]).To(BeNumerically(">", 0))
				Expect(n.Payload["tenant_id"]).To(MatchRegexp("^[0-9a-f]{32}$"))
			}
		}
		Expect(versions).To(HaveLen(2))
		Expect(types).To(HaveLen(5))
	})
})
