-- Sealed chats: since when, by the relay's clock, what is said is kept for so long only; what was said before stays.
ALTER TABLE chats ADD COLUMN retention_since INTEGER NOT NULL DEFAULT 0;
