-- Corrections are found without reading the months that they are posted to.

-- +goose Up
CREATE INDEX charges_corrections ON charges (foundation) WHERE entry = 'correction';
