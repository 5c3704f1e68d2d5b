-- Observations: what listings and events told of resources, since when. Only ever added to.
-- Instants in microseconds where the name says so, else unix seconds.

CREATE TABLE observation (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    resource TEXT NOT NULL,
    at_micros BIGINT NOT NULL,
    -- 63 bits of the hash of all that is told: the same again adds nothing, whoever sends it.
    digest BIGINT NOT NULL,
    certainty TEXT NOT NULL CHECK (certainty IN ('made', 'event', 'seen', 'missing')),
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

-- What is known last of each resource, made from its observations, so that a listing that shows
-- nothing new costs one look-up.
CREATE TABLE observed_resource (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    resource TEXT NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    attribute_set BIGINT NOT NULL,
    since_micros BIGINT NOT NULL,
    last_micros BIGINT NOT NULL,
    -- Hash of all that the last round told of it and that was known; 0 where there is none.
    known_hash BIGINT NOT NULL,
    -- The last incomplete listing that showed it; complete ones are kept for the kind as a whole.
    seen_micros BIGINT NOT NULL,
    -- Since when it is gone; the greatest number while it exists.
    gone_micros BIGINT NOT NULL,
    PRIMARY KEY (source, kind, resource)
) WITHOUT ROWID;
CREATE INDEX observed_resource_by_end ON observed_resource (source, gone_micros);

-- Which resources an owner ever had.
CREATE TABLE observed_owner (
    source TEXT NOT NULL,
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    resource TEXT NOT NULL,
    PRIMARY KEY (source, owner, kind, resource)
) WITHOUT ROWID;

-- Rounds of listings. `kinds` is the sum of 2 ^ position of each kind that was listed to its end,
-- in the order of ResourceKind::ALL, which only grows at its end.
CREATE TABLE observation_round (
    source TEXT NOT NULL,
    at_micros BIGINT NOT NULL,
    -- When it had ended: it says how things were at some instant between the two.
    read_micros BIGINT NOT NULL,
    kinds BIGINT NOT NULL,
    PRIMARY KEY (source, at_micros)
) WITHOUT ROWID;

-- The last round of each kind that was listed to its end, and the last of those that could be read
-- without a doubt, so that what they did not show is gone.
CREATE TABLE observation_kind (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    listed_micros BIGINT NOT NULL,
    complete_micros BIGINT NOT NULL,
    PRIMARY KEY (source, kind)
);

-- How one source is observed. Its row is locked by every transaction that adds observations or
-- makes usage of them.
CREATE TABLE observation_state (
    source TEXT PRIMARY KEY,
    -- Usage is made of observations from here to there; NULL where the orchestrator reports usage.
    derived_from BIGINT,
    derived_until BIGINT,
    last_round_at BIGINT NOT NULL,
    last_error TEXT,
    last_error_at BIGINT,
    -- When the last event was received, and when it had happened.
    last_event_at BIGINT NOT NULL,
    last_event_micros BIGINT NOT NULL,
    events BIGINT NOT NULL,
    events_malformed BIGINT NOT NULL
);

-- Resources whose observations changed days for which usage was made before: made again.
CREATE TABLE observation_due (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    resource TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    PRIMARY KEY (source, kind, resource)
);
