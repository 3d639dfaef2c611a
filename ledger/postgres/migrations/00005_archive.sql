-- The usage events of Cloud Foundry, in the tables of alphagov/paas-billing.

-- +goose Up
CREATE TABLE app_usage_events (
    id          bigint      PRIMARY KEY,
    guid        uuid        NOT NULL,
    created_at  timestamptz NOT NULL,
    raw_message jsonb       NOT NULL,
    processed   boolean     NOT NULL DEFAULT false,
    foundation  text        NOT NULL,
    raw_v3      jsonb       NOT NULL,
    UNIQUE (foundation, guid, created_at)
);
COMMENT ON TABLE app_usage_events IS 'App usage events: apps, tasks, staging. Select one foundation: a cloned one has the same guids, and a reseed repeats them.';
COMMENT ON COLUMN app_usage_events.id IS 'Sequence in USAGE: the order of the events.';
COMMENT ON COLUMN app_usage_events.guid IS 'Guid of the event; a UUID made of it where it is none.';
COMMENT ON COLUMN app_usage_events.created_at IS 'When it happened.';
COMMENT ON COLUMN app_usage_events.raw_message IS 'The event as the entity of API v2: app_guid is the process, parent_app_guid the app.';
COMMENT ON COLUMN app_usage_events.processed IS 'For the notes of other programs; Daybook writes none.';
COMMENT ON COLUMN app_usage_events.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN app_usage_events.raw_v3 IS 'The event as it was collected, without secrets.';

CREATE TABLE service_usage_events (
    id          bigint      PRIMARY KEY,
    guid        uuid        NOT NULL,
    created_at  timestamptz NOT NULL,
    raw_message jsonb       NOT NULL,
    processed   boolean     NOT NULL DEFAULT false,
    foundation  text        NOT NULL,
    raw_v3      jsonb       NOT NULL,
    UNIQUE (foundation, guid, created_at)
);
COMMENT ON TABLE service_usage_events IS 'Service usage events. Select one foundation: a cloned one has the same guids, and a reseed repeats them.';
COMMENT ON COLUMN service_usage_events.id IS 'Sequence in USAGE: the order of the events.';
COMMENT ON COLUMN service_usage_events.guid IS 'Guid of the event; a UUID made of it where it is none.';
COMMENT ON COLUMN service_usage_events.created_at IS 'When it happened.';
COMMENT ON COLUMN service_usage_events.raw_message IS 'The event as the entity of API v2.';
COMMENT ON COLUMN service_usage_events.processed IS 'For the notes of other programs; Daybook writes none.';
COMMENT ON COLUMN service_usage_events.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN service_usage_events.raw_v3 IS 'The event as it was collected, without secrets.';
