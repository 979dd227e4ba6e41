-- Which list a reading has read, found once: by its file, and by its sheet, also if that was renamed.

-- The first reading of the list. NULL: only until the program has filled it in.
ALTER TABLE sources ADD COLUMN list_id INTEGER REFERENCES sources (id);
CREATE INDEX sources_by_list ON sources (list_id);
