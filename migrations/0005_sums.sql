-- What `status` and the end of every run ask for, without reading the whole story of a large ledger.

-- What the calls of a run came to, counted from them when it ended. NULL: it has not ended, or calls of it were still
-- open then and a later run has closed them; then they are counted whenever somebody asks.
ALTER TABLE program_runs ADD COLUMN requests INTEGER;
ALTER TABLE program_runs ADD COLUMN creates INTEGER;
ALTER TABLE program_runs ADD COLUMN submitted INTEGER;
ALTER TABLE program_runs ADD COLUMN throttled INTEGER;

UPDATE program_runs
   SET requests = counted.requests, creates = counted.creates, submitted = counted.submitted,
       throttled = counted.throttled
  FROM (SELECT run_id,
               count(*) FILTER (WHERE sent_at IS NOT NULL OR outcome = 'interrupted') AS requests,
               count(*) FILTER (WHERE operation = 'create' AND sent_at IS NOT NULL) AS creates,
               count(DISTINCT iif(operation = 'create' AND sent_at IS NOT NULL, row_id, NULL)) AS submitted,
               count(*) FILTER (WHERE status = 429) AS throttled,
               count(*) FILTER (WHERE outcome IS NULL) AS open
          FROM http_attempts GROUP BY run_id) AS counted
 WHERE program_runs.id = counted.run_id AND finished_at IS NOT NULL AND counted.open = 0;

-- Created rows whose one-time password was lost: few, so that hardly any row is in here.
CREATE INDEX rows_without_password ON customer_rows (id) WHERE state = 'created' AND sealed_credentials IS NULL;
