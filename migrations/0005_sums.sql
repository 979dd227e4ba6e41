-- What `status` and the end of every run ask for, without reading the whole story of a large ledger.

-- What the calls of a run came to, counted from them when it ended. NULL: it has not ended, or calls of it were still
-- open then and a later run has closed them; then they are counted whenever somebody asks.
ALTER TABLE program_runs ADD COLUMN requests INTEGER;
ALTER TABLE program_runs ADD COLUMN creates INTEGER;
ALTER TABLE program_runs ADD COLUMN submitted INTEGER;
ALTER TABLE program_runs ADD COLUMN throttled INTEGER;

-- Created rows whose one-time password was lost: few, so that hardly any row is in here.
CREATE INDEX rows_without_password ON customer_rows (id) WHERE state = 'created' AND sealed_credentials IS NULL;
