-- Open chats: what a restored relay's log lacks, by whom it was sent.
CREATE INDEX messages_unplaced ON messages (chat, device, sort_a, id) WHERE seq IS NULL AND lost_seq IS NOT NULL;
