//! NETCONF (RFC 6241): everything between the socket and "run this operation, here are its arguments".
//!
//! ```text
//! ssh ─▶ conversation ─▶ session ─▶ framing ─▶ message ─▶ xml, filter ─▶ Operation ─▶ (handler)
//! ```
//! [`session`] and all below it are pure: bytes and `now` in, actions out. [`conversation`] is a task's view of a session;
//! [`ssh`] accepts connections and gives each session to the handler.

pub mod capabilities;
pub mod conversation;
pub mod date_time;
mod emit;
pub mod error;
pub mod filter;
pub mod framing;
pub mod message;
pub mod notification;
pub mod operations;
pub mod provider;
pub mod role;
pub mod session;
pub mod sessions;
pub mod ssh;
pub mod xml;
