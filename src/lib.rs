pub mod clock;
pub mod file;
pub mod fleet;
pub mod journal;
pub mod model;
pub mod secret;
pub mod southbound;
pub mod stats;
