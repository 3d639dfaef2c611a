-- The entries of BILLING, and the sums over them.

-- +goose Up
CREATE TABLE positions (
    stream   text   PRIMARY KEY,
    sequence bigint NOT NULL,
    mark     bytea
);
COMMENT ON TABLE positions IS 'How far the streams are posted. It changes in one transaction with everything else.';
COMMENT ON COLUMN positions.stream IS 'Name of the stream: METERED or BILLING.';
COMMENT ON COLUMN positions.sequence IS 'Sequence of the last posted message; 0: none.';

COMMENT ON COLUMN positions.mark IS 'State of the chain over the messages up to there, and digests of the first and the last one: another stream is refused.';

CREATE TABLE charges (
    period            text        NOT NULL,
    id                text        NOT NULL,
    entry             text        NOT NULL,
    reverses          text        NOT NULL,
    corrects          text        NOT NULL,
    month             text        NOT NULL,
    source            text        NOT NULL,
    foundation        text        NOT NULL,
    tenant            text        NOT NULL,
    space             text        NOT NULL,
    app               text        NOT NULL,
    kind              text        NOT NULL,
    resource          text        NOT NULL,
    name              text        NOT NULL,
    span              text        NOT NULL,
    plan              text        NOT NULL,
    component         text        NOT NULL,
    catalogue         text        NOT NULL,
    start_time        timestamptz,
    end_time          timestamptz,
    seconds           numeric     NOT NULL,
    quantity          numeric     NOT NULL,
    unit              text        NOT NULL,
    amount            numeric     NOT NULL,
    vat               numeric     NOT NULL,
    vat_code          text        NOT NULL,
    vat_rate          numeric,
    currency          text        NOT NULL,
    currency_rate     numeric,
    flags             text[]      NOT NULL,
    datastore         text        NOT NULL,
    region            text        NOT NULL,
    availability_zone text        NOT NULL,
    billing_sequence  bigint      NOT NULL,
    billing_index     integer     NOT NULL,
    usage_sequence    bigint      NOT NULL
) PARTITION BY LIST (period);
CREATE INDEX charges_id ON charges (id);
CREATE INDEX charges_place ON charges (billing_sequence, billing_index);
CREATE INDEX charges_tenant ON charges (tenant, billing_sequence, billing_index);
COMMENT ON TABLE charges IS 'The entries of the ledger: charges, reversals and corrections. Rows are only added. A partition for each month of posting. Texts without a value are empty, never NULL.';
COMMENT ON COLUMN charges.period IS 'Month of posting, YYYY-MM: the bill with the entry.';
COMMENT ON COLUMN charges.id IS 'Id of the entry, the same for ever.';
COMMENT ON COLUMN charges.entry IS 'charge; reversal: the exact negative of an earlier charge; correction: the difference to a closed month.';
COMMENT ON COLUMN charges.reverses IS 'In a reversal, the id of the charge.';
COMMENT ON COLUMN charges.corrects IS 'In a correction, the id of the first corrected charge; empty where there was none.';
COMMENT ON COLUMN charges.month IS 'In a correction, the closed month corrected, YYYY-MM.';
COMMENT ON COLUMN charges.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN charges.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN charges.tenant IS 'Guid of the Cloud Foundry organisation, or OpenStack project id. A cloned foundation has the same ones: join by foundation and tenant.';
COMMENT ON COLUMN charges.space IS 'Guid of the Cloud Foundry space.';
COMMENT ON COLUMN charges.app IS 'Guid of the app, for apps, tasks and staging.';
COMMENT ON COLUMN charges.kind IS 'app, task, staging, service, instance or volume.';
COMMENT ON COLUMN charges.resource IS 'Guid of the process, task, staged app or service instance; id of the Trove instance.';
COMMENT ON COLUMN charges.name IS 'Name of the resource, as the platform reported it.';
COMMENT ON COLUMN charges.span IS 'Id of the charged span; empty in a correction.';
COMMENT ON COLUMN charges.plan IS 'Plan of the catalogue.';
COMMENT ON COLUMN charges.component IS 'Component of the plan.';
COMMENT ON COLUMN charges.catalogue IS 'Version of the catalogue.';
COMMENT ON COLUMN charges.start_time IS 'Beginning of the charged time.';
COMMENT ON COLUMN charges.end_time IS 'End of the charged time, exclusive.';
COMMENT ON COLUMN charges.seconds IS 'Length of the charged time.';
COMMENT ON COLUMN charges.quantity IS 'Quantity, in units.';
COMMENT ON COLUMN charges.unit IS 'Unit of the quantity; empty where the component has none.';
COMMENT ON COLUMN charges.amount IS 'Net amount, exact, at most 12 places, in currency.';
COMMENT ON COLUMN charges.vat IS 'VAT on the amount, in currency.';
COMMENT ON COLUMN charges.vat_code IS 'Code of the VAT rate in the catalogue.';
COMMENT ON COLUMN charges.vat_rate IS 'VAT rate: 0.2 is 20 %; NULL for no VAT.';
COMMENT ON COLUMN charges.currency IS 'Currency of the amounts.';
COMMENT ON COLUMN charges.currency_rate IS 'Value of one unit of the component''s own currency in currency; NULL for 1.';
COMMENT ON COLUMN charges.flags IS 'inferred_start, inferred_end, provisional_end: ends without a report.';
COMMENT ON COLUMN charges.datastore IS 'Of a database, its kind: mysql.';
COMMENT ON COLUMN charges.region IS 'Of a database, where it runs.';
COMMENT ON COLUMN charges.availability_zone IS 'Of a database, where it runs.';
COMMENT ON COLUMN charges.billing_sequence IS 'Sequence of its message in BILLING.';
COMMENT ON COLUMN charges.billing_index IS 'Place in the message, from 0.';
COMMENT ON COLUMN charges.usage_sequence IS 'Sequence in USAGE of the last fact behind it; 0 where a replay published it.';

