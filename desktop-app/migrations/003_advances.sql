-- Runs which this device's register leaves out for good: complete, shown, and followed by one that says so.
ALTER TABLE streams ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
CREATE INDEX streams_unsettled ON streams (chat) WHERE settled = 0;
-- Runs of a chat in their order.
CREATE INDEX runs_in_order ON runs (chat, place);

-- When and how it was told how far a device is with the messages of one's own devices: a row for each advance of its mark.
CREATE TABLE advances (
    chat   BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    run    BLOB NOT NULL,
    device BLOB NOT NULL,
    -- delivered, read
    what   TEXT NOT NULL,
    -- The numbers which it came to hold, or to have shown.
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    -- By this device's wall clock.
    at     INTEGER NOT NULL,
    route  TEXT NOT NULL,
    PRIMARY KEY (chat, run, device, what, first, last)
) STRICT, WITHOUT ROWID;
