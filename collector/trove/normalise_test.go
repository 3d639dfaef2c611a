package trove_test

import (
	"encoding/json"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/trove/notification"
	"github.com/daybook-billing/daybook/events"
)

const create = `{"message_id":"m","event_type":"trove.instance.create","timestamp":"2015-06-28 05:54:57.725572","payload":{` +
	`"created_at":"2015-06-28T05:54:52Z","tenant_id":"t","instance_id":"i","instance_type":"m1","instance_type_id":10,"instance_size":512,"volume_size":1,"state":"BUILD"}}`

func must(in string) events.Usage {
	GinkgoHelper()
	u, err := notification.NormaliseText(nil, "f", []byte(in))
	Expect(err).NotTo(HaveOccurred())
	return u
}

func envelope(inner string) string {
	b, err := json.Marshal(map[string]string{"oslo.version": "2.0", "oslo.message": inner})
	Expect(err).NotTo(HaveOccurred())
	return string(b)
}

var _ = Describe("a notification", func() {
	DescribeTable("with one thing wrong is refused, by its path", func(old, with, message string) {
		Expect(create).To(ContainSubstring(old))
		changed := strings.Replace(create, old, with, 1)
		for _, in := range []string{changed, envelope(changed)} {
			_, err := notification.NormaliseText(nil, "f", []byte(in))
			Expect(err).To(MatchError(ContainSubstring(message)))
		}
	},
		Entry("no tenant", `"tenant_id":"t",`, ``, "payload.tenant_id: found nothing"),
		Entry("no instance", `"instance_id":"i"`, `"instance_id":null`, "payload.instance_id: found null"),
		Entry("no payload", `"payload":{`, `"pay":{`, "payload.tenant_id: found nothing"),
		Entry("a payload that is a list", create[strings.Index(create, `{"created`):], `[]}`, "payload: found an "+
			"array, expected an object"),
		Entry("an instance that is too long", `"instance_id":"i"`, `"instance_id":"`+strings.Repeat("i", 1025)+`"`,
			"resource: found a longer string, expected at most 1024 bytes"),
		Entry("a negative volume", `"volume_size":1`, `"volume_size":-1`, "payload.volume_size: found the number -1"),
		Entry("a fractional size", `"instance_size":512`, `"instance_size":512.5`, "payload.instance_size: found the "+
			"number 512.5"),
		Entry("a time that is none", `2015-06-28T05:54:52Z`, `yesterday`,
			`payload.created_at: found the string "yesterday"`),
		Entry("a time out of range", `2015-06-28 05`, `1015-06-28 05`, `timestamp: found`),
		Entry("a fractional id", `"instance_type_id":10`, `"instance_type_id":1.5`, "payload.instance_type_id: found "+
			"the number 1.5"),
		Entry("no flavour", `"instance_type":"m1","instance_type_id":10,`, ``, "payload.instance_type: found "+
			"nothing, expected the name of a flavour"),
		Entry("a change of volume without one",
			`create","timestamp":"2015-06-28 05:54:57.725572","payload":{"created_at":"2015-06-28T05:54:52Z","tenant_id":"t","instance_id":"i","instance_type":"m1","instance_type_id":10,"instance_size":512,"volume_size":1`,
			`modify_volume","payload":{"modify_at":"2015-06-28T05:54:52Z","tenant_id":"t","instance_id":"i"`,
			"payload.volume_size: found nothing"),
		Entry("a key twice", `"message_id":"m"`, `"message_id":"m","message_id":"n"`, "twice"),
	)

	It("in an envelope is the same as without", func() {
		Expect(must(envelope(create))).To(Equal(must(create)))
		Expect(must(strings.ReplaceAll(create, ",", ", "))).To(Equal(must(create)), "white space between tokens is "+
			"not kept")
	})

	It("may have its sizes as digits in strings, as the API takes them", func() {
		quoted := strings.NewReplacer(`"instance_size":512`, `"instance_size":"512"`, `"volume_size":1`,
			`"volume_size":"01"`).Replace(create)
		Expect(must(quoted).Footprint).To(Equal(must(create).Footprint))
		resized := must(`{"message_id":"m","event_type":"dbaas.instance_resize_volume.end","timestamp":"2015-06-28 05:54:57","payload":{"tenant_id":"t","instance_id":"i","new_size":"3"}}`)
		Expect(resized.Footprint.VolumeGB).To(Equal(events.Some(3)))
		for _, wrong := range []string{`""`, `"-1"`, `"1.5"`, `" 1"`, `"2147483648"`} {
			_, err := notification.NormaliseText(nil, "f", []byte(strings.Replace(create, `"volume_size":1`,
				`"volume_size":`+wrong,
				1)))
			Expect(err).To(MatchError(ContainSubstring("payload.volume_size: found")))
		}
	})

	DescribeTable("has a time, exact to the microsecond and in UTC", func(text, want string) {
		u := must(strings.Replace(create, "2015-06-28 05:54:57.725572", text, 1))
		Expect(events.FormatTime(u.Observed)).To(Equal(want))
	},
		Entry("oslo", "2015-06-28 05:54:57.725572", "2015-06-28T05:54:57.725572Z"),
		Entry("oslo at a whole second", "2015-06-28 05:54:57", "2015-06-28T05:54:57Z"),
		Entry("isotime", "2015-06-28T05:54:57Z", "2015-06-28T05:54:57Z"),
		Entry("exists", "2015-06-28T05:54:57.000001", "2015-06-28T05:54:57.000001Z"),
		Entry("before Pike", "2015-06-28T05:54:57.870091Z", "2015-06-28T05:54:57.870091Z"),
		Entry("an offset", "2015-06-28T05:54:57.5+02:00", "2015-06-28T03:54:57.500Z"),
		Entry("Python's offset", "2015-06-28 05:54:57-0130", "2015-06-28T07:24:57Z"),
		Entry("the last of a month", "2015-03-31 05:54:57", "2015-03-31T05:54:57Z"),
	)

	It("takes effect at its own time, and at the timestamp when it has none", func() {
		observed := time.Date(2015, 6, 28, 5, 54, 57, 725572000, time.UTC)
		Expect(must(create).Time).To(Equal(time.Date(2015, 6, 28, 5, 54, 52, 0, time.UTC)))
		Expect(must(strings.Replace(create, `"created_at":"2015-06-28T05:54:52Z"`, `"created_at":null`,
			1)).Time).To(Equal(observed))
		Expect(must(strings.Replace(create, ".create", ".exists", 1)).Time).To(Equal(observed))
		_, err := notification.NormaliseText(nil, "f",
			[]byte(`{"event_type":"trove.instance.exists","payload":{"tenant_id":"t","instance_id":"i"}}`))
		Expect(err).To(MatchError(ContainSubstring("timestamp: found nothing")))
	})

	Context("an exists", func() {
		report := func(timestamp, beginning, ending string) events.Usage {
			return must(`{"message_id":"m","publisher_id":"taskmanager.host","event_type":"trove.instance.exists","timestamp":"` + timestamp + `","payload":{` +
				`"tenant_id":"t","instance_id":"i","instance_type_id":"7","region":"here","nova_instance_id":"n",` +
				`"audit_period_beginning":"` + beginning + `","audit_period_ending":"` + ending + `"}}`)
		}
		at := func(hour, minute, second int) time.Time {
			return time.Date(2026, 1, 2, hour, minute, second, 0, time.UTC)
		}

		It("saw the instance at the end of the audit period, by the task manager of the region, which reports at "+
			"least that often", func() {
			u := report("2026-01-02 10:00:04", "2026-01-02T09:00:00Z", "2026-01-02T10:00:00Z")
			Expect(u.Time).To(Equal(at(10, 0, 0)))
			Expect(u.Observed).To(Equal(at(10, 0, 4)))
			Expect(u.Publisher).To(Equal("here/taskmanager.host"))
			Expect(u.AuditSeconds).To(Equal(events.Some(3600)))
			Expect(u.NoServer).To(BeFalse())
		})
		It("saw it at the timestamp when the period lies in the future, as up to Liberty (bug 1469860)", func() {
			Expect(report("2026-01-02 10:00:04", "2026-01-02T10:00:04.1Z",
				"2026-01-02T11:00:04.1Z").Time).To(Equal(at(10, 0, 4)))
		})
		It("saw it at the timestamp when the period is in a local time behind UTC, as up to Pike (bug "+
			"1532120)", func() {
			Expect(report("2026-01-02 10:00:04", "2026-01-02T04:00:00Z", "2026-01-02T05:00:00Z").Time).To(Equal(at(10,
				0, 4)))
		})
		It("has no period when it is not one", func() {
			Expect(report("2026-01-02 10:00:04", "2026-01-02T10:00:00Z",
				"2026-01-02T10:00:00Z").AuditSeconds.Known()).To(BeFalse())
		})
	})

	It("says that no server was made when its id is null, and nothing when there is no id", func() {
		gone := strings.Replace(create, ".create", ".delete", 1)
		Expect(must(gone).NoServer).To(BeFalse())
		Expect(must(strings.Replace(gone, `"tenant_id"`, `"nova_instance_id":null,"tenant_id"`,
			1)).NoServer).To(BeTrue())
		Expect(must(strings.Replace(gone, `"tenant_id"`, `"nova_instance_id":"n","tenant_id"`,
			1)).NoServer).To(BeFalse())
	})

	It("says that there is a volume whose size is unknown when it names one and not its size, and nothing of a "+
		"datastore without volumes", func() {
		for _, event := range []string{".create", ".modify_flavor", ".delete"} {
			of := func(volume string) events.Usage {
				in := strings.Replace(strings.Replace(create, ".create", event, 1), `"volume_size":1,`, volume, 1)
				return must(strings.Replace(in, `"instance_size"`,
					`"modify_at":"2015-06-28T05:55:52Z","deleted_at":"2015-06-28T05:56:52Z","instance_size"`, 1))
			}
			Expect(of(`"volume_size":null,"nova_volume_id":"v",`)).To(And(HaveField("VolumeUnknown", true),
				HaveField("Footprint.VolumeGB", events.Count{})))
			Expect(of(`"nova_volume_id":"v",`).VolumeUnknown).To(BeTrue())
			Expect(of(`"volume_size":1,"nova_volume_id":"v",`).VolumeUnknown).To(BeFalse())
			Expect(of(`"volume_size":null,"nova_volume_id":null,`).VolumeUnknown).To(BeFalse())
			Expect(of(``).VolumeUnknown).To(BeFalse())
		}
	})

	It("says the memory before a change of flavour", func() {
		change := strings.Replace(create, ".create", ".modify_flavor", 1)
		Expect(must(strings.Replace(change, `"tenant_id"`, `"old_instance_size":256,"tenant_id"`,
			1)).PreviousMemoryMB).To(Equal(events.Some(256)))
		Expect(must(strings.Replace(change, `"tenant_id"`, `"old_instance_size":512,"tenant_id"`,
			1)).PreviousMemoryMB.Known()).To(BeFalse())
	})

	DescribeTable("names its datastore by the service_id of Trove's configuration",
		func(id, name, kept string) {
			f := must(strings.Replace(create, `"tenant_id"`, `"service_id":`+id+`,"tenant_id"`, 1)).Footprint
			Expect([]string{f.Datastore, f.DatastoreID}).To(Equal([]string{name, kept}))
		},
		Entry("Trove's own", `"2f3ff068-2bfb-4f70-9a9d-a6bb65bc084b"`, "mysql", "2f3ff068-2bfb-4f70-9a9d-a6bb65bc084b"),
		Entry("Trove's own", `"ac277e0d-4f21-40aa-b347-1ea31e571720"`, "postgresql",
			"ac277e0d-4f21-40aa-b347-1ea31e571720"),
		Entry("an operator's", `"123"`, "123", ""),
		Entry("a number", `123`, "123", ""),
		Entry("none in the configuration, which several datastores may share", `"unknown-service-id-error"`, "", ""),
		Entry("null", `null`, "", ""),
	)

	It("says its region and availability zone, and its user in the raw message alone", func() {
		u := must(strings.Replace(create, `"tenant_id"`,
			`"region":"RegionOne","availability_zone":"nova","user_id":"ann","tenant_id"`, 1))
		Expect([]string{u.Footprint.Region, u.Footprint.AvailabilityZone}).To(Equal([]string{"RegionOne", "nova"}))
		Expect(string(u.Raw)).To(ContainSubstring(`"user_id":"ann"`))
		u.Raw = nil
		Expect(string(u.AppendJSON(nil))).NotTo(ContainSubstring("ann"))
	})

	It("has no publisher when that is no text", func() {
		Expect(must(strings.Replace(create, `"payload"`, `"publisher_id":7,"payload"`, 1)).Publisher).To(BeEmpty())
		Expect(must(strings.Replace(create, `"payload"`, `"publisher_id":"h","payload"`, 1)).Publisher).To(Equal("/h"))
	})

	It("is the same fact under Trove's old name, with ids as strings, and twice on the bus", func() {
		u := must(create)
		Expect(u.Footprint.FlavorID).To(Equal("10"))
		old := must(strings.Replace(strings.Replace(create, "trove.", "reddwarf.", 1), ":10", `:"10"`, 1))
		Expect(old.Footprint).To(Equal(u.Footprint))
		Expect(old.ID).To(Equal(u.ID))
		Expect(must(strings.Replace(create, `"payload"`, `"_unique_id":"x","payload"`, 1))).To(Equal(u))
	})

	It("without a message_id is known by its content", func() {
		without := strings.Replace(create, `"message_id":"m",`, ``, 1)
		Expect(must(without).ID).To(Equal(must(envelope(without)).ID))
		Expect(must(without).ID).NotTo(Equal(must(create).ID))
		Expect(must(without).ID).NotTo(Equal(must(strings.Replace(without, ".725572", ".725573", 1)).ID))
	})

	It("without a volume has none, not a volume of 0", func() {
		Expect(must(strings.Replace(create, `"volume_size":1`, `"volume_size":null`,
			1)).Footprint.VolumeGB.Known()).To(BeFalse())
		Expect(must(strings.Replace(create, `"volume_size":1`, `"volume_size":0`,
			1)).Footprint.VolumeGB).To(Equal(events.Some(0)))
	})

	It("passes nothing of the request's context, no address, no traceback and no secret", func() {
		in := strings.Replace(create, `"tenant_id"`,
			`"client_ip":"PLANTED","server_ip":"PLANTED","exception":{"a":"PLANTED"},"x":[{"admin_PASSWORD":"PLANTED","ok":"kept"}],`+
				`"serviceCatalog":["PLANTED"],"name":"https://u:PLANTED@h/","_context_x":"PLANTED","Traceback":"PLANTED","tenant_id"`, 1)
		in = strings.Replace(in, `"payload"`,
			`"_context_auth_token":"PLANTED","_unique_id":"PLANTED","other":"PLANTED","publisher_id":{"token":"PLANTED"},"payload"`, 1)
		for _, s := range []string{in, envelope(in)} {
			u := must(s)
			raw := string(u.AppendJSON(nil))
			Expect(raw).NotTo(ContainSubstring("PLANTED"))
			Expect(raw).NotTo(ContainSubstring(`"x":`), "what Trove's usage payloads are not known to have may hold "+
				"anything")
			Expect(raw).To(ContainSubstring(`"name":"https://***:***@h/"`))
		}
	})

	It("that says nothing about usage is ignored, and one of another service too", func() {
		for _, t := range []string{
			"dbaas.instance_create.end", "dbaas.instance_resize_volume.start", "dbaas.instance_resize_volume.error",
			"dbaas.quota",
			"trove.instance.renamed", "reddwarf.x", "compute.instance.create.end", "identity.authenticate",
		} {
			_, err := notification.NormaliseText(nil, "f", []byte(`{"event_type":"`+t+`"}`))
			Expect(err).To(MatchError(collector.ErrIgnored))
			Expect(err).To(HaveField("EventType", t))
		}
	})

	DescribeTable("without the text of an event type is no notification", func(text string) {
		_, err := notification.NormaliseText(nil, "f", []byte(text))
		Expect(err).To(HaveOccurred())
		Expect(err).NotTo(MatchError(collector.ErrIgnored))
	}, Entry("missing", `{"payload":{}}`), Entry("null", `{"event_type":null}`), Entry("a number", `{"event_type":7}`))
})
