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

use super::{gate::Gate, retained::Retained, server::is_internal};
use crate::{southbound::flow::Flow, stats::Stats};

/// Of the bridge's own connections, by user: one that is idle says nothing of what waits for another.
pub(super) type Flows = RwLock<HashMap<String, Arc<Flow>>>;

pub(super) struct Watch {
    flows: Arc<Flows>,
    stats: Arc<Stats>,
    gate: Arc<Gate>,
    /// The bridge's own connections by client identifier.
    bridge: RwLock<HashMap<Arc<str>, Hearer>>,
    retained: Mutex<Retained>,
}

struct Hearer {
    user: Arc<str>,
    flow: Arc<Flow>,
    /// 2 while one takes over from another.
    connections: usize,
    filters: Vec<Arc<str>>,
}

impl Watch {
    pub fn new(flows: Arc<Flows>, stats: Arc<Stats>, gate: Arc<Gate>, max_clients: usize) -> Self {
        let retained = Mutex::new(Retained::new(max_clients));
        Watch { flows, stats, gate, bridge: RwLock::default(), retained }
    }

    /// How often the broker will send a message to each connection of the bridge: once for each filter that it matches.
    fn hearers(&self, topic: &str) -> Vec<(Arc<Flow>, usize)> {
        let bridge = self.bridge.read();
        let copies = bridge.values().map(|hearer| {
            let matching = hearer.filters.iter().filter(|filter| topic_matches_filter(topic, filter));
            (&hearer.flow, matching.count())
        });
        copies.filter(|(_, copies)| *copies > 0).map(|(flow, copies)| (flow.clone(), copies)).collect()
    }

    /// A message of QoS 2 takes its room here too, though it comes only when its publisher releases it: meanwhile it is in
    /// memory.
    async fn published(&self, event: ClientPublishEvent) -> PublishAction {
        if is_internal(event.user_id.as_deref()) {
            return PublishAction::Continue;
        }
        self.stats.broker.published.inc();
        for (flow, copies) in self.hearers(&event.topic) {
            if !flow.take(event.payload.len(), copies).await {
                self.stats.broker.overruns.inc();
                return PublishAction::Handled;
            }
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
        let Some(user) = event.user_id else { return };
        let flow = self.flows.read().get(&*user).cloned();
        if let Some(flow) = flow {
            flow.reset();
            let mut bridge = self.bridge.write();
            let hearer = bridge.entry(event.client_id);
            hearer.or_insert(Hearer { user, flow, connections: 0, filters: Vec::new() }).connections += 1;
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
        self.gate.subscribed(&hearer.user);
    }

    fn disconnected(&self, event: ClientDisconnectEvent) {
        self.stats.broker.disconnected.inc();
        if is_internal(event.user_id.as_deref()) {
            let mut bridge = self.bridge.write();
            if let Some(hearer) = bridge.get_mut(&event.client_id) {
                hearer.flow.reset();
                hearer.connections = hearer.connections.saturating_sub(1);
                if hearer.connections == 0 {
                    bridge.remove(&event.client_id);
                }
            }
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
