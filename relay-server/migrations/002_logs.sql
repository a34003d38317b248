-- One row for each log: a chat's or (kind 'inbox') a device's.
CREATE TABLE logs (
    id            BLOB    NOT NULL PRIMARY KEY,
    head          INTEGER NOT NULL,
    head_entry    BLOB    NOT NULL,
    -- Entries up to this one are gone; its id stays for the comparison with cursors.
    trimmed_to    INTEGER NOT NULL DEFAULT 0,
    trimmed_entry BLOB    NOT NULL DEFAULT (zeroblob(16)),
    -- What is held now, for the quotas.
    held          INTEGER NOT NULL DEFAULT 0,
    held_bytes    INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Entries as they are handed out. `kind`: 0 a change, 1 a message, 2 an edit, delete or reaction, 3 an inbox item.
CREATE TABLE entries (
    log     BLOB    NOT NULL,
    seq     INTEGER NOT NULL,
    entry   BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    account BLOB    NOT NULL,
    device  BLOB    NOT NULL,
    id      BLOB    NOT NULL,
    kind    INTEGER NOT NULL,
    frame   TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX entries_position ON entries (log, seq);
CREATE UNIQUE INDEX entries_key ON entries (log, device, id);

-- How many bytes of sealed messages are held of each account.
CREATE TABLE held (
    account BLOB    NOT NULL PRIMARY KEY,
    bytes   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE chats (
    id          BLOB    NOT NULL PRIMARY KEY,
    kind        TEXT    NOT NULL,
    sealed      INTEGER NOT NULL,
    title       TEXT    NOT NULL,
    description TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    creator     BLOB    NOT NULL,
    membership  BLOB    NOT NULL
) STRICT;
CREATE INDEX chats_public ON chats (title) WHERE kind = 'public_channel';

-- Ids of deleted chats are never used again.
CREATE TABLE deleted_chats (
    id BLOB    NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A pair of accounts (the lower id first) has at most one sealed and one open direct chat.
CREATE TABLE direct_pairs (
    low    BLOB    NOT NULL,
    high   BLOB    NOT NULL,
    sealed INTEGER NOT NULL,
    chat   BLOB    NOT NULL REFERENCES chats (id),
    PRIMARY KEY (low, high, sealed)
) STRICT, WITHOUT ROWID;

-- Every change of a chat, never trimmed: folded, they tell its members at any position.
CREATE TABLE changes (
    chat    BLOB    NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    event   BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    account BLOB    NOT NULL,
    device  BLOB    NOT NULL,
    change  TEXT    NOT NULL,
    PRIMARY KEY (chat, seq)
) STRICT;
CREATE UNIQUE INDEX changes_event ON changes (chat, event);

-- Who is, or was, in a chat. `left_at` is the entry which removed them.
CREATE TABLE members (
    chat    BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    account BLOB NOT NULL,
    role    TEXT NOT NULL,
    left_at INTEGER,
    PRIMARY KEY (chat, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_account ON members (account, chat);

-- How far each device has taken each sealed chat. A row is one stay: from the entry which brought the device in to
-- the one which took it out; a device that came back before it took the first stay's end has two.
CREATE TABLE cursors (
    chat    BLOB    NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    device  BLOB    NOT NULL,
    start   INTEGER NOT NULL,
    account BLOB    NOT NULL,
    seq     INTEGER NOT NULL,
    ends    INTEGER,
    PRIMARY KEY (chat, device, start)
) STRICT, WITHOUT ROWID;
CREATE INDEX cursors_device ON cursors (device, chat);

-- Newest wins.
CREATE TABLE marks (
    chat    BLOB    NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    device  BLOB    NOT NULL,
    scope   TEXT    NOT NULL,
    account BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    mark    TEXT    NOT NULL,
    PRIMARY KEY (chat, device, scope)
) STRICT, WITHOUT ROWID;

CREATE TABLE invites (
    code       TEXT    NOT NULL PRIMARY KEY,
    chat       BLOB    NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    creator    BLOB    NOT NULL,
    expires_at INTEGER NOT NULL,
    uses_left  INTEGER
) STRICT;
CREATE INDEX invites_chat ON invites (chat);

-- What edits and deletes made of messages of open chats.
CREATE TABLE overlays (
    chat      BLOB    NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    seq       INTEGER NOT NULL,
    text      TEXT    NOT NULL,
    mentions  TEXT    NOT NULL,
    edited_at INTEGER NOT NULL,
    deleted   INTEGER NOT NULL,
    PRIMARY KEY (chat, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE reactions (
    chat    BLOB    NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    emoji   TEXT    NOT NULL,
    account BLOB    NOT NULL,
    since   INTEGER NOT NULL,
    PRIMARY KEY (chat, seq, emoji, account)
) STRICT, WITHOUT ROWID;
