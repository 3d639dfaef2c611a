package usageevent_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/cf/usageevent"
)

const valid = `{"guid":"e","created_at":"2026-08-20T10:00:00Z","state":{"current":"STARTED","previous":null},"app":{"guid":"A","name":"shop"},` +
	`"process":{"guid":"P","type":"web"},"space":{"guid":"S","name":"dev"},"organization":{"guid":"O"},"buildpack":{"guid":null,"name":"ruby"},` +
	`"task":{"guid":null,"name":null},"memory_in_mb_per_instance":{"current":64,"previous":null},"instance_count":{"current":1,"previous":null}}`

var _ = Describe("a usage event", func() {
	DescribeTable("with one thing wrong is refused, by its path", func(old, with, message string) {
		Expect(valid).To(ContainSubstring(old))
		_, err := usageevent.Normalise("f", []byte(strings.Replace(valid, old, with, 1)))
		Expect(err).To(MatchError(ContainSubstring(message)))
	},
		Entry("no guid", `"guid":"e"`, `"x":"e"`, "guid: found nothing, expected a string"),
		Entry("a guid that is null", `"guid":"e"`, `"guid":null`, "guid: found null"),
		Entry("a time without a zone", `T10:00:00Z`, `T10:00:00`,
			`created_at: found the string "2026-08-20T10:00:00", expected an RFC 3339 time`),
		Entry("a time too early", `2026-`, `1999-`, `from the year 2000 on`),
		Entry("a time too late", `2026-`, `2200-`, `before 2200`),
		Entry("no such day", `08-20`, `02-30`, `created_at: found`),
		Entry("no organization", `"organization":{"guid":"O"},`, ``, "organization.guid: found nothing"),
		Entry("an organization that is null", `{"guid":"O"}`, `null`, "organization.guid: found nothing"),
		Entry("an organization that is a string", `{"guid":"O"}`, `"O"`,
			`organization: found the string "O", expected an object`),
		Entry("no process", `"guid":"P"`, `"guid":null`, "process.guid: found null, expected a string that is not "+
			"empty"),
		Entry("no size", `"memory_in_mb_per_instance":{"current":64`, `"memory_in_mb_per_instance":{"current":null`,
			"memory_in_mb_per_instance.current: found null"),
		Entry("a negative number", `"instance_count":{"current":1`, `"instance_count":{"current":-1`,
			"instance_count.current: found the number -1"),
		Entry("a fraction", `"instance_count":{"current":1`, `"instance_count":{"current":1.5`,
			"instance_count.current: found the number 1.5"),
		Entry("a huge number", `"instance_count":{"current":1`, `"instance_count":{"current":99999999999999999999`,
			"instance_count.current: found the number 99999999999999999999"),
		Entry("a name that is a number", `"name":"shop"`, `"name":7`, "app.name: found the number 7, expected a "+
			"string or null"),
		Entry("a key twice", `"guid":"e"`, `"guid":"e","guid":"e2"`, "twice"),
		Entry("a guid that is too long", `"guid":"e"`, `"guid":"`+strings.Repeat("e", 1025)+`"`, "at most 1024 bytes"),
		Entry("an organization that is too long", `"guid":"O"`, `"guid":"`+strings.Repeat("O", 1025)+`"`,
			"tenant: found a longer string, expected at most 1024 bytes"),
		Entry("no state", `"state":`, `"status":`, "state: found nothing, expected an object (app usage event) or a "+
			"string (service usage event)"),
		Entry("no current state", `"current":"STARTED"`, `"current":null`, "state.current: found null"),
	)

	It("with a very long name is a fact with the name cut", func() {
		long := strings.Repeat("shop", 1000)
		u, err := usageevent.Normalise("f", []byte(strings.Replace(valid, "shop", long, 1)))
		Expect(err).NotTo(HaveOccurred())
		Expect(u.Name).To(Equal(long[:1021] + "…"))
		Expect(string(u.Raw)).To(ContainSubstring(long))
	})

	It("with an unknown state is an error of its own kind", func() {
		_, err := usageevent.Normalise("f", []byte(strings.Replace(valid, "STARTED", "PAUSED", 1)))
		Expect(err).To(MatchError(usageevent.ErrUnknown))
		_, err = usageevent.Normalise("f", []byte(`{"guid":"g","state":"SHARED"}`))
		Expect(err).To(MatchError(usageevent.ErrUnknown))
	})

	It("has the same id wherever it is read, and another with another time, list or foundation", func() {
		id := func(foundation, event string) string {
			u, err := usageevent.Normalise(foundation, []byte(event))
			Expect(err).NotTo(HaveOccurred())
			return u.ID
		}
		service := `{"guid":"e","created_at":"2026-08-20T10:00:00Z","state":"CREATED","organization":{"guid":"O"},"service_instance":{"guid":"I"},"service_plan":{"guid":"P"}}`
		first := id("f", valid)
		Expect(id("f", strings.ReplaceAll(valid, `":`, `" : `))).To(Equal(first))
		Expect(id("f", " "+valid+"\n")).To(Equal(first))
		Expect([]string{id("g", valid), id("f", service), id("f", strings.Replace(valid, "10:00:00", "10:00:01",
			1))}).NotTo(ContainElement(first))
	})

	DescribeTable("of a service instance without a plan", func(kind, state string, taken bool) {
		_, err := usageevent.Normalise("f",
			[]byte(`{"guid":"e","created_at":"2026-08-20T10:00:00Z","state":"`+state+`","organization":{"guid":"O"},"service_instance":{"guid":"I","type":`+kind+`},"service_plan":{"guid":null,"name":null}}`))
		if taken {
			Expect(err).NotTo(HaveOccurred())
		} else {
			Expect(err).To(MatchError(ContainSubstring("service_plan.guid: found null")))
		}
	},
		Entry("is a fact when it is user-provided", `"user_provided_service_instance"`, "CREATED", true),
		Entry("does not pass for one that costs nothing when it is managed", `"managed_service_instance"`, "CREATED",
			false),
		Entry("nor when its type is not known", `"weird"`, "UPDATED", false),
		Entry("nor when it has no type", `null`, "CREATED", false),
		Entry("may be at its end", `"managed_service_instance"`, "DELETED", true),
	)

	DescribeTable("keeps no secret of a URL, in the footprint or in its own JSON", func(url string) {
		u, err := usageevent.Normalise("f", []byte(strings.Replace(valid, `"ruby"`, `"`+url+`"`, 1)))
		Expect(err).NotTo(HaveOccurred())
		Expect(u.Footprint.Buildpack).NotTo(ContainSubstring("PLANTED"))
		Expect(string(u.Raw)).NotTo(ContainSubstring("PLANTED"))
	},
		Entry("behind a space", "https://h/a b?token=PLANTED"),
		Entry("in a fragment behind a space", "https://u@host/%zz r.git#access_token=PLANTED"),
		Entry("in a path parameter", "https://h/path;token=PLANTED"),
		Entry("in a second URL", "https://h/a https://u:PLANTED@h/"),
	)

	It("keeps its bytes, and loses only the secrets", func() {
		in := strings.Replace(strings.Replace(valid, `"ruby"`, `"https:\/\/u:PLANTED@h\/r?k=PLANTED"`, 1), `"shop"`,
			`"https://PLANTED@h"`, 1)
		u, err := usageevent.Normalise("f", []byte(in+"\r\n"))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(u.Raw)).To(Equal(strings.Replace(strings.Replace(valid, `"ruby"`, `"https://***:***@h/r?k=***"`,
			1), `"shop"`, `"https://***:***@h"`, 1)))
		Expect(u.Footprint.Buildpack).To(Equal("https://***:***@h/r?k=***"))
		Expect(u.Name).To(Equal("https://***:***@h"))
		spaced := strings.ReplaceAll(valid, ",", " ,\t")
		u, err = usageevent.Normalise("f", []byte(spaced))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(u.Raw)).To(Equal(spaced))
		u, err = usageevent.Normalise("f", []byte(strings.ReplaceAll(valid, ",", ",\n  ")))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(u.Raw)).To(Equal(valid))
	})

	It("shares no memory with what it was made of", func() {
		in := []byte(valid)
		u, err := usageevent.Normalise("f", in)
		Expect(err).NotTo(HaveOccurred())
		clear(in)
		Expect(string(u.Raw)).To(Equal(valid))
		Expect(u.Tenant).To(Equal("O"))
	})
})
