-- Which list a reading has read, however its path was given.

-- The absolute path. NULL: standard input, or an earlier version did not store it; then `path` has to be enough.
ALTER TABLE sources ADD COLUMN full_path TEXT;
