-- Passwords under a data key of their run, each bound to its row; answers that belonged to another customer; and one
-- definition of a request.

-- The keys that passwords are encrypted under. A run draws one before its first create and keeps it here, sealed with
-- age to the recipient, before anything is sent. The newest recipient is the one that the ledger's passwords are sealed
-- to; another one has to be asked for.
CREATE TABLE data_keys (
    id        INTEGER PRIMARY KEY,
    run_id    INTEGER NOT NULL REFERENCES program_runs (id),
    recipient TEXT NOT NULL,               -- the public key, age1…
    sealed    BLOB NOT NULL,               -- age; 32 bytes
    made_at   INTEGER NOT NULL
) STRICT;

-- The key that `sealed_credentials` is encrypted under, bound to ledger, row, domain and customer id.
-- NULL: the password is an age file of its own, as programs before this one made it.
ALTER TABLE customer_rows ADD COLUMN data_key_id INTEGER REFERENCES data_keys (id);

-- Finds the row that a customer id belongs to.
CREATE INDEX rows_by_customer ON customer_rows (customer_id COLLATE NOCASE) WHERE customer_id IS NOT NULL;

-- What a success brought that belonged to another customer than the row that had asked. Bound like the password of a
-- row, to the row that had asked, and to the domain and the customer id that the answer names.
CREATE TABLE foreign_answers (
    id                 INTEGER PRIMARY KEY,
    attempt_id         INTEGER NOT NULL REFERENCES http_attempts (id),
    row_id             INTEGER NOT NULL REFERENCES customer_rows (id),  -- the row that had asked
    domain             TEXT,               -- NULL: the answer names none; bound to the domain of the row then
    customer_id        TEXT NOT NULL,
    user_name          TEXT,
    sealed_credentials BLOB,               -- NULL: the answer brought no password
    data_key_id        INTEGER REFERENCES data_keys (id),
    CHECK ((sealed_credentials IS NULL) = (data_key_id IS NULL))
) STRICT;

CREATE INDEX foreign_answers_by_row ON foreign_answers (row_id);

-- Which passwords an opening has given out: of a row, or of an answer that belonged to another customer.
CREATE TABLE opened_passwords (
    opening_id        INTEGER NOT NULL REFERENCES openings (id),
    row_id            INTEGER REFERENCES customer_rows (id),
    foreign_answer_id INTEGER REFERENCES foreign_answers (id),
    CHECK ((row_id IS NULL) <> (foreign_answer_id IS NULL))
) STRICT;

CREATE INDEX opened_rows ON opened_passwords (row_id) WHERE row_id IS NOT NULL;

-- A request is a call that left this machine, or may have: it was sent, or the program died before it could tell, or it
-- is under way. What was decided and is known never to have been sent is none. Every count of requests is taken from
-- here, so that a killed run has the same count before and after a later run has closed its calls.
CREATE VIEW api_requests AS
SELECT * FROM http_attempts WHERE sent_at IS NOT NULL OR coalesce(outcome, 'interrupted') = 'interrupted';

-- The counts that were kept by other rules.
UPDATE program_runs
   SET requests = counted.requests, creates = counted.creates, submitted = counted.submitted,
       throttled = counted.throttled
  FROM (SELECT run_id,
               count(*) AS requests,
               count(*) FILTER (WHERE operation = 'create') AS creates,
               count(DISTINCT iif(operation = 'create', row_id, NULL)) AS submitted,
               count(*) FILTER (WHERE status = 429) AS throttled
          FROM api_requests
         WHERE run_id IN (SELECT run_id FROM http_attempts WHERE outcome = 'interrupted')
         GROUP BY run_id) AS counted
 WHERE program_runs.id = counted.run_id AND finished_at IS NOT NULL;

-- One row an execution of a command that works on the ledger. Of a run that has ended, as its requests were counted then.
DROP VIEW runs;
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
       coalesce(p.requests,
                (SELECT count(*) FROM api_requests a WHERE a.run_id = p.id))                    AS requests,
       coalesce(p.throttled,
                (SELECT count(*) FROM api_requests a WHERE a.run_id = p.id AND a.status = 429)) AS throttled
  FROM program_runs p;
