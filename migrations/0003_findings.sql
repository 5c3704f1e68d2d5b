-- Doubts about records and gaps. A finding's row is its first sight; decisions add rows.
CREATE TABLE finding (
    id TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    source TEXT NOT NULL,
    owner TEXT NOT NULL,
    meter TEXT NOT NULL,
    resource TEXT NOT NULL,
    span_from BIGINT NOT NULL,
    span_until BIGINT NOT NULL,
    -- Same doubt seen again: nothing is added.
    fingerprint TEXT NOT NULL UNIQUE,
    -- Key of the record in doubt (JSON RecordKey), or NULL for a gap.
    record_key TEXT,
    -- 1: the record is left out of metering unless the finding is released.
    withholds BIGINT NOT NULL CHECK (withholds IN (0, 1)),
    -- 1: repaired by its rule; holds nobody.
    repaired BIGINT NOT NULL CHECK (repaired IN (0, 1)),
    -- Record to be added as it stands when released (JSON), for corrected quantities.
    proposal TEXT,
    message TEXT NOT NULL,
    detail TEXT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX finding_by_owner ON finding (source, owner, span_from);

CREATE TABLE finding_decision (
    id TEXT PRIMARY KEY,
    finding_id TEXT NOT NULL REFERENCES finding (id),
    decision TEXT NOT NULL CHECK (decision IN ('release', 'reject', 'reopen')),
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX finding_decision_by_finding ON finding_decision (finding_id, recorded_at);
