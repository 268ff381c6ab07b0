pub mod clock;
pub mod control;
pub mod fleet;
pub mod journal;
pub mod model;
pub mod report;
pub mod secret;
pub mod stats;
