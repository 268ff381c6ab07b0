//! One file a subcommand.

pub mod profile;
