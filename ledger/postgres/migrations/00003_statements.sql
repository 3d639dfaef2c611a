-- Statements, catalogue versions, names.

-- +goose Up
CREATE TABLE statements (
    source           text        NOT NULL,
    foundation       text        NOT NULL,
    number           bigint      NOT NULL,
    part             integer     NOT NULL,
    tenant           text        NOT NULL,
    month            text        NOT NULL,
    revision         integer     NOT NULL,
    credits          bigint      NOT NULL,
    closed           timestamptz,
    horizon          timestamptz,
    entries          bigint      NOT NULL,
    digest           text        NOT NULL,
    content          jsonb       NOT NULL,
    billing_sequence bigint      NOT NULL,
    usage_sequence   bigint      NOT NULL,
    PRIMARY KEY (source, foundation, number, part)
);
CREATE INDEX statements_tenant ON statements (tenant, month);
COMMENT ON TABLE statements IS 'Issued statements and credit notes. One never changes.';
COMMENT ON COLUMN statements.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN statements.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN statements.number IS 'Place in the foundation''s series, from 1.';
COMMENT ON COLUMN statements.part IS 'From 0. A statement larger than a message has several rows: count those of part 0.';
COMMENT ON COLUMN statements.tenant IS 'Organisation or project.';
COMMENT ON COLUMN statements.month IS 'Month, YYYY-MM.';
COMMENT ON COLUMN statements.revision IS 'Counts the statements of the tenant''s month, from 1. A credit note has its statement''s.';
COMMENT ON COLUMN statements.credits IS 'In a credit note, the number of its statement; 0 in a statement.';
COMMENT ON COLUMN statements.closed IS 'When the month closed.';
COMMENT ON COLUMN statements.horizon IS 'Metered through, at the closing.';
COMMENT ON COLUMN statements.entries IS 'Number of entries in the sum.';
COMMENT ON COLUMN statements.digest IS 'SHA-256 over these entries.';
COMMENT ON COLUMN statements.content IS 'The statement, or the part of it, as BILLING has it.';
COMMENT ON COLUMN statements.billing_sequence IS 'Sequence of its message in BILLING.';
COMMENT ON COLUMN statements.usage_sequence IS 'Sequence of its seal in USAGE.';

CREATE TABLE statement_lines (
    source         text    NOT NULL,
    foundation     text    NOT NULL,
    number         bigint  NOT NULL,
    line           integer NOT NULL,
    part           integer NOT NULL,
    plan           text    NOT NULL,
    component      text    NOT NULL,
    month          text    NOT NULL,
    unit           text    NOT NULL,
    unit_price     numeric,
    price_currency text    NOT NULL,
    vat_rate       numeric,
    currency       text    NOT NULL,
    entries        bigint  NOT NULL,
    quantity       numeric NOT NULL,
    amount         numeric NOT NULL,
    vat            numeric NOT NULL,
    rounded_amount numeric NOT NULL,
    rounded_vat    numeric NOT NULL,
    PRIMARY KEY (source, foundation, number, part, line)
);
COMMENT ON TABLE statement_lines IS 'The lines of statements.';
COMMENT ON COLUMN statement_lines.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN statement_lines.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN statement_lines.number IS 'Number of the statement.';
COMMENT ON COLUMN statement_lines.line IS 'Place in the part, from 0.';
COMMENT ON COLUMN statement_lines.part IS 'Part of the statement, from 0.';
COMMENT ON COLUMN statement_lines.plan IS 'Plan of the catalogue.';
COMMENT ON COLUMN statement_lines.component IS 'Component of the plan.';
COMMENT ON COLUMN statement_lines.month IS 'Of corrections: the corrected month, YYYY-MM; else empty.';
COMMENT ON COLUMN statement_lines.unit IS 'Unit of the quantity; empty where the component has none.';
COMMENT ON COLUMN statement_lines.unit_price IS 'Price of a unit, in price_currency; NULL for a formula and for corrections.';
COMMENT ON COLUMN statement_lines.price_currency IS 'Currency of unit_price; empty without one.';
COMMENT ON COLUMN statement_lines.vat_rate IS 'VAT rate: 0.2 is 20 %; NULL for no VAT.';
COMMENT ON COLUMN statement_lines.currency IS 'Currency of the amounts.';
COMMENT ON COLUMN statement_lines.entries IS 'Number of entries in the sum.';
COMMENT ON COLUMN statement_lines.quantity IS 'Sum of the quantities.';
COMMENT ON COLUMN statement_lines.amount IS 'Exact net amount.';
COMMENT ON COLUMN statement_lines.vat IS 'Exact VAT.';
COMMENT ON COLUMN statement_lines.rounded_amount IS 'Net amount in the currency''s minor unit, as on paper.';
COMMENT ON COLUMN statement_lines.rounded_vat IS 'VAT in the currency''s minor unit, as on paper.';

CREATE TABLE statement_totals (
    source     text    NOT NULL,
    foundation text    NOT NULL,
    number     bigint  NOT NULL,
    currency   text    NOT NULL,
    amount     numeric NOT NULL,
    vat        numeric NOT NULL,
    total      numeric NOT NULL,
    PRIMARY KEY (source, foundation, number, currency)
);
COMMENT ON TABLE statement_totals IS 'Totals of statements, in the minor unit: the sums to be paid.';
COMMENT ON COLUMN statement_totals.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN statement_totals.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN statement_totals.number IS 'Number of the statement.';
COMMENT ON COLUMN statement_totals.currency IS 'Currency of the amounts.';
COMMENT ON COLUMN statement_totals.amount IS 'Net amount.';
COMMENT ON COLUMN statement_totals.vat IS 'VAT.';
COMMENT ON COLUMN statement_totals.total IS 'Sum of the two.';

CREATE TABLE catalogue_versions (
    metered_sequence bigint PRIMARY KEY,
    version          text   NOT NULL,
    yaml             text   NOT NULL,
    reprice          text[] NOT NULL,
    usage_sequence   bigint NOT NULL
);
COMMENT ON TABLE catalogue_versions IS 'Versions of the price catalogue, in the order of coming into force.';
COMMENT ON COLUMN catalogue_versions.metered_sequence IS 'Sequence of its message in METERED: it is in force from there on.';
COMMENT ON COLUMN catalogue_versions.version IS 'The version, as in charges.catalogue.';
COMMENT ON COLUMN catalogue_versions.yaml IS 'The text of the catalogue.';
COMMENT ON COLUMN catalogue_versions.reprice IS 'Closed months priced by it, too, YYYY-MM: the difference is posted as corrections.';
COMMENT ON COLUMN catalogue_versions.usage_sequence IS 'Sequence of its act in USAGE.';

CREATE TABLE names (
    source     text        NOT NULL,
    foundation text        NOT NULL,
    kind       text        NOT NULL,
    id         text        NOT NULL,
    name       text        NOT NULL,
    from_time  timestamptz NOT NULL,
    until_time timestamptz,
    PRIMARY KEY (source, foundation, kind, id, from_time)
);
CREATE INDEX names_id ON names (id);
COMMENT ON TABLE names IS 'Names of organisations, spaces and projects, each with its time.';
COMMENT ON COLUMN names.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN names.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN names.kind IS 'organization, space or project.';
COMMENT ON COLUMN names.id IS 'Its guid, as in charges.tenant or charges.space.';
COMMENT ON COLUMN names.name IS 'Its name in this time.';
COMMENT ON COLUMN names.from_time IS 'Since when it has the name.';
COMMENT ON COLUMN names.until_time IS 'Until when it had the name; NULL: it has it still.';
