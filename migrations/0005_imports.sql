-- Rows of imported and pushed usage by their sender's source and id: the same again adds nothing.
CREATE TABLE imported_row (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    -- Key of the usage record that it became (JSON RecordKey).
    record_key TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (source, id)
);
