-- Telemetry and events: written behind, lost without harm to any number.

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
  number INTEGER PRIMARY KEY,
  row BLOB NOT NULL                 -- store/row.rs
) STRICT;

CREATE TABLE event (
  number INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,            -- milliseconds since the epoch
  kind TEXT NOT NULL                -- JSON
) STRICT;
