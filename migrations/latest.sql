-- table agreements
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
    changed_at   INTEGER NOT NULL, acknowledged_at INTEGER CHECK (acknowledged_at IS NULL OR state IN ('rejected', 'failed')), gone_at INTEGER,
    CHECK (state <> 'pending' OR NOT in_doubt),
    CHECK (state IN ('rejected', 'withdrawn') OR agreement IS NOT NULL),
    CHECK (replaced_by IS NULL OR state NOT IN ('in_flight', 'recorded'))
) STRICT;
-- table copies
CREATE TABLE copies (
    id          INTEGER PRIMARY KEY,
    copied_at   INTEGER NOT NULL,
    last_run    INTEGER NOT NULL,      -- the newest run that the copy knows; 0 for none
    restored_at INTEGER                -- NULL: nobody has said that it takes the ledger's place
) STRICT;
-- table customer_rows
CREATE TABLE "customer_rows" (
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
    changed_at         INTEGER NOT NULL, erased_at INTEGER, password_erased_at INTEGER, also_in TEXT,
    CHECK (state NOT IN ('pending', 'in_flight') OR (customer IS NOT NULL AND request_id IS NOT NULL)),
    CHECK (state NOT IN ('created', 'existing') OR customer_id IS NOT NULL),
    CHECK (state <> 'pending' OR in_doubt_since IS NULL),
    CHECK (state NOT IN ('superseded', 'declined') OR key_domain IS NULL),
    CHECK (acknowledged_at IS NULL OR state IN ('rejected', 'failed', 'unresolved', 'created'))
) STRICT;
-- table data_keys
CREATE TABLE data_keys (
    id        INTEGER PRIMARY KEY,
    run_id    INTEGER NOT NULL REFERENCES program_runs (id),
    recipient TEXT NOT NULL,               -- the public key, age1…
    sealed    BLOB NOT NULL,               -- age; 32 bytes
    made_at   INTEGER NOT NULL
) STRICT;
-- table erasures
CREATE TABLE erasures (
    id             INTEGER PRIMARY KEY,
    erased_at      INTEGER NOT NULL,
    erased_by      TEXT NOT NULL,
    changed_before INTEGER NOT NULL,       -- rows that changed later were kept
    rows           INTEGER NOT NULL,       -- rows whose personal data was erased
    passwords      INTEGER NOT NULL,
    cleaned_at     INTEGER                 -- NULL: free pages of the file, or its log, may still have the erased data
) STRICT;
-- table foreign_answers
CREATE TABLE foreign_answers (
    id                 INTEGER PRIMARY KEY,
    attempt_id         INTEGER NOT NULL REFERENCES http_attempts (id),
    row_id             INTEGER NOT NULL REFERENCES customer_rows (id),  -- the row that had asked
    domain             TEXT,               -- NULL: the answer names none; bound to the domain of the row then
    customer_id        TEXT NOT NULL,
    user_name          TEXT,
    sealed_credentials BLOB,               -- NULL: the answer brought no password
    data_key_id        INTEGER REFERENCES data_keys (id), password_erased_at INTEGER,
    CHECK ((sealed_credentials IS NULL) = (data_key_id IS NULL))
) STRICT;
-- table http_attempts
CREATE TABLE "http_attempts" (
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
, intended_boot_ms INTEGER) STRICT;
-- table ledger
CREATE TABLE ledger (
    id                INTEGER PRIMARY KEY CHECK (id = 1),
    ledger_id         TEXT NOT NULL,       -- drawn at creation; exports carry it beside tenantry_row
    api               TEXT NOT NULL,       -- base URL of the API, or 'simulator'
    partner_tenant_id TEXT,                -- NULL until a token has told
    made_at           INTEGER NOT NULL
) STRICT;
-- table opened_passwords
CREATE TABLE opened_passwords (
    opening_id        INTEGER NOT NULL REFERENCES openings (id),
    row_id            INTEGER REFERENCES customer_rows (id),
    foreign_answer_id INTEGER REFERENCES foreign_answers (id), written_at INTEGER,
    CHECK ((row_id IS NULL) <> (foreign_answer_id IS NULL))
) STRICT;
-- table openings
CREATE TABLE openings (
    id         INTEGER PRIMARY KEY,
    opened_at  INTEGER NOT NULL,
    opened_by  TEXT NOT NULL,
    passwords  INTEGER NOT NULL
) STRICT;
-- table program_runs
CREATE TABLE program_runs (
    id              INTEGER PRIMARY KEY,
    command         TEXT NOT NULL,
    program_version TEXT NOT NULL,
    pid             INTEGER NOT NULL,
    started_at      INTEGER NOT NULL,
    finished_at     INTEGER,               -- NULL: still running, or died
    exit_code       INTEGER,
    ended           TEXT                   -- why it ended, in words
, requests INTEGER, creates INTEGER, submitted INTEGER, throttled INTEGER, boot_id TEXT, created INTEGER, existing INTEGER, failed INTEGER, unresolved INTEGER) STRICT;
-- table sources
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
, given TEXT, read_at INTEGER, invalid_at INTEGER, let_go_at INTEGER, rows_rejected INTEGER NOT NULL DEFAULT 0, rows_continued INTEGER NOT NULL DEFAULT 0, refusal TEXT, full_path TEXT, list_id INTEGER REFERENCES sources (id)) STRICT;
-- index agreements_by_row
CREATE INDEX agreements_by_row ON agreements (row_id, content_hash);
-- index agreements_by_state
CREATE INDEX agreements_by_state ON agreements (state) WHERE replaced_by IS NULL;
-- index agreements_gone
CREATE INDEX agreements_gone ON agreements (row_id) WHERE gone_at IS NOT NULL;
-- index agreements_owed
CREATE INDEX agreements_owed ON agreements (row_id)
 WHERE state IN ('pending', 'in_flight') AND replaced_by IS NULL;
