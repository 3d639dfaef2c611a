package postgres_test

import (
	"context"
	"fmt"
	"strings"
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

	It("has every field that paas-billing's SQL reads, and the guids of a reseed again", func(ctx context.Context) {
		b, where := streams(ctx), database(ctx)
		l := open(ctx, where)
		at, id := time.Date(2026, 8, 20, 10, 0, 0, 0, time.UTC), "00000000-0000-4000-8000-000000000009"
		guids := strings.NewReplacer(`"A"`, `"`+id+`"`, `"P"`, `"`+id+`"`, `"S"`, `"`+id+`"`, `"O"`, `"`+id+`"`, `"I"`,
			`"`+id+`"`, `"SP"`, `"`+id+`"`, `"SO"`, `"`+id+`"`, `"SB"`, `"`+id+`"`)
		task := strings.NewReplacer(`"task":{"guid":null,"name":null}`, `"task":{"guid":"`+id+`","name":"migrate"}`,
			`"STARTED"`, `"TASK_STARTED"`, `"process":{"guid":"P","type":"web"}`, `"process":{"guid":null,"type":null}`)
		var messages []bus.Message
		for _, x := range []struct {
			foundation, kind, raw string
			hours, n              int
		}{
			{"prod", events.KindApp, started, 0, 1},
			{"prod", events.KindTask, task.Replace(started), 1, 2},
			{"prod", events.KindService, created, 2, 3},
			{"prod", events.KindApp, started, 3, 1}, // a reseed
			{"clone", events.KindApp, started, 0, 1},
			{"prod", events.KindApp, started, 0, 1}, // collected twice
		} {
			u := &events.Usage{
				ID: fmt.Sprint(len(messages)), Source: events.SourceCF, Foundation: x.foundation, Tenant: id,
				Kind: x.kind, Resource: id, Event: "STARTED", Time: at.Add(time.Duration(x.hours) * time.Hour),
				Raw: fmt.Appendf(nil, guids.Replace(x.raw), x.n),
			}
			messages = append(messages, bus.Message{
				Subject: events.UsageSubject("cf", x.foundation, id, x.kind, id), Data: u.AppendJSON(nil),
				Header: []events.Header{{Key: events.HeaderType, Value: events.TypeUsage}},
			})
		}
		last, err := b.Append(ctx, events.StreamUsage, messages, bus.Expect{})
		Expect(err).NotTo(HaveOccurred())
		l.Archive(ctx, b, last)
		Expect(table(ctx, where, `SELECT concat_ws(' ', id, foundation, right(guid::text, 1), to_char(created_at, 'HH24'),
				processed,
				right((coalesce(nullif(raw_message->>'app_guid', ''), raw_message->>'task_guid'))::uuid::text, 1),
				raw_message->>'app_name', coalesce(raw_message->>'task_name', '-'),
				right((raw_message->>'parent_app_guid')::uuid::text, 1), raw_message->>'parent_app_name',
				right((raw_message->>'org_guid')::uuid::text, 1), right((raw_message->>'space_guid')::uuid::text, 1),
				raw_message->>'space_name', (raw_message->>'instance_count')::numeric,
				(raw_message->>'memory_in_mb_per_instance')::numeric, raw_message->>'state')
			FROM daybook.app_usage_events ORDER BY id`)).To(Equal([]string{
			"1 prod 1 10 f 9 shop - 9 shop 9 9 dev 2 512 STARTED",
			"2 prod 2 11 f 9 shop migrate 9 shop 9 9 dev 2 512 TASK_STARTED",
			"4 prod 1 13 f 9 shop - 9 shop 9 9 dev 2 512 STARTED",
			"5 clone 1 10 f 9 shop - 9 shop 9 9 dev 2 512 STARTED",
		}))
		Expect(table(ctx, where, `SELECT concat_ws(' ', id, right((raw_message->>'service_instance_guid')::uuid::text, 1),
				raw_message->>'service_instance_name', raw_message->>'service_instance_type',
				right((raw_message->>'service_plan_guid')::uuid::text, 1), raw_message->>'service_plan_name',
				right((raw_message->>'service_guid')::uuid::text, 1), raw_message->>'service_label',
				right((raw_message->>'org_guid')::uuid::text, 1), raw_message->>'space_name', raw_message->>'state')
			FROM daybook.service_usage_events`)).To(Equal([]string{
			"3 9 db managed_service_instance 9 small 9 postgres 9 dev CREATED",
		}))
		Expect(table(ctx, where, `SELECT concat_ws(' ', table_name, column_name, data_type) FROM information_schema.columns
			WHERE table_schema = 'daybook_1' AND table_name LIKE '%_usage_events' AND column_name IN
				('id', 'guid', 'created_at', 'processed', 'raw_message') AND is_nullable = 'NO' ORDER BY 1`)).To(Equal([]string{
			"app_usage_events created_at timestamp with time zone", "app_usage_events guid uuid",
			"app_usage_events id bigint", "app_usage_events processed boolean", "app_usage_events raw_message jsonb",
			"service_usage_events created_at timestamp with time zone", "service_usage_events guid uuid",
			"service_usage_events id bigint", "service_usage_events processed boolean",
			"service_usage_events raw_message jsonb",
		}))
		Expect(table(ctx, where, `SELECT pg_get_constraintdef(oid) FROM pg_constraint
			WHERE contype = 'u' AND conrelid::regclass::text LIKE '%_usage_events'`)).To(Equal([]string{
			"UNIQUE (foundation, guid, created_at)", "UNIQUE (foundation, guid, created_at)",
		}))
	})
})
