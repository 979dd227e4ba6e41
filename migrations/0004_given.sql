-- What a command was told about a file, so that its rows are judged again as they were, and a command that brings the
-- file again says the same; and why rows of a file wait.
ALTER TABLE sources ADD COLUMN given TEXT;          -- JSON; NULL: read by a program that did not keep it
ALTER TABLE sources ADD COLUMN read_at INTEGER;     -- NULL: not read to its end
-- Rows that were read with its own failed validation, and all were to be valid: they wait for the file.
ALTER TABLE sources ADD COLUMN invalid_at INTEGER;
ALTER TABLE sources ADD COLUMN let_go_at INTEGER;   -- its new rows were let go: somebody said no, or it was a pipe

UPDATE sources SET read_at = completed_at;

-- Finds what was let go without reading the whole story.
CREATE INDEX sources_let_go ON sources (let_go_at) WHERE let_go_at IS NOT NULL;
CREATE INDEX rows_superseded_by_source ON customer_rows (source_id) WHERE state = 'superseded' AND replaced_by IS NULL;
