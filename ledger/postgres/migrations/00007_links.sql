-- What explains a charge without a look through the streams: where its span is, and its reversal.

-- +goose Up
ALTER TABLE spans ADD COLUMN metered_sequence bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN spans.metered_sequence IS 'Sequence of its message in METERED; 0 where an earlier version of Daybook posted it.';
CREATE INDEX charges_reverses ON charges (reverses) WHERE reverses <> '';
