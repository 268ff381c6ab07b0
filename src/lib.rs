pub mod clock;
pub mod fleet;
pub mod journal;
pub mod model;
pub mod secret;
pub mod snmp;
pub mod stats;
