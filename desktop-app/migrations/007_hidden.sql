-- What its person wants to see no more, here or on any device of theirs, whether it is here yet or not. The line itself stays in
-- `messages` without its words, as `hidden`: it holds its place in the log.
CREATE TABLE hidden (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    chat     BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    device   BLOB NOT NULL,
    id       BLOB NOT NULL,
    -- Whether it was hidden on this device, and not learnt from another.
    here     INTEGER NOT NULL,
    UNIQUE (chat, device, id)
) STRICT;

-- A line that is hidden is found by no word.
DROP TRIGGER search_update;
CREATE TRIGGER search_update AFTER UPDATE OF text, kind ON messages WHEN old.kind = 'text' BEGIN
    INSERT INTO search (search, rowid, text) VALUES ('delete', old.rowid, old.text);
    INSERT INTO search (rowid, text) SELECT new.rowid, new.text WHERE new.kind = 'text';
END;
