-- Messages of a bus are observations of their own certainty: a program that does not know it can
-- read no observations. SQLite changes a check by making the table anew.
ALTER TABLE observation RENAME TO observation_before;
CREATE TABLE observation (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    resource TEXT NOT NULL,
    at_micros BIGINT NOT NULL,
    -- 63 bits of the hash of all that is told: the same again adds nothing, whoever sends it.
    digest BIGINT NOT NULL,
    certainty TEXT NOT NULL CHECK (certainty IN ('made', 'event', 'heard', 'seen', 'missing')),
    -- Empty where the state is not told.
    state TEXT NOT NULL,
    owner TEXT NOT NULL,
    -- What it tells, in attribute_set; an empty value says that there is no such thing.
    attribute_set BIGINT NOT NULL,
    -- When the round that listed it had ended; the instant itself for events and beginnings.
    read_micros BIGINT NOT NULL,
    -- Of what is missing: the last listing that showed it.
    shown_micros BIGINT,
    evidence BIGINT NOT NULL,
    evidence_index BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (source, kind, resource, at_micros, digest)
) WITHOUT ROWID;
INSERT INTO observation (source, kind, resource, at_micros, digest, certainty, state, owner,
    attribute_set, read_micros, shown_micros, evidence, evidence_index, recorded_at)
SELECT source, kind, resource, at_micros, digest, certainty, state, owner,
    attribute_set, read_micros, shown_micros, evidence, evidence_index, recorded_at
FROM observation_before;
DROP TABLE observation_before;
UPDATE schema_compatibility SET compatible_from = 10;
