-- Later contents of imported rows, taken by a person's decision: the greatest version holds.
-- Version 0 is the row in imported_row.
CREATE TABLE imported_version (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    content_hash TEXT NOT NULL,
    record_key TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (source, id, version)
);

-- Where to find imported usage that reaches into months far from its start: records that are
-- longer than an orchestrator's (long), readings of counters (counter), and levels that hold until
-- the next one (level). Rows are added with the record; of one whose row was replaced by another
-- record it is noted when.
CREATE TABLE lasting_usage (
    source TEXT NOT NULL,
    owner TEXT NOT NULL,
    class TEXT NOT NULL CHECK (class IN ('long', 'counter', 'level')),
    meter TEXT NOT NULL,
    resource TEXT NOT NULL,
    span_from BIGINT NOT NULL,
    span_until BIGINT NOT NULL,
    identity TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    withdrawn_at BIGINT,
    PRIMARY KEY (source, owner, class, meter, resource, span_from, identity)
);

-- Each counter and each level of an owner once, so that its last reading is found by one look.
CREATE TABLE lasting_series (
    source TEXT NOT NULL,
    owner TEXT NOT NULL,
    class TEXT NOT NULL,
    meter TEXT NOT NULL,
    resource TEXT NOT NULL,
    PRIMARY KEY (source, owner, class, meter, resource)
);
