-- Usage, past and present: spans, holds, parts without a price, and how complete all of it is.

-- +goose Up
CREATE TABLE spans (
    id         text        NOT NULL,
    source     text        NOT NULL,
    foundation text        NOT NULL,
    tenant     text        NOT NULL,
    space      text        NOT NULL,
    app        text        NOT NULL,
    kind       text        NOT NULL,
    resource   text        NOT NULL,
    name       text        NOT NULL,
    start_time timestamptz,
    end_time   timestamptz,
    content    jsonb       NOT NULL
);
CREATE INDEX spans_id ON spans (id);
CREATE INDEX spans_tenant ON spans (tenant, start_time);
COMMENT ON TABLE spans IS 'Past usage: times in which a resource had one footprint. A span found wrong is deleted, and others are added in its place.';
COMMENT ON COLUMN spans.id IS 'Id of the span, as in charges.span.';
COMMENT ON COLUMN spans.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN spans.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN spans.tenant IS 'Organisation or project.';
COMMENT ON COLUMN spans.space IS 'Guid of the Cloud Foundry space.';
COMMENT ON COLUMN spans.app IS 'Guid of the app, for apps, tasks and staging.';
COMMENT ON COLUMN spans.kind IS 'app, task, staging, service, instance or volume.';
COMMENT ON COLUMN spans.resource IS 'As in charges.resource.';
COMMENT ON COLUMN spans.name IS 'Name of the resource, as the platform reported it.';
COMMENT ON COLUMN spans.start_time IS 'Beginning of the span.';
COMMENT ON COLUMN spans.end_time IS 'End of the span, exclusive.';
COMMENT ON COLUMN spans.content IS 'The span as METERED has it, with its footprint, its flags and its evidence: sequences in USAGE.';

CREATE TABLE subjects (
    subject    text    PRIMARY KEY,
    source     text    NOT NULL,
    foundation text    NOT NULL,
    tenant     text    NOT NULL,
    running    integer NOT NULL,
    held       integer NOT NULL
);
COMMENT ON TABLE subjects IS 'How much runs and is held under a subject of METERED. Messages about many resources only count some.';
COMMENT ON COLUMN subjects.subject IS 'Subject of METERED.';
COMMENT ON COLUMN subjects.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN subjects.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN subjects.tenant IS 'Organisation or project.';
COMMENT ON COLUMN subjects.running IS 'Number of running spans.';
COMMENT ON COLUMN subjects.held IS 'Number of holds.';

CREATE TABLE running (
    subject    text        NOT NULL,
    source     text        NOT NULL,
    foundation text        NOT NULL,
    tenant     text        NOT NULL,
    space      text        NOT NULL,
    app        text        NOT NULL,
    kind       text        NOT NULL,
    resource   text        NOT NULL,
    name       text        NOT NULL,
    start_time timestamptz,
    since      timestamptz,
    content    jsonb       NOT NULL
);
CREATE INDEX running_subject ON running (subject, resource);
CREATE INDEX running_tenant ON running (tenant);
COMMENT ON TABLE running IS 'Running usage: spans without an end yet.';
COMMENT ON COLUMN running.subject IS 'Subject of METERED.';
COMMENT ON COLUMN running.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN running.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN running.tenant IS 'Organisation or project.';
COMMENT ON COLUMN running.space IS 'Guid of the Cloud Foundry space.';
COMMENT ON COLUMN running.app IS 'Guid of the app, for apps, tasks and staging.';
COMMENT ON COLUMN running.kind IS 'app, task, staging, service, instance or volume.';
COMMENT ON COLUMN running.resource IS 'As in charges.resource.';
COMMENT ON COLUMN running.name IS 'Name of the resource, as the platform reported it.';
COMMENT ON COLUMN running.start_time IS 'Beginning of the span: it is charged up to there.';
COMMENT ON COLUMN running.since IS 'When the footprint was taken up.';
COMMENT ON COLUMN running.content IS 'The span as METERED has it, with its footprint and its evidence.';

