-- Sealed chats: since when what is said is kept for so long only; what was said before waits for those who are away as if it were not.
ALTER TABLE chats ADD COLUMN retention_since INTEGER NOT NULL DEFAULT 0;
