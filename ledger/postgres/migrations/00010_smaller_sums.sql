-- Sums by month and tenant, and by month and resource: bills and pages of months add up few rows.

-- +goose Up
CREATE TABLE tenant_sums (
    period     text    NOT NULL,
    of_month   text    NOT NULL,
    source     text    NOT NULL,
    foundation text    NOT NULL,
    tenant     text    NOT NULL,
    kind       text    NOT NULL,
    unit       text    NOT NULL,
    currency   text    NOT NULL,
    vat_rate   text    NOT NULL,
    charges    bigint  NOT NULL,
    quantity   numeric NOT NULL,
    amount     numeric NOT NULL,
    vat        numeric NOT NULL,
    PRIMARY KEY (tenant, period, of_month, source, foundation, kind, unit, currency, vat_rate)
) WITH (fillfactor = 80);
CREATE INDEX tenant_sums_period ON tenant_sums (period);
COMMENT ON TABLE tenant_sums IS 'Sums over charges by month and tenant, up to sums_position. month_sums has the same by plan and component.';
COMMENT ON COLUMN tenant_sums.period IS 'Month of posting, YYYY-MM.';
COMMENT ON COLUMN tenant_sums.of_month IS 'Month of the entries'' beginning, where it is an earlier one; empty for all others.';
COMMENT ON COLUMN tenant_sums.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN tenant_sums.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN tenant_sums.tenant IS 'Organisation or project.';
COMMENT ON COLUMN tenant_sums.kind IS 'app, task, staging, service, instance or volume.';
COMMENT ON COLUMN tenant_sums.unit IS 'Unit of the quantity; empty where the component has none.';
COMMENT ON COLUMN tenant_sums.currency IS 'Currency of the amounts.';
COMMENT ON COLUMN tenant_sums.vat_rate IS 'VAT rate: 0.2 is 20 %; empty for no VAT.';
COMMENT ON COLUMN tenant_sums.charges IS 'Number of entries, reversals included.';
COMMENT ON COLUMN tenant_sums.quantity IS 'Sum of the quantities.';
COMMENT ON COLUMN tenant_sums.amount IS 'Sum of the net amounts.';
COMMENT ON COLUMN tenant_sums.vat IS 'Sum of the VAT.';

CREATE TABLE resource_sums (
    period     text    NOT NULL,
    of_month   text    NOT NULL,
    source     text    NOT NULL,
    foundation text    NOT NULL,
    tenant     text    NOT NULL,
    space      text    NOT NULL,
    app        text    NOT NULL,
    kind       text    NOT NULL,
    resource   text    NOT NULL,
    unit       text    NOT NULL,
    currency   text    NOT NULL,
    charges    bigint  NOT NULL,
    quantity   numeric NOT NULL,
    amount     numeric NOT NULL,
    vat        numeric NOT NULL,
    PRIMARY KEY (tenant, period, resource, space, app, of_month, source, foundation, kind, unit, currency)
) WITH (fillfactor = 80);
CREATE INDEX resource_sums_period ON resource_sums (period);
COMMENT ON TABLE resource_sums IS 'Sums over charges by month and resource, up to sums_position.';
COMMENT ON COLUMN resource_sums.period IS 'Month of posting, YYYY-MM.';
COMMENT ON COLUMN resource_sums.of_month IS 'Month of the entries'' beginning, where it is an earlier one; empty for all others.';
COMMENT ON COLUMN resource_sums.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN resource_sums.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN resource_sums.tenant IS 'Organisation or project.';
COMMENT ON COLUMN resource_sums.space IS 'Space; empty where the platform has none.';
COMMENT ON COLUMN resource_sums.app IS 'App; empty where there is none.';
COMMENT ON COLUMN resource_sums.kind IS 'app, task, staging, service, instance or volume.';
COMMENT ON COLUMN resource_sums.resource IS 'Resource; of a task its app.';
COMMENT ON COLUMN resource_sums.unit IS 'Unit of the quantity; empty where the component has none.';
COMMENT ON COLUMN resource_sums.currency IS 'Currency of the amounts.';
COMMENT ON COLUMN resource_sums.charges IS 'Number of entries, reversals included.';
COMMENT ON COLUMN resource_sums.quantity IS 'Sum of the quantities.';
COMMENT ON COLUMN resource_sums.amount IS 'Sum of the net amounts.';
COMMENT ON COLUMN resource_sums.vat IS 'Sum of the VAT.';

CREATE TABLE sums_position (
    billing_sequence bigint NOT NULL
);
INSERT INTO sums_position VALUES (0);
COMMENT ON TABLE sums_position IS 'How far tenant_sums and resource_sums are kept. Behind positions they are filled while more is posted, and not asked: after an earlier version of Daybook has posted.';
COMMENT ON COLUMN sums_position.billing_sequence IS 'Sequence in BILLING of the last message in the sums.';