CREATE TABLE holds (
    subject    text        NOT NULL,
    id         text        NOT NULL,
    source     text        NOT NULL,
    foundation text        NOT NULL,
    tenant     text        NOT NULL,
    kind       text        NOT NULL,
    resource   text        NOT NULL,
    code       text        NOT NULL,
    start_time timestamptz,
    end_time   timestamptz,
    reason     text        NOT NULL,
    content    jsonb       NOT NULL
);
CREATE INDEX holds_subject ON holds (subject, resource);
CREATE INDEX holds_tenant ON holds (tenant);
COMMENT ON TABLE holds IS 'Usage possible, but not proven: neither billed nor dropped until a fact or a person decides.';
COMMENT ON COLUMN holds.subject IS 'Subject of METERED.';
COMMENT ON COLUMN holds.id IS 'Id of the hold.';
COMMENT ON COLUMN holds.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN holds.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN holds.tenant IS 'Organisation or project.';
COMMENT ON COLUMN holds.kind IS 'app, task, staging, service, instance or volume.';
COMMENT ON COLUMN holds.resource IS 'As in charges.resource.';
COMMENT ON COLUMN holds.code IS 'Why it is held: gap, lost_change and others.';
COMMENT ON COLUMN holds.start_time IS 'Beginning of the held time.';
COMMENT ON COLUMN holds.end_time IS 'End of the held time; NULL while it goes on.';
COMMENT ON COLUMN holds.reason IS 'Why, for a person.';
COMMENT ON COLUMN holds.content IS 'The hold as METERED has it, with its footprint.';

CREATE TABLE unrated (
    id         text        PRIMARY KEY,
    period     text        NOT NULL,
    source     text        NOT NULL,
    foundation text        NOT NULL,
    tenant     text        NOT NULL,
    space      text        NOT NULL,
    kind       text        NOT NULL,
    resource   text        NOT NULL,
    name       text        NOT NULL,
    start_time timestamptz,
    end_time   timestamptz,
    reason     text        NOT NULL,
    content    jsonb       NOT NULL
);
CREATE INDEX unrated_tenant ON unrated (tenant, period);
COMMENT ON TABLE unrated IS 'Usage without a price: no plan of the catalogue matches. It is not on a bill yet.';
COMMENT ON COLUMN unrated.id IS 'Id of the part.';
COMMENT ON COLUMN unrated.period IS 'Month of posting of a charge for it, YYYY-MM.';
COMMENT ON COLUMN unrated.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN unrated.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN unrated.tenant IS 'Organisation or project.';
COMMENT ON COLUMN unrated.space IS 'Guid of the Cloud Foundry space.';
COMMENT ON COLUMN unrated.kind IS 'app, task, staging, service, instance or volume.';
COMMENT ON COLUMN unrated.resource IS 'As in charges.resource.';
COMMENT ON COLUMN unrated.name IS 'Name of the resource, as the platform reported it.';
COMMENT ON COLUMN unrated.start_time IS 'Beginning of the part.';
COMMENT ON COLUMN unrated.end_time IS 'End of the part, exclusive.';
COMMENT ON COLUMN unrated.reason IS 'Why it has no price.';
COMMENT ON COLUMN unrated.content IS 'The part as BILLING has it, with its footprint.';

CREATE TABLE anomalies (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source     text        NOT NULL,
    foundation text        NOT NULL,
    tenant     text        NOT NULL,
    kind       text        NOT NULL,
    resource   text        NOT NULL,
    code       text        NOT NULL,
    time       timestamptz,
    message    text        NOT NULL,
    subject    text        NOT NULL,
    until      timestamptz NOT NULL,
    held       boolean     NOT NULL
);
CREATE INDEX anomalies_foundation ON anomalies (foundation, source);
COMMENT ON TABLE anomalies IS 'Facts in conflict with others, for somebody to look at. One is deleted when it stands no more: METERED keeps it.';
COMMENT ON COLUMN anomalies.id IS 'Number of the row.';
COMMENT ON COLUMN anomalies.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN anomalies.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN anomalies.tenant IS 'Organisation or project; empty for one about no resource.';
COMMENT ON COLUMN anomalies.kind IS 'Kind of the resource; empty for none.';
COMMENT ON COLUMN anomalies.resource IS 'As in charges.resource; empty for none.';
COMMENT ON COLUMN anomalies.code IS 'Code: orphan_ending, lost_change and others.';
COMMENT ON COLUMN anomalies.time IS 'When it happened.';
COMMENT ON COLUMN anomalies.message IS 'The conflict, and the answer to it.';
COMMENT ON COLUMN anomalies.subject IS 'Subject of METERED; empty for one about no resource.';
COMMENT ON COLUMN anomalies.until IS 'It stands until the horizon passes this time, unless something is held with it.';
COMMENT ON COLUMN anomalies.held IS 'Something is held with it.';

