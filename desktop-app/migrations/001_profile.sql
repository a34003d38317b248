-- The profile of one device: who it is, its chats, what it holds, what it has yet to see accepted.

CREATE TABLE settings (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every opening of this profile; an opening that another party knows and this table lacks makes the profile an old copy.
CREATE TABLE lives (
    life  BLOB PRIMARY KEY NOT NULL,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest opening which this device has seen of each peer, on links.
CREATE TABLE peer_openings (
    device BLOB PRIMARY KEY NOT NULL,
    count  INTEGER NOT NULL,
    life   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    id       BLOB PRIMARY KEY NOT NULL,
    username TEXT NOT NULL,
    verified INTEGER NOT NULL DEFAULT 0,
    blocked  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE chats (
    id            BLOB PRIMARY KEY NOT NULL,
    kind          TEXT NOT NULL,
    sealed        INTEGER NOT NULL,
    title         TEXT NOT NULL,
    description   TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    membership    BLOB NOT NULL,
    status        TEXT NOT NULL,
    cursor_seq    INTEGER NOT NULL,
    cursor_entry  BLOB NOT NULL,
    -- The log was replaced by an older one: read it to its head, then append what it lacks.
    resetting     INTEGER NOT NULL DEFAULT 0,
    clock_ms      INTEGER NOT NULL DEFAULT 0,
    clock_counter INTEGER NOT NULL DEFAULT 0,
    -- Open chats: shown up to this seq on any of one's devices.
    read_seq      INTEGER NOT NULL DEFAULT 0,
    muted_until   INTEGER NOT NULL DEFAULT 0,
    pinned        INTEGER NOT NULL DEFAULT 0,
    archived      INTEGER NOT NULL DEFAULT 0,
    draft         TEXT NOT NULL DEFAULT '',
    last_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE members (
    chat     BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    account  BLOB NOT NULL,
    username TEXT NOT NULL,
    role     TEXT NOT NULL,
    PRIMARY KEY (chat, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE member_devices (
    chat    BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    device  BLOB NOT NULL,
    account BLOB NOT NULL,
    PRIMARY KEY (chat, device)
) STRICT, WITHOUT ROWID;

-- The devices of a chat as each change of them left it: the audience of the runs which began under it.
CREATE TABLE memberships (
    chat    BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    id      BLOB NOT NULL,
    devices BLOB NOT NULL,
    PRIMARY KEY (chat, id)
) STRICT, WITHOUT ROWID;

-- Changes this device has seen, in order, so that a restored relay can be given back what it lacks.
CREATE TABLE changes (
    position INTEGER PRIMARY KEY,
    chat     BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    id       BLOB NOT NULL,
    change   TEXT NOT NULL,
    -- Whether the log, as it was read since its last reset, has it.
    in_log   INTEGER NOT NULL DEFAULT 1,
    UNIQUE (chat, id)
) STRICT;

CREATE TABLE messages (
    rowid        INTEGER PRIMARY KEY,
    chat         BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    device       BLOB NOT NULL,
    id           BLOB NOT NULL,
    account      BLOB NOT NULL,
    kind         TEXT NOT NULL,
    -- Sealed chats: the hybrid clock. Open chats: seq (or beyond all while waiting) and nothing.
    sort_a       INTEGER NOT NULL,
    sort_b       INTEGER NOT NULL,
    run          BLOB,
    n            INTEGER,
    seq          INTEGER,
    sent_at      INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    text         TEXT NOT NULL,
    reply_device BLOB,
    reply_id     BLOB,
    mentions     TEXT NOT NULL DEFAULT '[]',
    mentions_me  INTEGER NOT NULL DEFAULT 0,
    edited_at    INTEGER,
    deleted      INTEGER NOT NULL DEFAULT 0,
    unread       INTEGER NOT NULL DEFAULT 0,
    route        TEXT NOT NULL,
    UNIQUE (chat, device, id)
) STRICT;
CREATE INDEX messages_in_order ON messages (chat, sort_a, sort_b, device, rowid);
CREATE INDEX messages_unread ON messages (chat, mentions_me) WHERE unread = 1;

-- The newest edit or delete of a message by each account; kept beside it, as it may come before its message.
CREATE TABLE edits (
    chat          BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    target_device BLOB NOT NULL,
    target_id     BLOB NOT NULL,
    account       BLOB NOT NULL,
    clock_ms      INTEGER NOT NULL,
    clock_counter INTEGER NOT NULL,
    device        BLOB NOT NULL,
    at            INTEGER NOT NULL,
    deleted       INTEGER NOT NULL,
    text          TEXT NOT NULL,
    mentions      TEXT NOT NULL,
    PRIMARY KEY (chat, target_device, target_id, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE reactions (
    chat          BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    target_device BLOB NOT NULL,
    target_id     BLOB NOT NULL,
    account       BLOB NOT NULL,
    emoji         TEXT NOT NULL,
    clock_ms      INTEGER NOT NULL,
    clock_counter INTEGER NOT NULL,
    device        BLOB NOT NULL,
    added         INTEGER NOT NULL,
    PRIMARY KEY (chat, target_device, target_id, account, emoji)
) STRICT, WITHOUT ROWID;

-- Keys that were taken, with a digest of their bytes: the same key with other bytes is a conflict.
CREATE TABLE taken (
    chat   BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    device BLOB NOT NULL,
    id     BLOB NOT NULL,
    digest INTEGER NOT NULL,
    PRIMARY KEY (chat, device, id)
) STRICT, WITHOUT ROWID;

-- How far each run of each other device is held.
CREATE TABLE streams (
    chat       BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    device     BLOB NOT NULL,
    run        BLOB NOT NULL,
    -- The membership which it began under, once a message of it has come.
    membership BLOB,
    upto       INTEGER NOT NULL,
    missing    TEXT NOT NULL DEFAULT '[]',
    -- The run's last number, once a later run named it.
    ends_at    INTEGER,
    -- The run which must be complete before this one is shown.
    after_run  BLOB,
    -- Shown up to here on any of one's devices.
    read_upto  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (chat, device, run)
) STRICT, WITHOUT ROWID;

-- Messages beyond a gap: durable, acknowledged, not shown yet.
CREATE TABLE held (
    chat     BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    device   BLOB NOT NULL,
    run      BLOB NOT NULL,
    n        INTEGER NOT NULL,
    account  BLOB NOT NULL,
    payload  TEXT NOT NULL,
    route    TEXT NOT NULL,
    PRIMARY KEY (chat, device, run, n)
) STRICT, WITHOUT ROWID;

-- Mark registers of the other devices, merged by maximum.
CREATE TABLE marks (
    chat      BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    device    BLOB NOT NULL,
    delivered TEXT NOT NULL,
    read      TEXT NOT NULL,
    PRIMARY KEY (chat, device)
) STRICT, WITHOUT ROWID;

-- Own runs, in order.
CREATE TABLE runs (
    place      INTEGER PRIMARY KEY,
    chat       BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    run        BLOB NOT NULL,
    membership BLOB NOT NULL,
    life       BLOB NOT NULL,
    last_n     INTEGER NOT NULL,
    UNIQUE (chat, run)
) STRICT;

-- The outbox, and after it the bytes which somebody's mark still lacks.
CREATE TABLE sent (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    chat     BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    id       BLOB NOT NULL,
    run      BLOB,
    n        INTEGER,
    payload  TEXT NOT NULL,
    -- waiting, accepted (the relay has it, the own cursor has yet to pass it), ended, failed
    state    TEXT NOT NULL,
    reason   TEXT NOT NULL DEFAULT '',
    -- Whether it was ever handed to a route; from then on it cannot be cancelled.
    handed   INTEGER NOT NULL DEFAULT 0,
    life     BLOB NOT NULL,
    at       INTEGER NOT NULL,
    UNIQUE (chat, id)
) STRICT;
CREATE INDEX sent_open ON sent (chat, position) WHERE state IN ('waiting', 'accepted');
CREATE INDEX sent_numbers ON sent (chat, run, n);

-- Whole words, prefixes and parts of words: three characters and more anywhere in a text.
CREATE VIRTUAL TABLE search USING fts5 (text, content = 'messages', content_rowid = 'rowid', tokenize = 'trigram case_sensitive 0 remove_diacritics 1');
CREATE TRIGGER search_insert AFTER INSERT ON messages WHEN new.kind = 'text' BEGIN
    INSERT INTO search (rowid, text) VALUES (new.rowid, new.text);
END;
CREATE TRIGGER search_update AFTER UPDATE OF text ON messages WHEN old.kind = 'text' BEGIN
    INSERT INTO search (search, rowid, text) VALUES ('delete', old.rowid, old.text);
    INSERT INTO search (rowid, text) VALUES (new.rowid, new.text);
END;
CREATE TRIGGER search_delete AFTER DELETE ON messages WHEN old.kind = 'text' BEGIN
    INSERT INTO search (search, rowid, text) VALUES ('delete', old.rowid, old.text);
END;
