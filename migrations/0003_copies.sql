-- A copy knows that it is one, so that nobody goes on with it unawares in the ledger's place.

-- Each line stands for a copy that was made of this ledger, and that this file is, or comes from.
CREATE TABLE copies (
    id          INTEGER PRIMARY KEY,
    copied_at   INTEGER NOT NULL,
    last_run    INTEGER NOT NULL,      -- the newest run that the copy knows; 0 for none
    restored_at INTEGER                -- NULL: nobody has said that it takes the ledger's place
) STRICT;
