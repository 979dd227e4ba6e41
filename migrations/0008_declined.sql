-- The state `declined`: a valid row that was never sent, because the operator said no or its list no longer contains
-- it. Until now such a row was `superseded`, like a row that a corrected one has replaced.
-- Acknowledged rows: a refusal, a doubt or a lost password that an operator knows of. It keeps its state.
-- Rows that their list no longer contains; and the values by which a corrected row is recognized in its list.

-- The state is part of a CHECK, so the table is made anew. The views are made anew below. The operator's own views may
-- use them, and SQLite would otherwise refuse to rename the table.
PRAGMA legacy_alter_table = ON;
DROP VIEW customers;
DROP VIEW attempts;

CREATE TABLE new_rows (
    id                 INTEGER PRIMARY KEY,
    source_id          INTEGER NOT NULL REFERENCES sources (id),
    line               INTEGER NOT NULL,   -- physical line on which the record starts, 1-based
    domain             TEXT,               -- NULL where the cell itself is no domain
    -- The domain, while this row is the current one for it: NULL for superseded and declined rows, and for later rows
    -- of a file that name a domain again. UNIQUE is what keeps one domain from being sent by two rows.
    key_domain         TEXT UNIQUE,
    state              TEXT NOT NULL CHECK (state IN ('rejected', 'pending', 'in_flight', 'created', 'existing',
                                                      'failed', 'unresolved', 'superseded', 'declined')),
    content_hash       BLOB NOT NULL,      -- over the canonical values; recognizes a changed row
    cells              BLOB NOT NULL,      -- the operator's own cells as one CSV record, byte for byte
    customer           TEXT,               -- the validated customer as JSON; NULL where validation failed
    problems           TEXT,               -- validation problems as JSON; NULL where there are none
    -- By these two, a corrected row is recognized in its list, also where validation failed.
    external_id        TEXT,               -- NULL where the row has none, or a program did not store it
    reseller_id        TEXT,               -- NULL for a direct customer
    request_id         TEXT,               -- MS-RequestId; drawn before anything is sent
    next_step          TEXT NOT NULL DEFAULT 'create' CHECK (next_step IN ('create', 'ask')),
    in_doubt_since     INTEGER,            -- first send under request_id whose outcome is unknown
    in_doubt_boot      TEXT,               -- the same as "boot id:milliseconds since that boot", or NULL
    last_sent_at       INTEGER,            -- no send of a create under request_id was later than this
    last_sent_boot     TEXT,               -- the same as "boot id:milliseconds since that boot", or NULL
    -- Times that a send after asking (not there, and free) was unclear again; 2: under a second request id.
    ask_rounds         INTEGER NOT NULL DEFAULT 0,
    -- A create for this domain was unclear under an earlier request id: a customer that shows up may be from it.
    unclear_before     INTEGER NOT NULL DEFAULT 0,
    -- The service once said that it had created it, in an answer that could not be read.
    success_unread     INTEGER NOT NULL DEFAULT 0,
    customer_id        TEXT,
    commerce_id        TEXT,
    user_name          TEXT,
    sealed_credentials BLOB,               -- the password; it can be had from the service once only
    data_key_id        INTEGER REFERENCES data_keys (id),  -- what it is encrypted under; NULL: it is an age file
    error_code         TEXT,
    error_status       INTEGER,
    error_text         TEXT,               -- the service's own words
    domain_burned      INTEGER NOT NULL DEFAULT 0,  -- refused, and the domain is taken since
    replaced_by        INTEGER REFERENCES customer_rows (id),
    -- When an operator acknowledged that the row was refused or is in doubt, or that its password is lost.
    acknowledged_at    INTEGER,
    gone_at            INTEGER,            -- when a complete reading of its list did not contain it any more
    made_at            INTEGER NOT NULL,
    changed_at         INTEGER NOT NULL,
    CHECK (state NOT IN ('pending', 'in_flight') OR (customer IS NOT NULL AND request_id IS NOT NULL)),
    CHECK (state NOT IN ('created', 'existing') OR customer_id IS NOT NULL),
    CHECK (state <> 'pending' OR in_doubt_since IS NULL),
    CHECK (state NOT IN ('superseded', 'declined') OR key_domain IS NULL),
    CHECK (acknowledged_at IS NULL OR state IN ('rejected', 'failed', 'unresolved', 'created'))
) STRICT;

