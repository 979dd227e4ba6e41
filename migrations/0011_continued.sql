-- Which known rows a reading skips, why a list was refused as a whole, and user names as people sign in with them.

-- Of rows_known: open after they were read, such as a row that is retried. They are not skipped.
ALTER TABLE sources ADD COLUMN rows_continued INTEGER NOT NULL DEFAULT 0;
-- Beside invalid_at: the reason, with its numbers, as JSON. NULL: an earlier version did not store it.
ALTER TABLE sources ADD COLUMN refusal TEXT;

-- The view as it was, but `skipped` is without rows that are worked on.
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

-- The view as it was, but `user_name` is `admin@domain`.
DROP VIEW customers;
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
