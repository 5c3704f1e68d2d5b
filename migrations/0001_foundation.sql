-- Foundation: schema version, leases, audit log, sellers, customers, owners, catalogue, price books.
-- Columns are TEXT, BIGINT and BYTEA only; instants are unix seconds; one text for both engines.

CREATE TABLE schema_compatibility (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    schema_version BIGINT NOT NULL,
    compatible_from BIGINT NOT NULL
);
INSERT INTO schema_compatibility (one, schema_version, compatible_from) VALUES (1, 1, 1);

CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until BIGINT NOT NULL
);

CREATE TABLE audit_log (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    customer_id TEXT,
    reason TEXT,
    detail TEXT NOT NULL
);
CREATE INDEX audit_log_at ON audit_log (at, id);

CREATE TABLE idempotency_key (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    response TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
);

CREATE TABLE session_token (
    token_hash TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE asset (
    hash TEXT PRIMARY KEY,
    media_type TEXT NOT NULL,
    body BYTEA NOT NULL,
    recorded_at BIGINT NOT NULL
);

-- Counters taken inside the transaction that uses them, by an UPDATE of their row.
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    last BIGINT NOT NULL
);

CREATE TABLE seller (
    id TEXT PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    parent_id TEXT REFERENCES seller (id),
    domain_source TEXT,
    domain_id TEXT,
    recorded_at BIGINT NOT NULL
);

-- Dated details: the row with the greatest valid_from not after the asked instant, then the
-- greatest (recorded_at, id) known at the time asked, holds. Rows are never changed.
CREATE TABLE seller_details (
    id TEXT PRIMARY KEY,
    seller_id TEXT NOT NULL REFERENCES seller (id),
    valid_from BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX seller_details_by_seller ON seller_details (seller_id, valid_from, recorded_at);

CREATE TABLE customer (
    id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    internal BIGINT NOT NULL CHECK (internal IN (0, 1)),
    recorded_at BIGINT NOT NULL
);

CREATE TABLE customer_details (
    id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL REFERENCES customer (id),
    valid_from BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX customer_details_by_customer ON customer_details (customer_id, valid_from, recorded_at);

-- Rows of one agreement id supersede each other by recorded_at; valid_until is exclusive.
CREATE TABLE agreement (
    row_id TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    seller_id TEXT NOT NULL REFERENCES seller (id),
    customer_id TEXT NOT NULL REFERENCES customer (id),
    valid_from BIGINT NOT NULL,
    valid_until BIGINT NOT NULL,
    currency TEXT NOT NULL,
    price_book TEXT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX agreement_by_seller ON agreement (seller_id, customer_id, valid_from);
CREATE INDEX agreement_by_customer ON agreement (customer_id, valid_from);

-- What the orchestrator showed of an owner, since when; a change adds a row.
CREATE TABLE owner (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('domain', 'account', 'project')),
    name TEXT NOT NULL,
    domain_id TEXT,
    domain_path TEXT NOT NULL,
    account_id TEXT,
    internal BIGINT NOT NULL CHECK (internal IN (0, 1)),
    state TEXT NOT NULL,
    PRIMARY KEY (source, id, valid_from, recorded_at)
);

-- Rows supersede earlier recorded ones for the same owner where their spans overlap.
CREATE TABLE owner_mapping (
    row_id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    customer_id TEXT NOT NULL REFERENCES customer (id),
    valid_from BIGINT NOT NULL,
    valid_until BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX owner_mapping_by_owner ON owner_mapping (source, owner_id, recorded_at);
CREATE INDEX owner_mapping_by_customer ON owner_mapping (customer_id, valid_from);

CREATE TABLE catalog_item (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    name TEXT NOT NULL,
    attributes TEXT NOT NULL,
    removed BIGINT NOT NULL CHECK (removed IN (0, 1)),
    PRIMARY KEY (source, kind, id, valid_from, recorded_at)
);

-- A version of a price book; `prices` is the parsed book, `file` the text it was applied from.
-- The version that holds at an instant: greatest valid_from not after it, then greatest number.
CREATE TABLE price_book_version (
    id TEXT PRIMARY KEY,
    book TEXT NOT NULL,
    number BIGINT NOT NULL,
    currency TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    applied_by TEXT NOT NULL,
    file TEXT NOT NULL,
    prices TEXT NOT NULL,
    hash TEXT NOT NULL,
    UNIQUE (book, number)
);
