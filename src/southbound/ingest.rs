//! From messages to the fleet: decode, find the device, have new ones enrolled, absorb. One for each adapter; every transport
//! goes through it.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use super::{
    Codec, Uplink,
    egress::{Egress, Keep},
    unknown::Unknown,
};
use crate::{
    fleet::{Adapter, AdapterState, Fleet, Identity, Resolved},
    model::{Availability, DeviceNumber, Fact, Reports, Time},
    stats::Stats,
};

/// What all adapters share.
#[derive(Clone)]
pub struct Context {
    pub fleet: Arc<Fleet>,
    pub stats: Arc<Stats>,
    pub unknown: Arc<Unknown>,
    /// To whom the wish for numbers goes.
    pub enrol: mpsc::Sender<Enrol>,
}

/// Devices that an adapter hears and that have no number, or are retired, in order, perhaps repeated. Answered when those that may come in are durable
/// and in the fleet.
#[derive(Debug)]
pub struct Enrol {
    pub unknown: Vec<Identity>,
    pub retired: Vec<DeviceNumber>,
    pub reply: oneshot::Sender<Enrolled>,
}

/// Why a device of an adapter with `adopt = "ask"` did not come in.
pub const WAITS: &str = "waits-for-adoption";

/// Why the rest of an [`Enrol`] did not come in; `None` if all did.
pub type Enrolled = Option<&'static str>;

/// Messages of one adapter on their way into the fleet, batch by batch.
pub struct Ingest {
    context: Context,
    adapter: Arc<Adapter>,
    codec: Arc<dyn Codec>,
    reports: Reports,
    messages: usize,
    resolved: Vec<Resolved>,
    /// Reports whose device has no number yet.
    unresolved: Vec<u32>,
}

impl Ingest {
    pub fn new(context: Context, adapter: Arc<Adapter>, codec: Box<dyn Codec>) -> Self {
        Ingest {
            context,
            adapter,
            codec: codec.into(),
            reports: Reports::default(),
            messages: 0,
            resolved: Vec::new(),
            unresolved: Vec::new(),
        }
    }

    /// The way down of the same adapter, at most so many messages a second.
    pub fn egress(&self, keep: mpsc::Sender<Keep>, a_second: u32) -> Egress {
        let Context { fleet, stats, .. } = self.context.clone();
        Egress::new(fleet, stats, self.adapter.clone(), self.codec.clone(), keep, a_second)
    }

    /// Topic filters to subscribe, without `$share`.
    pub fn filters(&self) -> Vec<String> {
        self.codec.topics().to_vec()
    }

    /// Decodes a message into the batch; what is not understood is counted and kept to look at.
    pub fn push(&mut self, topic: &str, payload: &[u8], retained: bool, now: Time) {
        self.messages += 1;
        self.adapter.messages.inc();
        self.context.stats.southbound.messages.inc();
        let uplink = Uplink { topic, payload, retained, now };
        let first = self.reports.len();
        if let Err(error) = self.codec.decode(&uplink, &mut self.reports) {
            self.context.stats.southbound.unknown.inc();
            self.context.unknown.note(now, &self.adapter.name, topic, payload, error.as_str());
        }
        self.reports.weigh(first, topic.len() + payload.len());
    }

    /// Messages since the last commit.
    pub fn len(&self) -> usize {
        self.messages
    }

    pub fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Has new devices enrolled and absorbs the batch. Waits for the store only if there are new devices.
    pub async fn commit(&mut self, now: Time) {
        self.messages = 0;
        if self.reports.is_empty() {
            return;
        }
        self.resolve();
        // Known devices do not wait for the store.
        self.absorb(now);
        if !self.unresolved.is_empty() {
            self.enrol(now).await;
            self.absorb(now);
        }
        self.reports.clear();
    }

    pub fn connected(&mut self, now: Time) {
        info!(adapter = self.adapter.name, broker = self.adapter.url, "connected and subscribed");
        self.context.fleet.adapter_up(&self.adapter, now);
    }