CREATE TABLE day_sums (
    period     text    NOT NULL,
    day        date    NOT NULL,
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
    vat        numeric NOT NULL,
    PRIMARY KEY (tenant, period, day, source, foundation, kind, plan, component, unit, currency)
) WITH (fillfactor = 80);
CREATE INDEX day_sums_period ON day_sums (period, day);
COMMENT ON TABLE day_sums IS 'Sums over charges by the day of their beginning. Kept in one transaction with charges.';
COMMENT ON COLUMN day_sums.period IS 'Month of posting, YYYY-MM.';
COMMENT ON COLUMN day_sums.day IS 'Day (UTC) of the entries'' beginning; 0001-01-01 for none.';
COMMENT ON COLUMN day_sums.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN day_sums.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN day_sums.tenant IS 'Organisation or project.';
COMMENT ON COLUMN day_sums.kind IS 'app, task, staging, service, instance or volume.';
COMMENT ON COLUMN day_sums.plan IS 'Plan of the catalogue.';
COMMENT ON COLUMN day_sums.component IS 'Component of the plan.';
COMMENT ON COLUMN day_sums.unit IS 'Unit of the quantity; empty where the component has none.';
COMMENT ON COLUMN day_sums.currency IS 'Currency of the amounts.';
COMMENT ON COLUMN day_sums.charges IS 'Number of entries, reversals included.';
COMMENT ON COLUMN day_sums.quantity IS 'Sum of the quantities.';
COMMENT ON COLUMN day_sums.amount IS 'Sum of the net amounts.';
COMMENT ON COLUMN day_sums.vat IS 'Sum of the VAT.';

CREATE TABLE month_sums (
    period     text    NOT NULL,
    of_month   text    NOT NULL,
    source     text    NOT NULL,
    foundation text    NOT NULL,
    tenant     text    NOT NULL,
    kind       text    NOT NULL,
    plan       text    NOT NULL,
    component  text    NOT NULL,
    unit       text    NOT NULL,
    currency   text    NOT NULL,
    vat_rate   text    NOT NULL,
    charges    bigint  NOT NULL,
    quantity   numeric NOT NULL,
    amount     numeric NOT NULL,
    vat        numeric NOT NULL,
    PRIMARY KEY (tenant, period, of_month, source, foundation, kind, plan, component, unit, currency, vat_rate)
) WITH (fillfactor = 80);
CREATE INDEX month_sums_period ON month_sums (period);
COMMENT ON TABLE month_sums IS 'Sums over charges by month. Kept in one transaction with charges.';
COMMENT ON COLUMN month_sums.period IS 'Month of posting, YYYY-MM.';
COMMENT ON COLUMN month_sums.of_month IS 'Month of the entries'' beginning, where it is an earlier one; empty for all others.';
COMMENT ON COLUMN month_sums.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN month_sums.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN month_sums.tenant IS 'Organisation or project.';
COMMENT ON COLUMN month_sums.kind IS 'app, task, staging, service, instance or volume.';
COMMENT ON COLUMN month_sums.plan IS 'Plan of the catalogue.';
COMMENT ON COLUMN month_sums.component IS 'Component of the plan.';
COMMENT ON COLUMN month_sums.unit IS 'Unit of the quantity; empty where the component has none.';
COMMENT ON COLUMN month_sums.currency IS 'Currency of the amounts.';
COMMENT ON COLUMN month_sums.vat_rate IS 'VAT rate: 0.2 is 20 %; empty for no VAT.';
COMMENT ON COLUMN month_sums.charges IS 'Number of entries, reversals included.';
COMMENT ON COLUMN month_sums.quantity IS 'Sum of the quantities.';
COMMENT ON COLUMN month_sums.amount IS 'Sum of the net amounts.';
COMMENT ON COLUMN month_sums.vat IS 'Sum of the VAT.';
