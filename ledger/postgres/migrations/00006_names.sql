-- The tenants of names, and the tenants whose names are erased.

-- +goose Up
ALTER TABLE names ADD COLUMN tenant text NOT NULL DEFAULT '';
COMMENT ON COLUMN names.tenant IS 'Guid of the organisation or project: of a space, the one that it is in.';
CREATE INDEX names_tenant ON names (tenant);
COMMENT ON COLUMN positions.stream IS 'Name of the stream: METERED, BILLING, USAGE for the tables of events, or KV_daybook-names for names.';
COMMENT ON COLUMN positions.mark IS 'What another stream is told by: of METERED and BILLING the state of the chain over the messages up to there, and digests of the first and the last one; of names when their bucket was made.';

CREATE TABLE erasures (
    tenant     text    NOT NULL,
    source     text    NOT NULL,
    foundation text    NOT NULL,
    done       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant, source, foundation)
);
COMMENT ON TABLE erasures IS 'Tenants whose names are erased: guids stand in the places of them.';
COMMENT ON COLUMN erasures.tenant IS 'Guid of the organisation or project.';
COMMENT ON COLUMN erasures.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN erasures.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN erasures.done IS 'The rows from before the erasure have no names any more, either.';

CREATE INDEX app_usage_events_org ON app_usage_events ((raw_message->>'org_guid'), id);
CREATE INDEX service_usage_events_org ON service_usage_events ((raw_message->>'org_guid'), id);
