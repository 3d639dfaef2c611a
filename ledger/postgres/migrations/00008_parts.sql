-- Sums over parts of BILLING: what was known at an earlier time is added up from them.

-- +goose Up
CREATE TABLE parts (
    last_sequence  bigint PRIMARY KEY,
    first_sequence bigint NOT NULL,
    charges        bigint NOT NULL,
    usage_first    bigint NOT NULL,
    usage_last     bigint NOT NULL
);
COMMENT ON TABLE parts IS 'Parts of BILLING with sums of their own, one behind the other. Messages behind the last part have none yet.';
COMMENT ON COLUMN parts.last_sequence IS 'Sequence in BILLING of its last message.';
COMMENT ON COLUMN parts.first_sequence IS 'Sequence in BILLING of the last message before it; 0: none.';
COMMENT ON COLUMN parts.charges IS 'Number of its entries.';
COMMENT ON COLUMN parts.usage_first IS 'The least of its entries'' charges.usage_sequence.';
COMMENT ON COLUMN parts.usage_last IS 'The greatest of its entries'' charges.usage_sequence.';

CREATE TABLE part_sums (
    part       bigint  NOT NULL,
    period     text    NOT NULL,
    source     text    NOT NULL,
    foundation text    NOT NULL,
    tenant     text    NOT NULL,
    kind       text    NOT NULL,
    plan       text    NOT NULL,
    component  text    NOT NULL,
    unit       text    NOT NULL,
    currency   text    NOT NULL,
    charges    bigint  NOT NULL,
    quantity   numeric NOT NULL,
    amount     numeric NOT NULL,
    vat        numeric NOT NULL
);
CREATE INDEX part_sums_tenant ON part_sums (tenant, part);
CREATE INDEX part_sums_period ON part_sums (period, part);
COMMENT ON TABLE part_sums IS 'Sums over the charges of parts.';
COMMENT ON COLUMN part_sums.part IS 'The part: parts.last_sequence.';
COMMENT ON COLUMN part_sums.period IS 'Month of posting, YYYY-MM.';
COMMENT ON COLUMN part_sums.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN part_sums.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN part_sums.tenant IS 'Organisation or project.';
COMMENT ON COLUMN part_sums.kind IS 'app, task, staging, service, instance or volume.';
COMMENT ON COLUMN part_sums.plan IS 'Plan of the catalogue.';
COMMENT ON COLUMN part_sums.component IS 'Component of the plan.';
COMMENT ON COLUMN part_sums.unit IS 'Unit of the quantity; empty where the component has none.';
COMMENT ON COLUMN part_sums.currency IS 'Currency of the amounts.';
COMMENT ON COLUMN part_sums.charges IS 'Number of entries, reversals included.';
COMMENT ON COLUMN part_sums.quantity IS 'Sum of the quantities.';
COMMENT ON COLUMN part_sums.amount IS 'Sum of the net amounts.';
COMMENT ON COLUMN part_sums.vat IS 'Sum of the VAT.';
