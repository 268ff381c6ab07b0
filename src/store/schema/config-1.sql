-- Identity and numbers. What a manager has seen can never change, so no row is ever deleted.

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- state.db carries the same identity; a foreign one is set aside.
INSERT INTO meta VALUES ('identity', lower(hex(randomblob(16))));
-- No event above this number has ever been given; outlives a lost state.db.
INSERT INTO meta VALUES ('events-reserved', 0);

CREATE TABLE adapter (
  id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 65535),
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL
) STRICT;

CREATE TABLE profile (
  id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 2147483647),
  name TEXT NOT NULL UNIQUE,
  revision TEXT NOT NULL,
  hash BLOB NOT NULL
) STRICT;

CREATE TABLE point (
  profile INTEGER NOT NULL REFERENCES profile,
  name TEXT NOT NULL,
  number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 65535),
  PRIMARY KEY (profile, name),
  UNIQUE (profile, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
  profile INTEGER NOT NULL REFERENCES profile,
  name TEXT NOT NULL,
  number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 65535),
  PRIMARY KEY (profile, name),
  UNIQUE (profile, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
  number INTEGER PRIMARY KEY CHECK (number BETWEEN 1 AND 2097151),
  name TEXT NOT NULL UNIQUE,
  profile INTEGER NOT NULL REFERENCES profile,
  adapter INTEGER NOT NULL,
  southbound_id TEXT,               -- NULL: the same as the name
  learned INTEGER NOT NULL,         -- milliseconds since the epoch
  retired INTEGER                   -- the same; NULL: in service
) STRICT;

-- Begins with the profile, so that "has it devices?" is one seek.
CREATE UNIQUE INDEX device_identity ON device (profile, adapter, coalesce(southbound_id, name));

CREATE TRIGGER device_kept BEFORE DELETE ON device BEGIN SELECT raise(ABORT, 'a device number is never freed'); END;
CREATE TRIGGER point_kept BEFORE DELETE ON point BEGIN SELECT raise(ABORT, 'a point number is never freed'); END;
CREATE TRIGGER setting_kept BEFORE DELETE ON setting BEGIN SELECT raise(ABORT, 'a setting number is never freed'); END;
CREATE TRIGGER adapter_kept BEFORE DELETE ON adapter BEGIN SELECT raise(ABORT, 'an adapter number is never freed'); END;
CREATE TRIGGER profile_kept BEFORE DELETE ON profile BEGIN SELECT raise(ABORT, 'a profile number is never freed'); END;
