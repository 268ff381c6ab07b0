//! The SNMP agent of the bridge.
//!
//! [`transport`] receives a batch of messages, [`agent`] answers each without input or output: [`ber`] reads the
//! request, `mib` finds rows and writes their cells, straight from the columns of the fleet. [`notify`] decides what each
//! trap target is told of what happened, and [`notifier`] tells them. Only `transport` and `notifier` know sockets.

pub mod addresses;
pub mod agent;
pub mod ber;
mod bulk;
pub mod community;
pub mod engine;
#[cfg(test)]
mod message;
pub mod mib;
pub mod notifier;
pub mod notify;
pub mod oid;
pub mod strangers;
pub mod syntax;
pub mod transport;
pub mod view;
