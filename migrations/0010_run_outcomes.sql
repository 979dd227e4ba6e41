-- What each run did with rows. A number grows in the commit that records the outcome, so it is right after every crash.

-- NULL: the run is of an earlier version, which did not count.
ALTER TABLE program_runs ADD COLUMN created INTEGER;
ALTER TABLE program_runs ADD COLUMN existing INTEGER;
ALTER TABLE program_runs ADD COLUMN failed INTEGER;
ALTER TABLE program_runs ADD COLUMN unresolved INTEGER;

-- Rows of the list that this reading found wrong: new ones, and earlier ones that were not sent yet.
ALTER TABLE sources ADD COLUMN rows_rejected INTEGER NOT NULL DEFAULT 0;

-- The view as it was, with these numbers.
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
