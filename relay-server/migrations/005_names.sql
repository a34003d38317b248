-- What a name looks like as it is shown; `skeleton` is what its key looks like. Of two names that are alike by this from
-- before, both stay.
ALTER TABLE accounts ADD COLUMN shown_skeleton TEXT NOT NULL DEFAULT '';
CREATE INDEX accounts_shown_skeleton ON accounts (shown_skeleton);
UPDATE accounts SET shown_skeleton = shape(username);
