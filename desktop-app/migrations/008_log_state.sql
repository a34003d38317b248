-- While a log that was replaced by an older one is read anew: what the chat is by the log alone (JSON), without the changes that the log is
-- to be given back. It is what counts for those which the relay does not take.
ALTER TABLE chats ADD COLUMN log_state TEXT;
