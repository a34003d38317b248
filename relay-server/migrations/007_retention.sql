-- For how many seconds what is said in a chat is kept, as its people chose; null for ever.
ALTER TABLE chats ADD COLUMN retention INTEGER;
