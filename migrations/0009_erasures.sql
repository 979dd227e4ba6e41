-- What `forget` has erased, and which of the opened passwords reached their output.

-- When the output with this password was complete. NULL: it is not, for example because the disk was full. Only a password
-- with a complete output counts as opened. Older programs did not record this; their outputs count as complete.
ALTER TABLE opened_passwords ADD COLUMN written_at INTEGER;

UPDATE opened_passwords
   SET written_at = (SELECT opened_at FROM openings WHERE openings.id = opened_passwords.opening_id);

CREATE INDEX opened_answers ON opened_passwords (foreign_answer_id) WHERE foreign_answer_id IS NOT NULL;

-- One record per `forget` that erased something.
CREATE TABLE erasures (
    id             INTEGER PRIMARY KEY,
    erased_at      INTEGER NOT NULL,
    erased_by      TEXT NOT NULL,
    changed_before INTEGER NOT NULL,       -- rows that changed later were kept
    rows           INTEGER NOT NULL,       -- rows whose personal data was erased
    passwords      INTEGER NOT NULL,
    cleaned_at     INTEGER                 -- NULL: free pages of the file, or its log, may still have the erased data
) STRICT;

-- When the personal data of the row was erased: its cells are empty, and only the ids of its customer are left.
ALTER TABLE customer_rows ADD COLUMN erased_at INTEGER;

-- When the opened password was erased. Without this, a created row that has no password has lost it.
ALTER TABLE customer_rows ADD COLUMN password_erased_at INTEGER;
ALTER TABLE foreign_answers ADD COLUMN password_erased_at INTEGER;

DROP INDEX rows_without_password;
CREATE INDEX rows_without_password ON customer_rows (id)
 WHERE state = 'created' AND sealed_credentials IS NULL AND password_erased_at IS NULL;
