//! The MQTT adapter: a subscriber that never gives up.
//!
//! ```text
//! broker -- socket --> pump task -- bounded channel --> Link -- batch --> Ingest -- commit --> fleet, store
//!   ^                                                     |
//!   +------------------- acknowledgements, after the commit
//! ```

mod client;
mod config;
mod failure;
mod link;
mod tls;

use tokio::sync::watch;

pub use self::{
    client::{Client, Event, Message, Qos, Requests, Will},
    config::{Address, AddressError, Config, Protocol},
    failure::{Failure, Refusal},
    link::{Link, Update},
};
use super::ingest::Ingest;
use crate::clock;

/// Hears one broker until `shutdown` becomes true (or its sender goes away).
///
/// QoS 1 and 2 messages are acknowledged after the batch they came in has been committed, so that what was not
/// committed comes again.
pub async fn run(config: Config, mut ingest: Ingest, mut shutdown: watch::Receiver<bool>) {
    let mut link = Link::new(config, ingest.filters());
    loop {
        let update = tokio::select! {
            update = link.next() => update,
            _ = shutdown.wait_for(|stop| *stop) => break,
        };
        match update {
            Update::Connected => ingest.connected(clock::now()),
            Update::Disconnected(error) => ingest.disconnected(&error, clock::now()),
            Update::Trouble(error) => ingest.trouble(&error),
            Update::Messages => {
                for message in link.messages() {
                    ingest.push(&message.topic(), message.payload(), message.retained(), clock::now());
                }
                ingest.commit(clock::now()).await;
                link.done();
            }
        }
    }
    link.close().await;
}
