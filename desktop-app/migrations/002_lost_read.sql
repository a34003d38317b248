-- Open chats whose relay was restored: up to this seq of the log that was lost, everything was shown.
ALTER TABLE chats ADD COLUMN lost_read INTEGER NOT NULL DEFAULT 0;