CREATE TABLE anomalies_omitted (
    source     text        NOT NULL,
    foundation text        NOT NULL,
    code       text        NOT NULL,
    until      timestamptz NOT NULL,
    count      bigint      NOT NULL,
    PRIMARY KEY (source, foundation, code, until)
);
COMMENT ON TABLE anomalies_omitted IS 'How many more anomalies there are than are listed.';
COMMENT ON COLUMN anomalies_omitted.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN anomalies_omitted.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN anomalies_omitted.code IS 'As in anomalies.code.';
COMMENT ON COLUMN anomalies_omitted.until IS 'As in anomalies.until.';
COMMENT ON COLUMN anomalies_omitted.count IS 'Number of anomalies.';

CREATE TABLE horizons (
    source     text        NOT NULL,
    foundation text        NOT NULL,
    metered    timestamptz,
    billed     timestamptz,
    ended      timestamptz,
    PRIMARY KEY (source, foundation)
);
COMMENT ON TABLE horizons IS 'How far foundations are metered and charged. Running spans are charged up to running.start_time only.';
COMMENT ON COLUMN horizons.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN horizons.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN horizons.metered IS 'Everything up to there is metered.';
COMMENT ON COLUMN horizons.billed IS 'Everything ended up to there is charged.';
COMMENT ON COLUMN horizons.ended IS 'When an operator retired the foundation; NULL for one at work.';

CREATE TABLE gaps (
    number     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text        NOT NULL,
    source     text        NOT NULL,
    foundation text        NOT NULL,
    list       text        NOT NULL,
    from_time  timestamptz,
    to_time    timestamptz,
    reason     text        NOT NULL,
    cursor     text        NOT NULL
);
COMMENT ON TABLE gaps IS 'Times of possibly missing facts.';
COMMENT ON COLUMN gaps.number IS 'Number of the row, in the order of METERED.';
COMMENT ON COLUMN gaps.id IS 'Id of the gap.';
COMMENT ON COLUMN gaps.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN gaps.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN gaps.list IS 'List of usage events, app or service; empty for all.';
COMMENT ON COLUMN gaps.from_time IS 'Beginning; NULL: not known.';
COMMENT ON COLUMN gaps.to_time IS 'End; NULL: not known.';
COMMENT ON COLUMN gaps.reason IS 'Why facts may be missing.';
COMMENT ON COLUMN gaps.cursor IS 'Guid of the last event collected before it, where there was one.';

CREATE TABLE closings (
    number     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text        NOT NULL,
    source     text        NOT NULL,
    foundation text        NOT NULL,
    month      text        NOT NULL,
    reopened   boolean     NOT NULL,
    by_person  text        NOT NULL,
    note       text        NOT NULL,
    time       timestamptz
);
CREATE INDEX closings_foundation ON closings (source, foundation, number);
COMMENT ON TABLE closings IS 'Months closed, and months opened again, in their order. With a month all earlier ones are closed.';
COMMENT ON COLUMN closings.number IS 'Number of the row, in the order of BILLING.';
COMMENT ON COLUMN closings.id IS 'Id of the closing.';
COMMENT ON COLUMN closings.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN closings.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN closings.month IS 'Month, YYYY-MM.';
COMMENT ON COLUMN closings.reopened IS 'The month is open again.';
COMMENT ON COLUMN closings.by_person IS 'The person; empty: the month closed by itself.';
COMMENT ON COLUMN closings.note IS 'The person''s note.';
COMMENT ON COLUMN closings.time IS 'When.';

CREATE TABLE places (
    tenant     text NOT NULL,
    source     text NOT NULL,
    foundation text NOT NULL,
    PRIMARY KEY (tenant, source, foundation)
);
COMMENT ON TABLE places IS 'Foundations with metered usage of a tenant.';
COMMENT ON COLUMN places.tenant IS 'Organisation or project.';
COMMENT ON COLUMN places.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN places.foundation IS 'Installation of the platform.';
