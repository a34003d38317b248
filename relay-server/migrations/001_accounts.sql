-- Who can sign in, and from what. Rows of deleted accounts and revoked devices stay: logs name them for ever.
CREATE TABLE accounts (
    id            BLOB    NOT NULL PRIMARY KEY,
    username      TEXT    NOT NULL,
    username_key  TEXT    NOT NULL UNIQUE,
    skeleton      TEXT    NOT NULL UNIQUE,
    email         TEXT    NOT NULL,
    email_key     TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    show_presence INTEGER NOT NULL DEFAULT 1,
    created_at    INTEGER NOT NULL,
    last_seen     INTEGER,
    deleted_at    INTEGER
) STRICT;

CREATE TABLE devices (
    id            BLOB    NOT NULL PRIMARY KEY,
    account       BLOB    NOT NULL REFERENCES accounts (id),
    name          TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL,
    revoked_at    INTEGER,
    -- The opening of the profile which was confirmed last.
    opening_count INTEGER,
    opening_life  BLOB
) STRICT;
CREATE INDEX devices_account ON devices (account);

CREATE TABLE blocks (
    account BLOB NOT NULL REFERENCES accounts (id),
    blocked BLOB NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (account, blocked)
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_blocked ON blocks (blocked);