-- index agreements_standing
CREATE UNIQUE INDEX agreements_standing ON agreements (row_id) WHERE replaced_by IS NULL AND state <> 'withdrawn';
-- view api_requests
CREATE VIEW api_requests AS
SELECT * FROM http_attempts WHERE sent_at IS NOT NULL OR coalesce(outcome, 'interrupted') = 'interrupted';
-- view attempts
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
-- index attempts_by_row
CREATE INDEX attempts_by_row ON http_attempts (row_id);
-- index attempts_by_run
CREATE INDEX attempts_by_run ON http_attempts (run_id);
-- index attempts_under_way
CREATE INDEX attempts_under_way ON http_attempts (row_id) WHERE outcome IS NULL;
-- view customers
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
       r.user_name || '@' || r.domain                      AS user_name,
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
-- index foreign_answers_by_row
CREATE INDEX foreign_answers_by_row ON foreign_answers (row_id);
-- index opened_answers
CREATE INDEX opened_answers ON opened_passwords (foreign_answer_id) WHERE foreign_answer_id IS NOT NULL;
-- index opened_rows
CREATE INDEX opened_rows ON opened_passwords (row_id) WHERE row_id IS NOT NULL;
-- index rows_acknowledged
CREATE INDEX rows_acknowledged ON customer_rows (state) WHERE acknowledged_at IS NOT NULL;
-- index rows_by_customer
CREATE INDEX rows_by_customer ON customer_rows (customer_id COLLATE NOCASE) WHERE customer_id IS NOT NULL;
-- index rows_by_error
CREATE INDEX rows_by_error ON customer_rows (error_code, state) WHERE error_code IS NOT NULL;
-- index rows_by_external_id
CREATE INDEX rows_by_external_id ON customer_rows (external_id) WHERE external_id IS NOT NULL;
-- index rows_by_state
CREATE INDEX rows_by_state ON customer_rows (state);
-- index rows_declined_by_source
CREATE INDEX rows_declined_by_source ON customer_rows (source_id) WHERE state = 'declined';
-- index rows_gone
CREATE INDEX rows_gone ON customer_rows (id) WHERE gone_at IS NOT NULL;
-- index rows_without_key
CREATE INDEX rows_without_key ON customer_rows (content_hash) WHERE key_domain IS NULL;
-- index rows_without_password
CREATE INDEX rows_without_password ON customer_rows (id)
 WHERE state = 'created' AND sealed_credentials IS NULL AND password_erased_at IS NULL;
-- view runs
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
       (SELECT coalesce(sum(s.rows_known - s.rows_continued), 0) FROM sources s WHERE s.run_id = p.id) AS skipped,
       (SELECT coalesce(sum(s.duplicates), 0) FROM sources s WHERE s.run_id = p.id) AS duplicates,
       p.created,
       p.existing,
       p.failed,
       iif(p.created IS NULL, NULL,
           (SELECT coalesce(sum(s.rows_rejected), 0) FROM sources s WHERE s.run_id = p.id)) AS rejected,
       p.unresolved,
       coalesce(p.requests,
                (SELECT count(*) FROM api_requests a WHERE a.run_id = p.id))                    AS requests,
       coalesce(p.throttled,
                (SELECT count(*) FROM api_requests a WHERE a.run_id = p.id AND a.status = 429)) AS throttled
  FROM program_runs p;
-- index sources_by_list
CREATE INDEX sources_by_list ON sources (list_id);
-- index sources_let_go
CREATE INDEX sources_let_go ON sources (let_go_at) WHERE let_go_at IS NOT NULL;
