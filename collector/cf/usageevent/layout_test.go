package usageevent_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/cf/usageevent"
	"github.com/daybook-billing/daybook/events"
)

const (
	v3App = `{"guid":"e","created_at":"2016-06-08T16:41:33Z","state":{"current":"STARTED","previous":"STOPPED"},` +
		`"app":{"guid":"A","name":"shop"},"process":{"guid":"P","type":"web"},"space":{"guid":"S","name":"dev"},` +
		`"organization":{"guid":"O"},"buildpack":{"guid":"B","name":"ruby"},"task":{"guid":null,"name":null},` +
		`"memory_in_mb_per_instance":{"current":64,"previous":32},"instance_count":{"current":2,"previous":1}}`
	v2App = `{"state":"STARTED","previous_state":"STOPPED","memory_in_mb_per_instance":64,` +
		`"previous_memory_in_mb_per_instance":32,"instance_count":2,"previous_instance_count":1,"app_guid":"P",` +
		`"app_name":"shop-web","space_guid":"S","space_name":"dev","org_guid":"O","buildpack_guid":"B",` +
		`"buildpack_name":"ruby","package_state":"STAGED","parent_app_guid":"A","parent_app_name":"shop",` +
		`"process_type":"web","task_guid":null,"task_name":null}`
	v3Task = `{"guid":"e","created_at":"2016-06-08T16:41:33Z","state":{"current":"TASK_STARTED","previous":"RUNNING"},` +
		`"app":{"guid":"A","name":"shop"},"process":{"guid":null,"type":null},"space":{"guid":"S","name":"dev"},` +
		`"organization":{"guid":"O"},"buildpack":{"guid":null,"name":null},"task":{"guid":"T","name":"migrate"},` +
		`"memory_in_mb_per_instance":{"current":64,"previous":64},"instance_count":{"current":1,"previous":1}}`
	v2Task = `{"state":"TASK_STARTED","previous_state":"RUNNING","memory_in_mb_per_instance":64,` +
		`"previous_memory_in_mb_per_instance":64,"instance_count":1,"previous_instance_count":1,"app_guid":"",` +
		`"app_name":"","space_guid":"S","space_name":"dev","org_guid":"O","buildpack_guid":null,` +
		`"buildpack_name":null,"parent_app_guid":"A","parent_app_name":"shop","process_type":null,` +
		`"task_guid":"T","task_name":"migrate"}`
	v3Service = `{"guid":"e","created_at":"2016-06-08T16:41:33Z","state":"CREATED","space":{"guid":"S","name":"dev"},` +
		`"organization":{"guid":"O"},"service_instance":{"guid":"I","name":"db","type":"managed_service_instance"},` +
		`"service_plan":{"guid":"P","name":"small"},"service_offering":{"guid":"F","name":"postgres"},` +
		`"service_broker":{"guid":"K","name":"broker"}}`
	v2Service = `{"state":"CREATED","org_guid":"O","space_guid":"S","space_name":"dev","service_instance_guid":"I",` +
		`"service_instance_name":"db","service_instance_type":"managed_service_instance","service_plan_guid":"P",` +
		`"service_plan_name":"small","service_guid":"F","service_label":"postgres","service_broker_name":"broker",` +
		`"service_broker_guid":"K"}`
)

// inV2 is the event of an entity as the v2 API gives it.
func inV2(entity string) string {
	return `{"metadata":{"guid":"e","url":"/v2/app_usage_events/e","created_at":"2016-06-08T16:41:33Z"},"entity":` +
		entity + `}`
}

// inRow is a row of a table of usage events, as row_to_json gives it.
func inRow(message string) string {
	return `{"id":7,"guid":"e","created_at":"2016-06-08T16:41:33+00:00","raw_message":` + message + `}`
}

// bare is an entity with its guid and time beside its members.
func bare(entity string) string {
	return strings.Replace(entity, "{", `{"guid":"e","created_at":"2016-06-08T16:41:33Z",`, 1)
}

var _ = Describe("an event in another form than that of v3", func() {
	fact := func(event string) events.Usage {
		u, err := usageevent.Normalise("f", []byte(event))
		ExpectWithOffset(1, err).NotTo(HaveOccurred())
		ExpectWithOffset(1, string(u.Raw)).To(Equal(event), "the event is kept verbatim")
		u.Raw = nil
		return u
	}
	DescribeTable("is the same fact, with the same id", func(form func(string) string, message, v3 string) {
		Expect(fact(form(message))).To(Equal(fact(v3)))
	},
		Entry("v2, an app", inV2, v2App, v3App),
		Entry("v2, a task", inV2, v2Task, v3Task),
		Entry("v2, a service", inV2, v2Service, v3Service),
		Entry("a row with an entity, an app", inRow, v2App, v3App),
		Entry("a row with an entity, a service", inRow, v2Service, v3Service),
		Entry("a row with an event of v3, an app", inRow, v3App, v3App),
		Entry("a row with an event of v3, a service", inRow, v3Service, v3Service),
		Entry("a bare entity, an app", bare, v2App, v3App),
		Entry("a bare entity, a task", bare, v2Task, v3Task),
		Entry("a bare entity, a service", bare, v2Service, v3Service),
	)

	It("from before v3 has no app, and the process's name", func() {
		old := strings.NewReplacer(`"parent_app_guid":"A"`, `"parent_app_guid":null`, `"parent_app_name":"shop"`,
			`"parent_app_name":null`).Replace(v2App)
		u := fact(inV2(old))
		Expect([]string{u.Resource, u.App, u.Name}).To(Equal([]string{"P", "", "shop-web"}))
	})

	DescribeTable("with one thing wrong is refused, by the path of its own form",
		func(event, message string) {
			_, err := usageevent.Normalise("f", []byte(event))
			Expect(err).To(MatchError(ContainSubstring(message)))
		},
		Entry("no guid", strings.Replace(inV2(v2App), `"guid":"e",`, ``, 1), "metadata.guid: found nothing"),
		Entry("a time without a zone", strings.Replace(inRow(v2App), "+00:00", "", 1),
			`created_at: found the string "2016-06-08T16:41:33"`),
		Entry("no organization", inV2(strings.Replace(v2App, `"org_guid":"O"`, `"org_guid":null`, 1)),
			"entity.org_guid: found null"),
		Entry("no size", inRow(strings.Replace(v2App, `"instance_count":2`, `"instance_count":null`, 1)),
			"raw_message.instance_count: found null"),
		Entry("an unknown state", inV2(strings.Replace(v2App, "STARTED", "PAUSED", 1)),
			`unknown usage event: entity.state: found "PAUSED"`),
	)
})
