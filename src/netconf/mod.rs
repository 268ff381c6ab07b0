pub mod capabilities;
mod date_time;
pub mod error;
pub mod filter;
pub mod framing;
pub mod message;
pub mod xml;
