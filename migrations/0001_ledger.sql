-- The ledger: every row that was ever read, every HTTP call that was ever made, every run.
-- Times are UTC milliseconds since the Unix epoch; the views at the end, which scripts may rely on, show them as RFC 3339.

-- What this ledger is bound to. A ledger of one environment is refused in another.
CREATE TABLE ledger (
    id                INTEGER PRIMARY KEY CHECK (id = 1),
    ledger_id         TEXT NOT NULL,       -- drawn at creation; exports carry it beside tenantry_row
    api               TEXT NOT NULL,       -- base URL of the API, or 'simulator'
    partner_tenant_id TEXT,                -- NULL until a token has told
    made_at           INTEGER NOT NULL
) STRICT;

-- One execution of a command that works on the ledger.
CREATE TABLE program_runs (
    id              INTEGER PRIMARY KEY,
    command         TEXT NOT NULL,
    program_version TEXT NOT NULL,
    pid             INTEGER NOT NULL,
    started_at      INTEGER NOT NULL,
    finished_at     INTEGER,               -- NULL: still running, or died
    exit_code       INTEGER,
    ended           TEXT                   -- why it ended, in words
) STRICT;

-- One reading of one file. Its rows may be sent only once it is completed: a judgement over the whole file
-- (rows with and without a reseller) must come before the first row goes out.
CREATE TABLE sources (
    id              INTEGER PRIMARY KEY,
    run_id          INTEGER NOT NULL REFERENCES program_runs (id),
    path            TEXT NOT NULL,         -- as given by the operator; '-' is standard input
    header          BLOB NOT NULL,         -- the header record as CSV, the operator's own names
    started_at      INTEGER NOT NULL,
    completed_at    INTEGER,
    rows_read       INTEGER NOT NULL DEFAULT 0,
    rows_new        INTEGER NOT NULL DEFAULT 0,  -- became rows of this ledger
    rows_known      INTEGER NOT NULL DEFAULT 0,  -- stood in it already
    duplicates      INTEGER NOT NULL DEFAULT 0,  -- equal to an earlier row of the same reading
    ignored_changes INTEGER NOT NULL DEFAULT 0   -- of rows_known: differ from what was already sent
) STRICT;

CREATE TABLE customer_rows (
    id                 INTEGER PRIMARY KEY,
    source_id          INTEGER NOT NULL REFERENCES sources (id),
    line               INTEGER NOT NULL,   -- physical line on which the record starts, 1-based
    domain             TEXT,               -- NULL where the cell itself is no domain
    -- The domain, while this row is the one that stands for it: NULL for superseded rows and for later rows of
    -- a file that name a domain again. UNIQUE is what keeps one domain from being sent by two rows.
    key_domain         TEXT UNIQUE,
    state              TEXT NOT NULL CHECK (state IN ('rejected', 'pending', 'in_flight', 'created', 'existing',
                                                      'failed', 'unresolved', 'superseded')),
    content_hash       BLOB NOT NULL,      -- over the canonical values; recognises a changed row
    cells              BLOB NOT NULL,      -- the operator's own cells as one CSV record, byte for byte
    customer           TEXT,               -- the validated customer as JSON; NULL where validation failed
    problems           TEXT,               -- validation problems as JSON; NULL where there are none
    request_id         TEXT,               -- MS-RequestId; drawn before anything is sent
    next_step          TEXT NOT NULL DEFAULT 'create' CHECK (next_step IN ('create', 'ask')),
    in_doubt_since     INTEGER,            -- first send under request_id whose outcome is unknown
    last_sent_at       INTEGER,            -- no send of a create under request_id was later than this
    -- Times that a send after asking (not there, and free) was unclear again; 2: under a second request id.
    ask_rounds         INTEGER NOT NULL DEFAULT 0,
    -- A create for this domain was unclear under an earlier request id: a customer that shows up may be ours.
    unclear_before     INTEGER NOT NULL DEFAULT 0,
    -- The service once said that it had created it, in an answer that could not be read.
    success_unread     INTEGER NOT NULL DEFAULT 0,
    customer_id        TEXT,
    commerce_id        TEXT,
    user_name          TEXT,
    sealed_credentials BLOB,               -- age; the password can be had from the service once only
    error_code         TEXT,
    error_status       INTEGER,
    error_text         TEXT,               -- the service's own words
    domain_burned      INTEGER NOT NULL DEFAULT 0,  -- refused, and the domain is taken since
    replaced_by        INTEGER REFERENCES customer_rows (id),
    made_at            INTEGER NOT NULL,
    changed_at         INTEGER NOT NULL,
    CHECK (state NOT IN ('pending', 'in_flight') OR (customer IS NOT NULL AND request_id IS NOT NULL)),
    CHECK (state NOT IN ('created', 'existing') OR customer_id IS NOT NULL),
    CHECK (state <> 'pending' OR in_doubt_since IS NULL),
    CHECK (state <> 'superseded' OR key_domain IS NULL)
) STRICT;

-- Serves the queue (pending and in-flight rows in order) and the counts of `status`.
CREATE INDEX rows_by_state ON customer_rows (state);
-- Recognises rejected rows that stand for no domain when the same file is read again.
CREATE INDEX rows_without_key ON customer_rows (content_hash) WHERE key_domain IS NULL;
-- Serves the errors by code of `status`.
CREATE INDEX rows_by_error ON customer_rows (error_code, state) WHERE error_code IS NOT NULL;

-- One HTTP exchange. A create is inserted before its first byte is sent; what became of it is recorded once.
CREATE TABLE http_attempts (
    id             INTEGER PRIMARY KEY,
    row_id         INTEGER NOT NULL REFERENCES customer_rows (id),
    run_id         INTEGER NOT NULL REFERENCES program_runs (id),
    operation      TEXT NOT NULL CHECK (operation IN ('create', 'find_customer', 'check_domain')),
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

CREATE INDEX attempts_by_row ON http_attempts (row_id);
CREATE INDEX attempts_by_run ON http_attempts (run_id);
-- Finds what a dead run left open without reading the whole story.
CREATE INDEX attempts_under_way ON http_attempts (row_id) WHERE outcome IS NULL;

-- Each time somebody opened sealed passwords.
CREATE TABLE openings (
    id         INTEGER PRIMARY KEY,
    opened_at  INTEGER NOT NULL,
    opened_by  TEXT NOT NULL,
    passwords  INTEGER NOT NULL
) STRICT;

-- The documented views: their names and columns are part of the contract with users' scripts.

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
       r.request_id,
       s.path                                              AS source_file,
       r.line                                              AS source_line,
       r.replaced_by,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.made_at / 1000.0, 'unixepoch')    AS made_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.changed_at / 1000.0, 'unixepoch') AS changed_at
  FROM customer_rows r
  JOIN sources s ON s.id = r.source_id;

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
