-- Views for frequent questions.

-- +goose Up
CREATE VIEW corrections AS
SELECT *, coalesce(nullif(month, ''), to_char(start_time AT TIME ZONE 'UTC', 'YYYY-MM')) AS of_month
FROM charges
WHERE entry = 'correction' OR to_char(start_time AT TIME ZONE 'UTC', 'YYYY-MM') < period;
COMMENT ON VIEW corrections IS 'Entries on a later bill than their month''s: the changes of late facts and new prices. The other columns are as in charges.';
COMMENT ON COLUMN corrections.of_month IS 'Corrected month, YYYY-MM.';

CREATE VIEW month_totals AS
SELECT period, foundation, tenant, currency, sum(charges)::bigint AS charges, sum(amount) AS amount, sum(vat) AS vat,
    sum(amount) + sum(vat) AS total
FROM month_sums
GROUP BY period, foundation, tenant, currency;
COMMENT ON VIEW month_totals IS 'Sums of a tenant''s month, exact. Statements round them, once by VAT rate.';
COMMENT ON COLUMN month_totals.period IS 'Month of the bill, YYYY-MM.';
COMMENT ON COLUMN month_totals.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN month_totals.tenant IS 'Organisation or project.';
COMMENT ON COLUMN month_totals.currency IS 'Currency of the amounts.';
COMMENT ON COLUMN month_totals.charges IS 'Number of entries, reversals included.';
COMMENT ON COLUMN month_totals.amount IS 'Net amount.';
COMMENT ON COLUMN month_totals.vat IS 'VAT.';
COMMENT ON COLUMN month_totals.total IS 'Sum of the two.';

CREATE VIEW day_totals AS
SELECT day, foundation, tenant, kind, plan, currency, sum(charges)::bigint AS charges, sum(amount) AS amount,
    sum(vat) AS vat
FROM day_sums
GROUP BY day, foundation, tenant, kind, plan, currency;
COMMENT ON VIEW day_totals IS 'Costs of a tenant''s day by plan, on any bill.';
COMMENT ON COLUMN day_totals.day IS 'Day (UTC) of the beginning of the charged time.';
COMMENT ON COLUMN day_totals.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN day_totals.tenant IS 'Organisation or project.';
COMMENT ON COLUMN day_totals.kind IS 'app, task, staging, service, instance or volume.';
COMMENT ON COLUMN day_totals.plan IS 'Plan of the catalogue.';
COMMENT ON COLUMN day_totals.currency IS 'Currency of the amounts.';
COMMENT ON COLUMN day_totals.charges IS 'Number of entries, reversals included.';
COMMENT ON COLUMN day_totals.amount IS 'Net amount.';
COMMENT ON COLUMN day_totals.vat IS 'VAT.';

CREATE VIEW months AS
SELECT sums.source, sums.foundation, sums.period, coalesce(sums.period <= last.month, false) AS closed
FROM (SELECT DISTINCT source, foundation, period FROM month_sums) AS sums
LEFT JOIN LATERAL (
    SELECT CASE WHEN reopened THEN to_char(to_date(month, 'YYYY-MM') - interval '1 month', 'YYYY-MM') ELSE month END AS month
    FROM closings WHERE closings.source = sums.source AND closings.foundation = sums.foundation
    ORDER BY number DESC LIMIT 1
) AS last ON true;
COMMENT ON VIEW months IS 'The months of foundations. A closed one never changes.';
COMMENT ON COLUMN months.source IS 'Platform: cf or trove.';
COMMENT ON COLUMN months.foundation IS 'Installation of the platform.';
COMMENT ON COLUMN months.period IS 'Month, YYYY-MM.';
COMMENT ON COLUMN months.closed IS 'The month is closed.';
