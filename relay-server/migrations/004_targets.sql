-- Which message an edit, a delete or a reaction changes: by it the edits of a message are found when it is deleted.
ALTER TABLE entries ADD COLUMN target INTEGER;
CREATE INDEX entries_target ON entries (log, target) WHERE target IS NOT NULL;

UPDATE entries SET target = (
    SELECT m.seq FROM entries m WHERE m.log = entries.log AND m.kind = 1
    AND m.device = unhex(json_extract(entries.frame, '$.payload.open.target.device'), '-')
    AND m.id = unhex(json_extract(entries.frame, '$.payload.open.target.id'), '-')
) WHERE kind = 2;

-- What was deleted before has left its edits behind.
UPDATE entries SET frame = json_set(frame, '$.payload.open.text', '', '$.payload.open.mentions', json('[]'))
WHERE kind = 2 AND json_extract(frame, '$.payload.open.kind') = 'edit' AND EXISTS
    (SELECT 1 FROM overlays o WHERE o.chat = entries.log AND o.seq = entries.target AND o.deleted = 1);
