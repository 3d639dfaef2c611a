package demo_test

import (
	"bytes"
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.yaml.in/yaml/v3"

	"github.com/daybook-billing/daybook/internal/lab/demo"
)

var _ = Describe("the demo's files", func() {
	lines := func(name string) []map[string]any {
		for _, f := range demo.Files() {
			if f.Name != name {
				continue
			}
			Expect(f.Data).To(HaveSuffix("\n"))
			var list []map[string]any
			for line := range bytes.Lines(f.Data) {
				var v map[string]any
				Expect(json.Unmarshal(line, &v)).To(Succeed(), "%s", line)
				list = append(list, v)
			}
			return list
		}
		Fail("no file " + name)
		return nil
	}

	It("are six, all JSON lines", func() {
		Expect(lines("cloud-foundry.jsonl")).To(HaveLen(393))
		Expect(lines("trove.jsonl")).To(HaveLen(5))
		Expect(lines("trove-notifier.jsonl")).To(HaveLen(1))
		Expect(lines("trove-captures.jsonl")).To(HaveLen(24))
		Expect(lines("databases.jsonl")).To(HaveLen(7))
		Expect(lines("databases-late.jsonl")).To(HaveLen(2))
	})

	It("come with a catalogue in pounds with two versions of one plan", func() {
		var catalogue struct {
			Currency string
			Plans    []struct{ Name string }
		}
		Expect(yaml.Unmarshal(demo.Catalogue(), &catalogue)).To(Succeed())
		Expect(catalogue.Currency).To(Equal("GBP"))
		names := map[string]int{}
		for _, plan := range catalogue.Plans {
			names[plan.Name]++
		}
		Expect(names).To(HaveKeyWithValue("app-java", 2))
		delete(names, "app-java")
		Expect(names).To(HaveEach(1))
	})

	It("tell of two orgs, in order", func() {
		orgs, last := map[any]int{}, ""
		for _, event := range lines("cloud-foundry.jsonl") {
			orgs[event["organization"].(map[string]any)["guid"]]++
			created := event["created_at"].(string)
			Expect(created >= last).To(BeTrue(), created)
			last = created
		}
		Expect(orgs).To(HaveLen(2))
		Expect(orgs).To(HaveKey(demo.Retail))
		Expect(orgs).To(HaveKey(demo.Logistics))
	})

	It("hold the Trove page's messages from create to delete, and its sign of life", func() {
		var types []any
		for _, message := range lines("trove.jsonl") {
			types = append(types, message["event_type"])
		}
		Expect(types).To(Equal([]any{
			"trove.instance.create", "trove.instance.modify_volume", "trove.instance.modify_flavor",
			"trove.instance.delete",
			"trove.instance.exists",
		}))
	})
})
