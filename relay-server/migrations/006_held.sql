-- What is held of open chats counts towards the quotas, too, and in full: what a deleted message leaves behind.
UPDATE logs
SET held_bytes = (SELECT COALESCE(SUM(LENGTH(CAST(frame AS BLOB))), 0) FROM entries WHERE log = logs.id)
WHERE id IN (SELECT id FROM chats WHERE sealed = 0);

DELETE FROM held;
INSERT INTO held (account, bytes)
SELECT account, SUM(LENGTH(CAST(frame AS BLOB))) FROM entries WHERE kind IN (1, 2) GROUP BY account;
