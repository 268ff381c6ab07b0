//! Everything that hears devices.

pub mod broker;
pub mod ingest;
pub mod mqtt;
