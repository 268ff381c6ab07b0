//! The boot file's words in the parts' own terms.

use std::sync::Arc;

use crate::{
    config::{self, Adopt, Config},
    control::view,
    fleet::{Adapter, AdapterState, Fleet},
    snmp,
    southbound::{Limits, broker, mqtt, unknown::Unknown},
};

/// Connections to make: those of the boot file, and one to the embedded broker if none of them leads there.
pub fn connections(config: &Config) -> Vec<config::Mqtt> {
    let mut connections = config.mqtt.clone();
    if let Some(broker) = &config.broker
        && !connections.iter().any(|connection| leads_to(connection, broker))
    {
        connections.push(config::Mqtt::embedded(broker));
    }
    connections
}

fn leads_to(connection: &config::Mqtt, broker: &config::Broker) -> bool {
    let local = connection.address.host == "localhost"
        || connection.address.host.parse::<std::net::IpAddr>().is_ok_and(|ip| {
            ip.is_loopback() || ip == broker.listen.ip()
        });
    local && connection.address.port == broker.listen.port() && !connection.address.tls
}
