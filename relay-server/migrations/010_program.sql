-- What runs on a device, as it said at its last hello.
ALTER TABLE devices ADD COLUMN program TEXT;
