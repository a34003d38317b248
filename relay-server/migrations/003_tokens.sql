-- A family is one sign-in of a device and the refresh tokens that followed from it. Of the tokens only fingerprints
-- (SHA-256) are stored. Ended families stay until their last token has run out: a family which is not here at all
-- was begun after the backup that the relay was restored from.
CREATE TABLE families (
    id         BLOB    NOT NULL PRIMARY KEY,
    account    BLOB    NOT NULL REFERENCES accounts (id),
    device     BLOB    NOT NULL REFERENCES devices (id),
    -- The newest token: its number, when it was issued and when it runs out (seconds), and its fingerprint.
    n          INTEGER NOT NULL,
    issued_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    current    BLOB    NOT NULL,
    -- The one before, which is good until the newest has been used.
    previous   BLOB,
    -- The error code of whoever still comes with it; NULL while it is good.
    ended      TEXT
) STRICT;
CREATE INDEX families_device ON families (device);
CREATE INDEX families_account ON families (account);
CREATE INDEX families_expiry ON families (expires_at);

-- Codes of `relay-server invite`, by their SHA-256. `expires_at` in milliseconds.
CREATE TABLE registration_codes (
    code       BLOB    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL,
    uses_left  INTEGER NOT NULL
) STRICT;
