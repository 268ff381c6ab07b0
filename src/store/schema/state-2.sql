-- The way down: what is wanted of devices and how far it is.

CREATE TABLE setting (
  device INTEGER PRIMARY KEY,
  settings TEXT NOT NULL            -- JSON, store/settings.rs
) STRICT;
