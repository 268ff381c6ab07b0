//! What the broker tells us while it works: what it counts, and when publishers have to wait for the bridge.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

use mqtt5::{
    broker::events::{
        BrokerEventHandler, ClientConnectEvent, ClientDisconnectEvent, ClientPublishEvent,
        ClientSubscribeEvent, PublishAction, RetainedSetEvent,
    },
    packet::publish::PublishPacket,
    topic_matches_filter,
};
use parking_lot::{Mutex, RwLock};

use super::{retained::Retained, server::INTERNAL};
use crate::{southbound::flow::Flow, stats::Stats};

pub(super) struct Watch {
    flow: Arc<Flow>,
    stats: Arc<Stats>,
    /// The bridge's own connections by client identifier.
    bridge: RwLock<HashMap<Arc<str>, Hearer>>,
    retained: Mutex<Retained>,
}

#[derive(Default)]
struct Hearer {
    /// 2 while one takes over from another.
    connections: usize,
    filters: Vec<Arc<str>>,
}

impl Watch {
    pub fn new(flow: Arc<Flow>, stats: Arc<Stats>, max_clients: usize) -> Self {
        let retained = Mutex::new(Retained::new(max_clients));
        Watch { flow, stats, bridge: RwLock::default(), retained }
    }

    /// How often the broker will send a message to the bridge: once for each filter that it matches.
    fn copies(&self, topic: &str) -> usize {
        let bridge = self.bridge.read();
        let filters = bridge.values().flat_map(|hearer| &hearer.filters);
        filters.filter(|filter| topic_matches_filter(topic, filter)).count()
    }

    /// A message of QoS 2 takes its room here too, though it comes only when its publisher releases it: meanwhile it is in
    /// memory.
    async fn published(&self, event: ClientPublishEvent) -> PublishAction {
        if event.user_id.as_deref() == Some(INTERNAL) {
            return PublishAction::Continue;
        }
        self.stats.broker.published.inc();
        let copies = self.copies(&event.topic);
        if copies > 0 && !self.flow.take(event.payload.len(), copies).await {
            self.stats.broker.overruns.inc();
            return PublishAction::Handled;
        }
        if event.retain
            && !event.payload.is_empty()
            && !self.retained.lock().has_room(&event.topic, event.payload.len())
        {
            self.stats.broker.unretained.inc();
            return PublishAction::Transform(unretained(event));
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

/// The message as one that nobody keeps.
fn unretained(event: ClientPublishEvent) -> PublishPacket {
    let packet = PublishPacket::new(event.topic.as_ref(), event.payload, event.qos);
    match event.packet_id {
        Some(id) => packet.with_packet_id(id),
        None => packet,
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

    fn on_retained_set<'a>(&'a self, event: RetainedSetEvent) -> Answer<'a, ()> {
        self.retained.lock().set(event.topic, event.payload.len());
        Box::pin(std::future::ready(()))
    }
}
