-- A ledger of schema 5, as the program before data keys left it: two customers, their passwords each an age file of its own.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE ledger (
    id                INTEGER PRIMARY KEY CHECK (id = 1),
    ledger_id         TEXT NOT NULL,       -- drawn at creation; exports carry it beside tenantry_row
    api               TEXT NOT NULL,       -- base URL of the API, or 'simulator'
    partner_tenant_id TEXT,                -- NULL until a token has told
    made_at           INTEGER NOT NULL
) STRICT;
INSERT INTO ledger VALUES(1,'3958dc06-80ec-4861-a3b6-b6fa90fe9edb','simulator','5b7a8c1e-6f2d-4a35-9d0b-3c1f0e9a7d42',1767225239950);
CREATE TABLE program_runs (
    id              INTEGER PRIMARY KEY,
    command         TEXT NOT NULL,
    program_version TEXT NOT NULL,
    pid             INTEGER NOT NULL,
    started_at      INTEGER NOT NULL,
    finished_at     INTEGER,               -- NULL: still running, or died
    exit_code       INTEGER,
    ended           TEXT                   -- why it ended, in words
, requests INTEGER, creates INTEGER, submitted INTEGER, throttled INTEGER) STRICT;
INSERT INTO program_runs VALUES(1,'import','0.1.0',28715,1767225239955,1767225240204,0,'done',2,2,2,0);
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
, given TEXT, read_at INTEGER, invalid_at INTEGER, let_go_at INTEGER) STRICT;
INSERT INTO sources VALUES(1,1,'list.csv',X'636f6d70616e795f6e616d652c646f6d61696e2c656d61696c2c63756c747572652c6c616e67756167652c66697273745f6e616d652c6c6173745f6e616d652c616464726573735f6c696e65312c636974792c73746174652c706f7374616c5f636f64652c636f756e7472790a',1767225239978,1767225240012,2,2,0,0,0,'{"column_map":[],"defaults":[],"delimiter":null,"encoding":null,"sheet":null,"reseller":null,"allow_direct":false,"strict":false,"require_valid":false}',1767225240012,NULL,NULL);
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
INSERT INTO customer_rows VALUES(1,1,2,'old1.onmicrosoft.com','old1.onmicrosoft.com','created',X'8df94fc145758ed527fff45e644ca637',X'486172626f726c696e65204f6c64204f6e65204c74642c6f6c64312c6163636f756e747340686172626f726c696e652e6578616d706c652e636f6d2c656e2d47422c656e2c416e612c42656c6c2c312048696768205374726565742c4c656564732c2c4c5331203548442c47420a','{"company_name":"Harborline Old One Ltd","domain":"old1.onmicrosoft.com","email":"accounts@harborline.example.com","culture":"en-GB","language":"en","first_name":"Ana","last_name":"Bell","address_line1":"1 High Street","city":"Leeds","postal_code":"LS1 5HD","country":"GB","enable_gdap_by_default":true}',NULL,'25c3360c-dae4-4775-9adc-a249cfe9c131','create',NULL,NULL,0,0,0,'61f9db38-952e-4878-9bff-4b4906c6d74c','99a8aca7-8cb7-4856-87e0-5b7c3b491063','admin',X'6167652d656e6372797074696f6e2e6f72672f76310a2d3e20583235353139204c414a58306e67426c517576374c772f653642536c4b5956695a41413956425269474b532f66366345466f0a56694e56397a5679326c4b4f363935354866414b4d6f54625a70392b78626a6f76754546344c574f686d550a2d3e204e2a425243236c2a2d677265617365204235243f2730773620516a230a44776e566a516c5275726e736b634b4b736a5a63304d6d47507946556d63366a76584176356f47566a6672457576544e504d4e594577786566424434425950470a4b51596e596c584b4559663070344b5a68756f4837614830716b7a53482b6d6d314d46647852314d693332437a364d4b5a41564f624657562b4d3256486a65320a6a48630a2d2d2d20625150474132532f766b596875786f77794c46316452466c664d354b6d4363752b6f6c34553659616d35510aabe0ac19277e754b2236bf832bdd44b72f422e3870e4df2eb8cc8278803b2ca0e2e76d22bd109a9d01fc5d964e4f',NULL,NULL,NULL,0,NULL,1767225240008,1767225240196);
INSERT INTO customer_rows VALUES(2,1,3,'old2.onmicrosoft.com','old2.onmicrosoft.com','created',X'7381407abce5b5c853bf75e24c308855',X'486172626f726c696e65204f6c642054776f204c74642c6f6c64322c6163636f756e747340686172626f726c696e652e6578616d706c652e636f6d2c656e2d47422c656e2c416e612c42656c6c2c312048696768205374726565742c4c656564732c2c4c5331203548442c47420a','{"company_name":"Harborline Old Two Ltd","domain":"old2.onmicrosoft.com","email":"accounts@harborline.example.com","culture":"en-GB","language":"en","first_name":"Ana","last_name":"Bell","address_line1":"1 High Street","city":"Leeds","postal_code":"LS1 5HD","country":"GB","enable_gdap_by_default":true}',NULL,'d391d995-b574-4bf7-9378-52568449fbac','create',NULL,NULL,0,0,0,'22cd28ac-e62f-496d-aa4e-f966dc185673','1334337a-3fc6-4cf5-b389-f7fb392ef24c','admin',X'6167652d656e6372797074696f6e2e6f72672f76310a2d3e205832353531392057504f47764f35477a5a7a686271773541436158752b362f54575a676f696f315532315a67746250556c410a70334c3647365a59734230304e3065536e785456564377464d6b69474c6e423533353861595a4e6a364e770a2d3e205b6e542b2d67726561736520384e6c5f42207a295a7c29404c41202b0a594d694a682b7a74533936747073746674536c68375444514372342f49704b4354794b6338636e586e7667517235714e7a3249374952416e3939524d7347414c0a4e4e4630436669556d30706d686955527932417a38397934386d5750616b6a3749770a2d2d2d202f69325a5248616558762b535173623458586949797a746843456b5a35356a5549626151385372344844770abb85fbaa4e3ee6e7683f1700b284d61aafecb522787b536920988415ac944cb50b590878dadb76ec6f7f03eac60a',NULL,NULL,NULL,0,NULL,1767225240008,1767225240202);
CREATE TABLE openings (
    id         INTEGER PRIMARY KEY,
    opened_at  INTEGER NOT NULL,
    opened_by  TEXT NOT NULL,
    passwords  INTEGER NOT NULL
) STRICT;
INSERT INTO openings VALUES(1,1767225240279,'unknown',2);
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
CREATE TABLE IF NOT EXISTS "http_attempts" (
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
INSERT INTO http_attempts VALUES(1,1,1,'create','25c3360c-dae4-4775-9adc-a249cfe9c131','c414b41b-b18f-43eb-a84e-5eb894e1e5f4',1767225240136,1767225240137,1767225240195,'created',201,NULL,NULL,'6CK+knms9sNPrYTu.0');
INSERT INTO http_attempts VALUES(2,2,1,'create','d391d995-b574-4bf7-9378-52568449fbac','944761bc-6a39-4bac-8bc6-5c8f4bb0fde7',1767225240136,1767225240138,1767225240201,'created',201,NULL,NULL,'eChtZU4xHHcjk6Hi.0');
CREATE TABLE copies (
    id          INTEGER PRIMARY KEY,
    copied_at   INTEGER NOT NULL,
    last_run    INTEGER NOT NULL,      -- the newest run that the copy knows; 0 for none
    restored_at INTEGER                -- NULL: nobody has said that it takes the ledger's place
) STRICT;
CREATE INDEX rows_by_state ON customer_rows (state);
CREATE INDEX rows_without_key ON customer_rows (content_hash) WHERE key_domain IS NULL;
CREATE INDEX rows_by_error ON customer_rows (error_code, state) WHERE error_code IS NOT NULL;
CREATE UNIQUE INDEX agreements_standing ON agreements (row_id) WHERE replaced_by IS NULL AND state <> 'withdrawn';
CREATE INDEX agreements_owed ON agreements (row_id)
 WHERE state IN ('pending', 'in_flight') AND replaced_by IS NULL;
CREATE INDEX agreements_by_row ON agreements (row_id, content_hash);
CREATE INDEX agreements_by_state ON agreements (state) WHERE replaced_by IS NULL;
CREATE INDEX attempts_by_row ON http_attempts (row_id);
CREATE INDEX attempts_by_run ON http_attempts (run_id);
CREATE INDEX attempts_under_way ON http_attempts (row_id) WHERE outcome IS NULL;
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
CREATE INDEX sources_let_go ON sources (let_go_at) WHERE let_go_at IS NOT NULL;
CREATE INDEX rows_superseded_by_source ON customer_rows (source_id) WHERE state = 'superseded' AND replaced_by IS NULL;
CREATE INDEX rows_without_password ON customer_rows (id) WHERE state = 'created' AND sealed_credentials IS NULL;
COMMIT;
PRAGMA user_version = 5;
PRAGMA application_id = 1414419033;
