-- The second durable step of a customer: its acceptance of the Microsoft Customer Agreement is recorded at the service.

-- What a file says of who accepted the agreement, and what became of it. A corrected one stands beside the one that it
-- replaces; the row itself stays as it was sent.
CREATE TABLE agreements (
    id           INTEGER PRIMARY KEY,
    row_id       INTEGER NOT NULL REFERENCES customer_rows (id),
    source_id    INTEGER NOT NULL REFERENCES sources (id),
    line         INTEGER NOT NULL,
    -- rejected: failed validation; withdrawn: nobody agreed to it, or its file no longer holds it.
    state        TEXT NOT NULL CHECK (state IN ('rejected', 'pending', 'in_flight', 'recorded', 'failed', 'withdrawn')),
    replaced_by  INTEGER REFERENCES agreements (id),
    content_hash BLOB NOT NULL,            -- that of the row which brought it
    cells        BLOB NOT NULL,            -- the operator's own cells of that row
    agreement    TEXT,                     -- who, and when, as JSON; NULL where validation failed
    request_id   TEXT NOT NULL,            -- MS-RequestId; drawn before anything is sent
    in_doubt     INTEGER NOT NULL DEFAULT 0,  -- a send under request_id had no answer that tells its outcome
    error_code   TEXT,
    error_status INTEGER,
    error_text   TEXT,                     -- the service's own words
    made_at      INTEGER NOT NULL,
    changed_at   INTEGER NOT NULL,
    CHECK (state <> 'pending' OR NOT in_doubt),
    CHECK (state IN ('rejected', 'withdrawn') OR agreement IS NOT NULL),
    CHECK (replaced_by IS NULL OR state NOT IN ('in_flight', 'recorded'))
) STRICT;

-- One stands for its row.
CREATE UNIQUE INDEX agreements_standing ON agreements (row_id) WHERE replaced_by IS NULL AND state <> 'withdrawn';
-- Serves the queue, in order.
CREATE INDEX agreements_owed ON agreements (row_id)
 WHERE state IN ('pending', 'in_flight') AND replaced_by IS NULL;
-- Recognises what a correction has replaced.
CREATE INDEX agreements_by_row ON agreements (row_id, content_hash);
-- Serves the counts.
CREATE INDEX agreements_by_state ON agreements (state) WHERE replaced_by IS NULL;

-- The views stand on what changes here, and are made anew below. Views of the operator's own may stand on them, which
-- SQLite would hold against the renaming.
PRAGMA legacy_alter_table = ON;
DROP VIEW runs;
DROP VIEW attempts;
DROP VIEW customers;

-- One HTTP exchange, as before, with the operations of agreements. A create and the recording of an agreement are
-- inserted before their first byte is sent; what became of them is recorded once.
CREATE TABLE new_attempts (
    id             INTEGER PRIMARY KEY,
    row_id         INTEGER NOT NULL REFERENCES customer_rows (id),
    run_id         INTEGER NOT NULL REFERENCES program_runs (id),
    operation      TEXT NOT NULL CHECK (operation IN ('create', 'find_customer', 'check_domain', 'find_agreement',
                                                           'record_agreement')),
    request_id     TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    intended_at    INTEGER NOT NULL,
    sent_at        INTEGER,                -- NULL: never sent, or the program died before it could tell
    finished_at    INTEGER,
    outcome        TEXT,                   -- NULL: under way, or the program died
    status         INTEGER,
    code           TEXT,
    text           TEXT,
    ms_cv          TEXT
) STRICT;

INSERT INTO new_attempts SELECT * FROM http_attempts;
DROP TABLE http_attempts;
ALTER TABLE new_attempts RENAME TO http_attempts;
PRAGMA legacy_alter_table = OFF;

CREATE INDEX attempts_by_row ON http_attempts (row_id);
CREATE INDEX attempts_by_run ON http_attempts (run_id);
-- Finds what a dead run left open without reading the whole story.
CREATE INDEX attempts_under_way ON http_attempts (row_id) WHERE outcome IS NULL;

-- The documented views, with the agreement beside its customer.

-- One row a customer.
CREATE VIEW customers AS
SELECT r.id                                                AS row_id,
       r.domain,
       r.state,
       json_extract(r.customer, '$.company_name')          AS company_name,
       json_extract(r.customer, '$.country')               AS country,
       json_extract(r.customer, '$.associated_partner_id') AS associated_partner_id,
       json_extract(r.customer, '$.external_id')           AS external_id,
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
       strftime('%Y-%m-%dT%H:%M:%fZ', r.changed_at / 1000.0, 'unixepoch') AS changed_at
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

-- One row an execution of a command that works on the ledger.
CREATE VIEW runs AS
SELECT p.id AS run_id,
       p.command,
       p.program_version,
       p.pid,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.started_at / 1000.0, 'unixepoch')  AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.finished_at / 1000.0, 'unixepoch') AS finished_at,
       p.exit_code,
       p.ended,
       (SELECT coalesce(sum(s.rows_read), 0) FROM sources s WHERE s.run_id = p.id)  AS rows_read,
       (SELECT coalesce(sum(s.rows_new), 0) FROM sources s WHERE s.run_id = p.id)   AS rows_new,
       (SELECT coalesce(sum(s.rows_known), 0) FROM sources s WHERE s.run_id = p.id) AS skipped,
       (SELECT coalesce(sum(s.duplicates), 0) FROM sources s WHERE s.run_id = p.id) AS duplicates,
       (SELECT count(*) FROM http_attempts a WHERE a.run_id = p.id AND a.sent_at IS NOT NULL) AS requests,
       (SELECT count(*) FROM http_attempts a WHERE a.run_id = p.id AND a.status = 429)        AS throttled
  FROM program_runs p;
