-- Usage on PostgreSQL: partitioned by month of span_from; partitions are made ahead by the store.

CREATE TABLE source_state (
    source TEXT PRIMARY KEY,
    collected_until BIGINT NOT NULL,
    orchestrator_until BIGINT NOT NULL,
    window_seconds BIGINT NOT NULL,
    last_success_at BIGINT NOT NULL,
    last_error TEXT,
    last_error_at BIGINT
);

-- Bodies of answers, zstd, once for each content; pages that carried them, one for each reading.
CREATE TABLE evidence_body (
    hash TEXT PRIMARY KEY,
    size BIGINT NOT NULL,
    body BYTEA NOT NULL
);
CREATE TABLE evidence_page (
    id BIGINT PRIMARY KEY,
    source TEXT NOT NULL,
    reading TEXT NOT NULL,
    request TEXT NOT NULL,
    window_from BIGINT NOT NULL,
    window_until BIGINT NOT NULL,
    page BIGINT NOT NULL,
    fetched_at BIGINT NOT NULL,
    body_hash TEXT NOT NULL REFERENCES evidence_body (hash)
);
CREATE INDEX evidence_page_by_window ON evidence_page (source, window_from, window_until);

CREATE TABLE attribute_set (
    id BIGINT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    attributes TEXT NOT NULL
);

CREATE TABLE usage_record (
    source TEXT NOT NULL,
    owner TEXT NOT NULL,
    span_from BIGINT NOT NULL,
    meter TEXT NOT NULL,
    resource TEXT NOT NULL,
    identity TEXT NOT NULL,
    revision BIGINT NOT NULL,
    span_until BIGINT NOT NULL,
    kind TEXT NOT NULL,
    quantity TEXT NOT NULL,
    attribute_set BIGINT NOT NULL,
    evidence BIGINT NOT NULL,
    evidence_index BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (source, owner, span_from, meter, resource, identity, revision)
) PARTITION BY RANGE (span_from);
CREATE TABLE usage_record_other PARTITION OF usage_record DEFAULT;
