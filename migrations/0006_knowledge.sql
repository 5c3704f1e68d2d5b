-- What is recorded up to `sealed_until` (unix seconds of the business clock) is complete: documents
-- rest on it, and later facts are recorded after it.
CREATE TABLE knowledge (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    sealed_until BIGINT NOT NULL
);
INSERT INTO knowledge (one, sealed_until)
SELECT 1, COALESCE(MAX(at), 0)
FROM (SELECT created_at AS at FROM draft UNION ALL SELECT issued_at AS at FROM invoice) AS made;
