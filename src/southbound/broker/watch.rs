//! What the broker tells us while it works: what it counts, and when publishers have to wait for the bridge.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

use mqtt5::{
    QoS,
    broker::events::{
        BrokerEventHandler, ClientConnectEvent, ClientDisconnectEvent, ClientPublishEvent,
        ClientSubscribeEvent, PublishAction,
    },
    topic_matches_filter,
};
use parking_lot::RwLock;

use super::server::INTERNAL;
use crate::{southbound::flow::Flow, stats::Stats};

pub(super) struct Watch {
    flow: Arc<Flow>,
    stats: Arc<Stats>,
    /// The bridge's own connections by client identifier.
    bridge: RwLock<HashMap<Arc<str>, Hearer>>,
}

#[derive(Default)]
struct Hearer {
    /// 2 while one takes over from another.
    connections: usize,
    filters: Vec<Arc<str>>,
}

impl Watch {
    pub fn new(flow: Arc<Flow>, stats: Arc<Stats>) -> Self {
        Watch { flow, stats, bridge: RwLock::default() }
    }

    /// How often the broker will send a message to the bridge: once for each filter that it matches.
    fn copies(&self, topic: &str) -> u32 {
        let bridge = self.bridge.read();
        let filters = bridge.values().flat_map(|hearer| &hearer.filters);
        filters.filter(|filter| topic_matches_filter(topic, filter)).count() as u32
    }

    async fn published(&self, event: ClientPublishEvent) -> PublishAction {
        if event.user_id.as_deref() != Some(INTERNAL) {
            self.stats.broker.published.inc();
            // Of QoS 2 the message itself comes later, or never.
            let copies = if event.qos == QoS::ExactlyOnce { 0 } else { self.copies(&event.topic) };
            if copies > 0 && !self.flow.take(copies).await {
                self.stats.broker.overruns.inc();
            }
        }
        PublishAction::Continue
    }

    fn connected(&self, event: ClientConnectEvent) {
        self.stats.broker.connected.inc();
        if event.user_id.as_deref() == Some(INTERNAL) {
            self.bridge.write().entry(event.client_id).or_default().connections += 1;
            self.flow.reset();
        }
    }

    fn subscribed(&self, event: ClientSubscribeEvent) {
        let mut bridge = self.bridge.write();
        let Some(hearer) = bridge.get_mut(&event.client_id) else { return };
        for subscription in event.subscriptions {
            // What a share group gets may go to another member.
            let filter = subscription.topic_filter;
            if !filter.starts_with("$share/") && !hearer.filters.contains(&filter) {
                hearer.filters.push(filter);
            }
        }
    }

    fn disconnected(&self, event: ClientDisconnectEvent) {
        self.stats.broker.disconnected.inc();
        if event.user_id.as_deref() == Some(INTERNAL) {
            let mut bridge = self.bridge.write();
            if let Some(hearer) = bridge.get_mut(&event.client_id) {
                hearer.connections = hearer.connections.saturating_sub(1);
                if hearer.connections == 0 {
                    bridge.remove(&event.client_id);
                }
            }
            self.flow.reset();
        } else if event.unexpected {
            self.stats.broker.broken.inc();
        }
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl BrokerEventHandler for Watch {
    fn on_client_connect<'a>(&'a self, event: ClientConnectEvent) -> Answer<'a, ()> {
        self.connected(event);
        Box::pin(std::future::ready(()))
    }

    fn on_client_subscribe<'a>(&'a self, event: ClientSubscribeEvent) -> Answer<'a, ()> {
        self.subscribed(event);
        Box::pin(std::future::ready(()))
    }

    fn on_client_publish<'a>(&'a self, event: ClientPublishEvent) -> Answer<'a, PublishAction> {
        Box::pin(self.published(event))
    }

    fn on_client_disconnect<'a>(&'a self, event: ClientDisconnectEvent) -> Answer<'a, ()> {
        self.disconnected(event);
        Box::pin(std::future::ready(()))
    }
}
