package postgres_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// The events of an app's start and of a service's creation, as the API lists them.
const (
	started = `{"guid":"00000000-0000-4000-8000-00000000000%d","created_at":"2026-08-20T10:00:00Z",` +
		`"state":{"current":"STARTED","previous":"STOPPED"},"app":{"guid":"A","name":"shop"},` +
		`"process":{"guid":"P","type":"web"},"space":{"guid":"S","name":"dev"},"organization":{"guid":"O"},` +
		`"buildpack":{"guid":null,"name":"ruby"},"task":{"guid":null,"name":null},` +
		`"memory_in_mb_per_instance":{"current":512,"previous":256},"instance_count":{"current":2,"previous":1}}`
	created = `{"guid":"00000000-0000-4000-8000-00000000000%d","created_at":"2026-08-20T10:00:00Z","state":"CREATED",` +
		`"space":{"guid":"S","name":"dev"},"organization":{"guid":"O"},` +
		`"service_instance":{"guid":"I","name":"db","type":"managed_service_instance"},` +
		`"service_plan":{"guid":"SP","name":"small"},"service_offering":{"guid":"SO","name":"postgres"},` +
		`"service_broker":{"guid":"SB","name":"rds"}}`
)

var _ = Describe("The archive", func() {
	It("has the events of Cloud Foundry in the form of paas-billing, each once", func(ctx context.Context) {
		b, where := streams(ctx), database(ctx)
		l := open(ctx, where)
		at := time.Date(2026, 8, 20, 10, 0, 0, 0, time.UTC)
		fact := func(n int, kind, raw string) bus.Message {
			u := &events.Usage{
				ID: fmt.Sprint(n), Source: events.SourceCF, Foundation: "prod", Tenant: "O", Kind: kind, Resource: "P",
				Event: "STARTED", Time: at, Raw: fmt.Appendf(nil, raw, n),
			}
			return bus.Message{
				Subject: events.UsageSubject("cf", "prod", "O", kind, "P"), Data: u.AppendJSON(nil),
				Header: []events.Header{{Key: events.HeaderType, Value: events.TypeUsage}},
			}
		}
		last, err := b.Append(ctx, events.StreamUsage, []bus.Message{
			fact(1, events.KindApp, started), fact(2, events.KindService, created), fact(1, events.KindApp, started),
		}, bus.Expect{})
		Expect(err).NotTo(HaveOccurred())
		l.Archive(ctx, b, last)
		last, err = b.Append(ctx, events.StreamUsage, []bus.Message{fact(3, events.KindApp, started)},
			bus.Expect{Last: last})
		Expect(err).NotTo(HaveOccurred())
		l.Archive(ctx, b, last)

		conn, err := pgx.Connect(ctx, where)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx context.Context) { _ = conn.Close(ctx) })
		rows, err := conn.Query(ctx, `SELECT concat_ws(' ', id, right(guid::text, 2), raw_message->>'state',
				raw_message->>'previous_state', raw_message->>'app_guid', raw_message->>'parent_app_guid',
				raw_message->>'org_guid', raw_message->>'memory_in_mb_per_instance', raw_message->>'buildpack_name',
				raw_v3 #>> '{process,type}')
			FROM daybook.app_usage_events UNION ALL
			SELECT concat_ws(' ', id, right(guid::text, 2), raw_message->>'state', raw_message->>'service_plan_guid',
				raw_message->>'service_label', raw_message->>'service_broker_name')
			FROM daybook.service_usage_events`)
		Expect(err).NotTo(HaveOccurred())
		Expect(pgx.CollectRows(rows, pgx.RowTo[string])).To(Equal([]string{
			"1 01 STARTED STOPPED P A O 512 ruby web", "4 03 STARTED STOPPED P A O 512 ruby web",
			"2 02 CREATED SP postgres rds",
		}))
	})
})