    /// Says that the connection is down, or why another try failed.
    pub fn disconnected(&mut self, error: &str, now: Time) {
        let status = self.adapter.status();
        // Each try fails alike: once is enough.
        if status.state != AdapterState::Down || status.last_error != error {
            warn!(adapter = self.adapter.name, error, "not connected; presence of its devices stands still");
        }
        self.context.fleet.adapter_down(&self.adapter, error, now);
    }

    /// Something was refused while the connection stands: told and counted, the state stays.
    pub fn trouble(&mut self, error: &str) {
        warn!(adapter = self.adapter.name, error, "connected, but not all is heard");
        self.adapter.trouble(error);
    }

    fn resolve(&mut self) {
        let (fleet, reports) = (&self.context.fleet, &self.reports);
        fleet.resolve_all(self.adapter.id, reports, &mut self.resolved, &mut self.unresolved);
        self.unresolved.retain(|&index| {
            let Some(report) = reports.report(index as usize) else { return false };
            match fleet.resolve(self.adapter.id, report.profile, reports.str(report.id)) {
                Some((device, true)) => {
                    self.resolved.push(Resolved { device, report: index, parent: 0 });
                    false
                }
                // What the broker kept, or says in its place, is no sign that a retired device is back.
                Some((_, false)) => {
                    let is_gone = |fact: &Fact| matches!(fact, Fact::Availability(Availability::Lost));
                    !report.retained && !reports.facts(report).iter().any(is_gone)
                }
                None => true,
            }
        });
    }

    async fn enrol(&mut self, now: Time) {
        let (mut unknown, mut retired) = (Vec::new(), Vec::new());
        for report in self.unresolved.iter().filter_map(|&index| self.reports.report(index as usize)) {
            let id = self.reports.str(report.id);
            match self.context.fleet.resolve(self.adapter.id, report.profile, id) {
                Some((device, _)) => retired.push(device),
                None => unknown.push(Identity {
                    adapter: self.adapter.id,
                    profile: report.profile,
                    id: id.to_owned(),
                }),
            }
        }
        let (reply, answer) = oneshot::channel();
        let refused = match self.context.enrol.send(Enrol { unknown, retired, reply }).await {
            Ok(()) => answer.await.unwrap_or(Some("shutting-down")),
            Err(_) => Some("shutting-down"),
        };
        for index in std::mem::take(&mut self.unresolved) {
            let Some(report) = self.reports.report(index as usize) else { continue };
            let id = self.reports.str(report.id);
            match self.context.fleet.resolve(self.adapter.id, report.profile, id) {
                Some((device, true)) => {
                    let profile = &self.context.fleet.profiles()[report.profile].name;
                    self.context.unknown.admit(&self.adapter.name, profile, id);
                    self.resolved.push(Resolved { device, report: index, parent: 0 });
                }
                _ => {
                    let profile = &self.context.fleet.profiles()[report.profile].name;
                    let reason = refused.unwrap_or("not-enrolled");
                    self.context.stats.southbound.unknown.inc();
                    if reason == WAITS {
                        self.context.unknown.wait(now, &self.adapter.name, profile, id, reason);
                        continue;
                    }
                    let text = format!("device {id} of profile {profile}");
                    self.context.unknown.note(now, &self.adapter.name, "", text.as_bytes(), reason);
                }
            }
        }
    }

    fn absorb(&mut self, now: Time) {
        for one in &mut self.resolved {
            let Some(report) = self.reports.report(one.report as usize) else { continue };
            if let Some((profile, id)) = report.parent {
                let parent = self.context.fleet.resolve(self.adapter.id, profile, self.reports.str(id));
                one.parent = parent.map_or(0, |(parent, _)| parent);
            }
        }
        let done = self.context.fleet.absorb(&self.reports, &mut self.resolved, now);
        self.context.stats.southbound.observations.add(done.observations);
        self.resolved.clear();
    }
}
