//! The MQTT adapter: a subscriber that never gives up, and a publisher that knows what the broker has.
//!
//! ```text
//! broker -- socket --> pump task -- bounded channel --> Link -- batch --> Ingest -- commit --> fleet, store
//!   ^                                                     |
//!   +------------------- acknowledgements, after the commit
//!   +------------------------------------------------------------------------ Egress <-- orders of the fleet
//! ```

mod client;
mod config;
mod failure;
mod link;
mod tls;

use tokio::sync::watch;

pub use self::{
    client::{Client, Event, Message, Outgoing, Qos, Requests, Will},
    config::{Address, AddressError, Config, Protocol},
    failure::{Failure, Refusal},
    link::{Link, Update},
};
use super::{Downlink, egress::Egress, ingest::Ingest};
use crate::clock;

/// Hears one broker until `shutdown` becomes true (or its sender goes away).
///
/// QoS 1 and 2 messages are acknowledged after the batch they came in has been committed, so that what was not
/// committed comes again. What `egress` has to say is published at QoS 1 (or as the profile has it).
pub async fn run(
    config: Config,
    mut ingest: Ingest,
    mut egress: Egress,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut link = Link::new(config, ingest.filters());
    loop {
        let room = link.room();
        let update = tokio::select! {
            update = link.next() => update,
            messages = egress.next(room) => {
                publish(&mut link, &mut egress, &messages);
                continue;
            }
            _ = shutdown.wait_for(|stop| *stop) => break,
        };
        match update {
            Update::Connected => ingest.connected(clock::now()),
            Update::Disconnected(error) => {
                ingest.disconnected(&error, clock::now());
                egress.disconnected();
            }
            Update::Published(token, outcome) => egress.sent(token, outcome),
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

fn publish(link: &mut Link, egress: &mut Egress, messages: &[(u64, Downlink)]) {
    for (token, message) in messages {
        let outgoing = Outgoing {
            topic: &message.topic,
            payload: message.payload.as_bytes(),
            qos: if message.qos == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce },
            retained: message.retain,
        };
        if !link.publish(*token, &outgoing) {
            egress.unsent(*token);
        }
    }
}
