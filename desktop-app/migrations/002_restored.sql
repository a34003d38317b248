-- Open chats whose relay was restored: up to this seq of the log that was lost, everything was shown.
ALTER TABLE chats ADD COLUMN lost_read INTEGER NOT NULL DEFAULT 0;
-- And where that log had a message, wherever it stands now.
ALTER TABLE messages ADD COLUMN lost_seq INTEGER;

-- Sealed chats: messages whose run began under a membership which is yet unknown here. A restored relay may have been given them
-- before it was given that change back.
CREATE TABLE early (
    position   INTEGER PRIMARY KEY,
    chat       BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    membership BLOB NOT NULL,
    account    BLOB NOT NULL,
    device     BLOB NOT NULL,
    payload    TEXT NOT NULL
) STRICT;
CREATE INDEX early_by_membership ON early (chat, membership);
