-- Which other lists contain a waiting row, so that only rows that no list contains any more are declined.

-- While the row waits: the readings that have found it in other lists than its own, the last one of each list, as a JSON
-- array of their ids. NULL: there are none.
ALTER TABLE customer_rows ADD COLUMN also_in TEXT;
