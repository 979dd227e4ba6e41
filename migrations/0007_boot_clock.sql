-- Ages that no setting of the wall clock changes: beside a time of the wall clock stands, where the machine has one, the
-- time since its boot, together with the id of that boot.

ALTER TABLE program_runs ADD COLUMN boot_id TEXT;               -- NULL: the machine does not tell
ALTER TABLE http_attempts ADD COLUMN intended_boot_ms INTEGER;  -- of creates: since the boot of its run
-- "boot id:milliseconds since that boot", or NULL.
ALTER TABLE customer_rows ADD COLUMN in_doubt_boot TEXT;        -- of in_doubt_since
ALTER TABLE customer_rows ADD COLUMN last_sent_boot TEXT;       -- of last_sent_at

-- The view as it was; a customer that cannot be understood no longer keeps anybody from the other rows.
DROP VIEW customers;
CREATE VIEW customers AS
SELECT r.id                                                AS row_id,
       r.domain,
       r.state,
       CASE WHEN json_valid(r.customer) THEN json_extract(r.customer, '$.company_name') END          AS company_name,
       CASE WHEN json_valid(r.customer) THEN json_extract(r.customer, '$.country') END               AS country,
       CASE WHEN json_valid(r.customer) THEN json_extract(r.customer, '$.associated_partner_id') END AS associated_partner_id,
       CASE WHEN json_valid(r.customer) THEN json_extract(r.customer, '$.external_id') END           AS external_id,
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
