-- Drafts, issued documents, their charges, the hash chain and the ledger. Keys lead with the seller.

CREATE TABLE draft (
    seller_id TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    customer_id TEXT NOT NULL,
    agreement_id TEXT NOT NULL,
    period TEXT NOT NULL,
    -- The invoice a credit note reduces, empty text on invoices.
    corrects_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('held', 'ready', 'approved')),
    holds TEXT NOT NULL,
    document TEXT NOT NULL,
    contact TEXT,
    customer_number TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (seller_id, id),
    UNIQUE (seller_id, agreement_id, period, kind, corrects_id)
);

-- Parts of a draft's or an issued document's lines.
CREATE TABLE charge (
    seller_id TEXT NOT NULL,
    invoice_id TEXT NOT NULL,
    line BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    part TEXT NOT NULL,
    PRIMARY KEY (seller_id, invoice_id, line, ordinal)
);

-- The end of each series' chain; its row is locked by the transaction that issues.
CREATE TABLE series_state (
    seller_id TEXT NOT NULL,
    series TEXT NOT NULL,
    last_issue_date TEXT NOT NULL,
    last_chain_hash TEXT NOT NULL,
    PRIMARY KEY (seller_id, series)
);

-- Numbers begin at 1 in each year of the seller's local issue date.
CREATE TABLE series_year (
    seller_id TEXT NOT NULL,
    series TEXT NOT NULL,
    year BIGINT NOT NULL,
    last_number BIGINT NOT NULL,
    PRIMARY KEY (seller_id, series, year)
);

CREATE TABLE invoice (
    seller_id TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    number TEXT NOT NULL,
    series TEXT NOT NULL,
    year BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    customer_id TEXT NOT NULL,
    agreement_id TEXT NOT NULL,
    period TEXT NOT NULL,
    corrects_id TEXT,
    issue_date TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    customer_name TEXT NOT NULL,
    due_date TEXT NOT NULL,
    currency TEXT NOT NULL,
    net_minor BIGINT NOT NULL,
    tax_minor BIGINT NOT NULL,
    gross_minor BIGINT NOT NULL,
    -- The frozen JSON of the document; its hash is what the chain protects, with the charges'.
    document TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    charges_hash TEXT NOT NULL,
    previous_chain_hash TEXT NOT NULL,
    chain_hash TEXT NOT NULL,
    PRIMARY KEY (seller_id, id),
    UNIQUE (seller_id, number),
    UNIQUE (seller_id, series, year, sequence)
);
CREATE INDEX invoice_by_customer ON invoice (seller_id, customer_id, issued_at, id);
CREATE INDEX invoice_by_time ON invoice (issued_at, id);
CREATE INDEX invoice_by_seller ON invoice (seller_id, issued_at, id);
CREATE INDEX invoice_by_agreement ON invoice (seller_id, agreement_id, period);

-- Whose usage is on a document: decides who sees it.
CREATE TABLE invoice_owner (
    seller_id TEXT NOT NULL,
    invoice_id TEXT NOT NULL,
    source TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (seller_id, invoice_id, source, owner)
);

CREATE INDEX invoice_owner_by_owner ON invoice_owner (source, owner);

-- Contact data apart, so that it can be erased while the chain still verifies.
CREATE TABLE invoice_contact (
    seller_id TEXT NOT NULL,
    invoice_id TEXT NOT NULL,
    contact TEXT NOT NULL,
    salt TEXT NOT NULL,
    PRIMARY KEY (seller_id, invoice_id)
);

-- Bytes of a document, made once and kept.
CREATE TABLE invoice_file (
    seller_id TEXT NOT NULL,
    invoice_id TEXT NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('pdf')),
    hash TEXT NOT NULL,
    body BYTEA NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (seller_id, invoice_id, format)
);

CREATE TABLE ledger_entry (
    seller_id TEXT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    invoice_id TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (seller_id, id),
    UNIQUE (seller_id, kind, invoice_id)
);

CREATE TABLE posting (
    seller_id TEXT NOT NULL,
    entry_id TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    account TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    -- Debit above zero, credit below.
    amount_minor BIGINT NOT NULL,
    PRIMARY KEY (seller_id, entry_id, ordinal),
    FOREIGN KEY (seller_id, entry_id) REFERENCES ledger_entry (seller_id, id)
);
CREATE INDEX posting_by_customer ON posting (seller_id, customer_id, account);
