//! The SNMP agent of the bridge.
//!
//! [`transport`] receives a batch of messages, [`agent`] answers each without input or output: [`ber`] reads the
//! request, `admit` finds who asks ([`community`], [`usm`]) and what is open to him ([`vacm`]), [`task`] does what is asked:
//! `mib` finds rows and writes their cells, straight from the columns of the fleet, and [`frame`] puts the message around
//! them. A SET goes by a thread of its own to the datastore, or makes users and views ([`set`], [`made`]), which stand beside
//! those of the boot file in `guards`. [`notify`] decides what each
//! trap target is told of what happened, and [`notifier`] tells them. Only `transport` and `notifier` know sockets.

pub mod addresses;
mod admit;
pub mod agent;
mod answered;
pub mod ber;
mod bulk;
pub mod community;
pub mod engine;
pub mod frame;
mod guards;
mod limiter;
pub mod made;
#[cfg(test)]
mod message;
pub mod mib;
pub mod notifier;
pub mod notify;
pub mod oid;
pub mod set;
pub mod strangers;
pub mod syntax;
pub mod task;
pub mod transport;
pub mod usm;
pub mod vacm;
pub mod view;
