-- The chats whose people see when the others are there. A larger private channel is one whose members do not know each other.
CREATE VIEW acquainted (chat) AS
SELECT id FROM chats
WHERE kind IN ('direct', 'group')
   OR (kind = 'private_channel'
       AND (SELECT COUNT(*) FROM (SELECT 1 FROM members WHERE chat = chats.id AND left_at IS NULL LIMIT 257)) <= 256);