-- A superseded row that no row has replaced was discarded unsent.
INSERT INTO new_rows (id, source_id, line, domain, key_domain, state, content_hash, cells, customer, problems,
                      external_id, reseller_id, request_id, next_step, in_doubt_since, in_doubt_boot, last_sent_at,
                      last_sent_boot, ask_rounds, unclear_before, success_unread, customer_id, commerce_id, user_name,
                      sealed_credentials, data_key_id, error_code, error_status, error_text, domain_burned,
                      replaced_by, made_at, changed_at)
SELECT id, source_id, line, domain, key_domain,
       iif(state = 'superseded' AND replaced_by IS NULL, 'declined', state),
       content_hash, cells, customer, problems,
       CASE WHEN json_valid(customer) THEN json_extract(customer, '$.external_id') END,
       CASE WHEN json_valid(customer) THEN json_extract(customer, '$.associated_partner_id') END,
       request_id, next_step, in_doubt_since, in_doubt_boot, last_sent_at,
       last_sent_boot, ask_rounds, unclear_before, success_unread, customer_id, commerce_id, user_name,
       sealed_credentials, data_key_id, error_code, error_status, error_text, domain_burned,
       replaced_by, made_at, changed_at
  FROM customer_rows;
DROP TABLE customer_rows;
ALTER TABLE new_rows RENAME TO customer_rows;
PRAGMA legacy_alter_table = OFF;

CREATE INDEX rows_by_state ON customer_rows (state);
CREATE INDEX rows_by_error ON customer_rows (error_code, state) WHERE error_code IS NOT NULL;
CREATE INDEX rows_by_customer ON customer_rows (customer_id COLLATE NOCASE) WHERE customer_id IS NOT NULL;
CREATE INDEX rows_by_external_id ON customer_rows (external_id) WHERE external_id IS NOT NULL;
-- Recognizes rows that have no key.
CREATE INDEX rows_without_key ON customer_rows (content_hash) WHERE key_domain IS NULL;
-- These contain few rows of a large ledger.
CREATE INDEX rows_without_password ON customer_rows (id) WHERE state = 'created' AND sealed_credentials IS NULL;
CREATE INDEX rows_declined_by_source ON customer_rows (source_id) WHERE state = 'declined';
CREATE INDEX rows_acknowledged ON customer_rows (state) WHERE acknowledged_at IS NOT NULL;
CREATE INDEX rows_gone ON customer_rows (id) WHERE gone_at IS NOT NULL;

-- The same for a refused acceptance of the agreement.
ALTER TABLE agreements ADD COLUMN acknowledged_at INTEGER CHECK (acknowledged_at IS NULL OR state IN ('rejected', 'failed'));
ALTER TABLE agreements ADD COLUMN gone_at INTEGER;
CREATE INDEX agreements_gone ON agreements (row_id) WHERE gone_at IS NOT NULL;

-- One row a customer.
CREATE VIEW customers AS
SELECT r.id                                                AS row_id,
       r.domain,
       r.state,
       CASE WHEN json_valid(r.customer) THEN json_extract(r.customer, '$.company_name') END          AS company_name,
       CASE WHEN json_valid(r.customer) THEN json_extract(r.customer, '$.country') END               AS country,
       r.reseller_id                                       AS associated_partner_id,
       r.external_id,
       r.customer_id,
       r.commerce_id,
       r.user_name,
       r.sealed_credentials IS NOT NULL                    AS has_credentials,
       r.error_code,
       r.error_status,
       r.error_text,
       r.domain_burned,
       a.state                                             AS agreement_state,
       a.error_code                                        AS agreement_error_code,
       a.error_text                                        AS agreement_error_text,
       r.request_id,
       s.path                                              AS source_file,
       r.line                                              AS source_line,
       r.replaced_by,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.made_at / 1000.0, 'unixepoch')    AS made_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.changed_at / 1000.0, 'unixepoch') AS changed_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.acknowledged_at / 1000.0, 'unixepoch') AS acknowledged_at
  FROM customer_rows r
  JOIN sources s ON s.id = r.source_id
  LEFT JOIN agreements a ON a.row_id = r.id AND a.replaced_by IS NULL AND a.state <> 'withdrawn';

-- One row an HTTP call to the API.
CREATE VIEW attempts AS
SELECT a.id AS attempt_id,
       a.row_id,
       a.run_id,
       r.domain,
       a.operation,
       a.request_id,
       a.correlation_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.intended_at / 1000.0, 'unixepoch') AS intended_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.sent_at / 1000.0, 'unixepoch')     AS sent_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.finished_at / 1000.0, 'unixepoch') AS finished_at,
       a.finished_at - a.sent_at AS duration_ms,
       a.outcome,
       a.status,
       a.code,
       a.text,
       a.ms_cv
  FROM http_attempts a
  JOIN customer_rows r ON r.id = a.row_id;
