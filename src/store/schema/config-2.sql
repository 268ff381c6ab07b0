-- What managers want of each device, and how it came to be so.

CREATE TABLE running (
  number INTEGER PRIMARY KEY REFERENCES device,
  alias TEXT UNIQUE,                -- as in config: unique "alias" (RFC 7950 7.8.3)
  config TEXT NOT NULL              -- JSON of the list entry (RFC 7951)
) STRICT;

-- Every change of running; ids are never given again.
CREATE TABLE commits (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time INTEGER NOT NULL,            -- milliseconds since the epoch
  user TEXT NOT NULL,
  editors TEXT NOT NULL,            -- who staged it, if others than the user; separated by spaces
  face INTEGER NOT NULL,
  session INTEGER NOT NULL,
  address TEXT NOT NULL,
  label TEXT,
  state INTEGER NOT NULL,
  devices INTEGER NOT NULL
) STRICT;

-- What each device changed was before the commit; NULL: not in running.
CREATE TABLE inverse (
  commit_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  config TEXT,
  PRIMARY KEY (commit_id, number)
) STRICT, WITHOUT ROWID;

-- The edits of each commit, in their order; secrets as keyed hash.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  commit_id INTEGER NOT NULL,
  path TEXT NOT NULL,
  operation TEXT NOT NULL,
  value TEXT
) STRICT;

CREATE INDEX audit_commit ON audit (commit_id);

-- The confirmed commit that waits for its confirmation (RFC 6241 8.4): at most one row.
CREATE TABLE confirmed (
  only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
  base INTEGER NOT NULL,
  session INTEGER NOT NULL,
  persist TEXT,
  deadline INTEGER NOT NULL
) STRICT;

-- Key of the hashes that stand for secrets in the audit.
INSERT INTO meta VALUES ('audit-key', randomblob(32));
-- Inverses of commits up to this id are not kept any more.
INSERT INTO meta VALUES ('inverse-pruned', 0);
