-- Which waiting rows another list contains, so that only rows that no list contains any more are declined.

-- While the row waits: the last reading that has found it in another list than its own. NULL: none has, or the list no
-- longer contains it.
ALTER TABLE customer_rows ADD COLUMN also_in INTEGER REFERENCES sources (id);
