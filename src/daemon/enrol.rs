//! The one task that gives numbers: drafts, has the store write, then shows the devices.

use std::{future::pending, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tracing::{error, info, warn};

use super::manage;
use crate::{
    clock,
    datastore::{Datastore, Source},
    fleet::{Fleet, FleetFull, Identity},
    model::{DeviceNumber, DeviceRecord, Time},
    southbound::ingest::{Enrol, Enrolled, WAITS},
    store::{Pending, Store, StoreError},
};

/// How many devices one transaction brings in at most.
const GROUP: usize = 1024;
/// Asked again so soon, a store that failed is not tried.
const PAUSE_MILLIS: u64 = 1000;
/// So long an adapter, and with it all that its devices say, stands still for a store that is slow; then for one that
/// has been too slow or has failed.
const PATIENCE: Duration = Duration::from_secs(3);
const IMPATIENCE: Duration = Duration::from_millis(100);
/// So long after it was too slow, that is expected of a store.
const SLOW_MILLIS: u64 = 60_000;
/// Why devices have no number yet.
const FAILED: &str = "store-failed";
/// A commit gave the numbers or names of new devices to others before they were written: they are drafted again, so often,
/// each time after the fleet has had so long to be told of that commit.
const CROSSED: &str = "crossed";
const DRAFTS: u32 = 10;
const TOLD: Duration = Duration::from_millis(10);

/// Alone in drafting, so that no number is drafted twice.
pub struct Enroller {
    pub fleet: Arc<Fleet>,
    pub store: Arc<Store>,
    pub datastore: Arc<Datastore>,
    pub limit: RateLimit,
    /// False: a device that nobody knows waits until a manager makes one of its name.
    pub adopt: Vec<bool>,
    /// Until when the store is left alone after it failed.
    failed_until: Time,
    /// It failed when it was tried last.
    failing: bool,
    /// Until when nobody waits long for it, because it was too slow.
    slow_until: Time,
    /// What the store takes longer for than anybody waits; meanwhile nobody else comes in.
    late: Option<(Pending<()>, Written)>,
}

/// What has changed in the store, and shows once that is durable.
enum Written {
    Learned(Vec<DeviceRecord>),
    /// The unit that a manager has made a device for is heard for the first time.
    Claimed(DeviceRecord),
    /// A retired device is heard again.
    Revived(DeviceNumber),
    Retired(DeviceNumber),
}

/// So many new devices a minute, all of them at once if none came before.
#[derive(Debug)]
pub struct RateLimit {
    a_minute: u64,
    /// In thousandths of a device.
    left: u64,
    at: Time,
}

impl RateLimit {
    pub fn new(a_minute: u64, now: Time) -> Self {
        RateLimit { a_minute, left: a_minute * 1000, at: now }
    }

    /// How many of `wanted` may come in now; takes them.
    pub fn take(&mut self, wanted: usize, now: Time) -> usize {
        let gained = now.since(self.at).saturating_mul(self.a_minute) / 60;
        self.left = self.left.saturating_add(gained).min(self.a_minute * 1000);
        self.at = now;
        let granted = wanted.min((self.left / 1000) as usize);
        self.left -= granted as u64 * 1000;
        granted
    }

    /// Gives back what was granted and not used.
    pub fn give_back(&mut self, count: usize) {
        self.left = self.left.saturating_add(count as u64 * 1000).min(self.a_minute * 1000);
    }
}

impl Enroller {
    pub fn new(
        fleet: Arc<Fleet>,
        store: Arc<Store>,
        datastore: Arc<Datastore>,
        limit: RateLimit,
        adopt: Vec<bool>,
    ) -> Self {
        Enroller {
            fleet,
            store,
            datastore,
            limit,
            adopt,
            failed_until: Time::NEVER,
            failing: false,
            slow_until: Time::NEVER,
            late: None,
        }
    }

    /// Works until all senders are gone.
    pub async fn run(
        mut self,
        mut enrol: mpsc::Receiver<Enrol>,
        mut retire: mpsc::Receiver<crate::control::Retire>,
    ) {
        loop {
            tokio::select! {
                answer = answered(&mut self.late) => {
                    if let Some((_, written)) = self.late.take() {
                        let _ = self.finish(answer, written);
                    }
                }
                wish = enrol.recv() => {
                    let Some(Enrol { unknown, retired, reply }) = wish else { return };
                    let refused = self.enrol(unknown, retired).await;
                    // An adapter that went away meanwhile needs no answer.
                    let _ = reply.send(refused);
                }
                Some(wish) = retire.recv() => {
                    let _ = wish.reply.send(self.retire(wish.device).await);
                }
            }
        }
    }

    async fn enrol(&mut self, unknown: Vec<Identity>, retired: Vec<DeviceNumber>) -> Enrolled {
        let now = clock::now();
        if self.late.is_some() || now < self.failed_until {
            return Some(FAILED);
        }
        for device in retired {
            if self.fleet.row(device, |_| ()).is_none() {
                let pending = self.store.revive(device);
                if let Err(reason) = self.write(pending, Written::Revived(device)).await {
                    return Some(reason);
                }
            }
        }
        let (mut unknown, mut refused) = (unknown, None);
        for draft in 1..=DRAFTS {
            unknown = match self.bring_in(unknown, &mut refused, now).await {
                Ok(crossed) if crossed.is_empty() => return refused,
                Ok(crossed) => crossed,
                Err(reason) => return Some(reason),
            };
            self.fleet.numbered(self.store.max_number());
            sleep(TOLD * draft).await;
        }
        error!(devices = unknown.len(), "commits keep crossing new devices, so they get no number yet");
        Some(FAILED)
    }

    /// Gives units to what was made ahead for them, and makes the others; returns those to be drafted again.
    async fn bring_in(
        &mut self,
        unknown: Vec<Identity>,
        refused: &mut Enrolled,
        now: Time,
    ) -> Result<Vec<Identity>, &'static str> {
        let mut ahead = Vec::new();
        let mut wanted = Vec::new();
        for identity in unknown {
            match self.fleet.made_ahead(&identity) {
                // A batch may name a device more than once.
                Some(record) if ahead.iter().any(|other: &DeviceRecord| other.number == record.number) => {}
                Some(record) => ahead.push(record),
                None if self.adopts(&identity) => wanted.push(identity),
                None => *refused = Some(WAITS),
            }
        }
        for record in ahead {
            let pending = self.store.claim(record.clone());
            if let Err(reason) = self.write(pending, Written::Claimed(record)).await {
                *refused = Some(reason);
            }
            if self.failing {
                return Err(FAILED);
            }
        }
        let mut crossed = Vec::new();
        for group in wanted.chunks(GROUP) {
            match self.learn(group, now).await {
                Ok(None) => {}
                Ok(reason) => *refused = reason,
                Err(CROSSED) => crossed.extend_from_slice(group),
                Err(reason) => return Err(reason),
            }
        }
        Ok(crossed)
    }

    async fn learn(&mut self, wanted: &[Identity], now: Time) -> Result<Enrolled, &'static str> {
        let mut records = match self.fleet.draft(wanted, now) {
            Ok(records) => records,
            Err(full @ FleetFull) => {
                error!(error = %full, "fleet full");
                return Err("fleet-full");
            }
        };
        let granted = self.limit.take(records.len(), now);
        let refused = (granted < records.len()).then_some("too-many-new-devices");
        records.truncate(granted);
        if records.is_empty() {
            return Ok(refused);
        }
        let pending = self.store.learn(records.clone());
        self.write(pending, Written::Learned(records)).await.map(|()| refused)
    }

    /// Waits for the store, but not for long; what it has written is shown.
    async fn write(&mut self, mut pending: Pending<()>, written: Written) -> Result<(), &'static str> {
        match timeout(self.patience(), &mut pending).await {
            Ok(answer) => self.finish(answer, written),
            Err(_) => {
                self.be_late(pending, written);
                Err(FAILED)
            }
        }
    }

    fn patience(&self) -> Duration {
        if self.failing || clock::now() < self.slow_until { IMPATIENCE } else { PATIENCE }
    }

    fn be_late(&mut self, pending: Pending<()>, written: Written) {
        if !self.failing {
            warn!("the store takes long to write devices; it goes on when that is done");
        }
        self.failing = true;
        self.slow_until = clock::now().plus_millis(SLOW_MILLIS);
        self.late = Some((pending, written));
    }

    fn finish(&mut self, answer: Result<(), StoreError>, written: Written) -> Result<(), &'static str> {
        // Not that of the wish: the store may have taken its time.
        let now = clock::now();
        self.failing = answer.as_ref().is_err_and(StoreError::is_storage);
        if let Err(error) = answer {
            match &written {
                Written::Learned(records) if matches!(error, StoreError::Conflict { .. }) => {
                    self.limit.give_back(records.len());
                    return Err(CROSSED);
                }
                Written::Learned(records) => {
                    error!(%error, devices = records.len(), "new devices cannot be written, so they get no number yet");
                    self.limit.give_back(records.len());
                }
                Written::Claimed(record) => {
                    error!(%error, device = record.name, "a device that was made ahead cannot be given its unit");
                }
                Written::Revived(device) => error!(device, %error, "cannot bring a retired device back"),
                Written::Retired(device) => error!(device, %error, "a device cannot be retired"),
            }
            if self.failing {
                self.failed_until = now.plus_millis(PAUSE_MILLIS);
            }
            return Err(FAILED);
        }
        match written {
            Written::Learned(records) => {
                self.fleet.insert(&records);
                self.fleet.announce(&records, now);
                match &records[..] {
                    [one] => info!(device = one.name, number = one.number, "learned"),
                    many => info!(devices = many.len(), first = many[0].number, "learned"),
                }
            }
            Written::Claimed(record) => {
                self.fleet.claim(&record, now);
                self.fleet.announce(std::slice::from_ref(&record), now);
                info!(device = record.name, number = record.number, "learned: it was made ahead");
                manage::tell(&self.datastore, &self.fleet, &record.name, now);
            }
            Written::Retired(device) => {
                self.fleet.retire(device, now);
                info!(device, "retired");
            }
            Written::Revived(device) => {
                if self.fleet.revive(device, now) {
                    warn!(device, "a retired device is heard again and is back under its number");
                }
            }
        }
        Ok(())
    }

    fn adopts(&self, identity: &Identity) -> bool {
        self.adopt.get(usize::from(identity.adapter)).copied().unwrap_or(true)
    }

    async fn retire(&mut self, device: DeviceNumber) -> Result<(), String> {
        let now = clock::now();
        let name = self.fleet.row_or_retired(device, |row| row.name().to_owned()).unwrap_or_default();
        let managed = tokio::task::block_in_place(|| self.datastore.read(&name, Source::Running));
        if managed.map_err(|error| error.to_string())?.is_some() {
            return Err(format!("{name} stands in running: delete it there first"));
        }
        if self.late.is_some() {
            return Err("the store is busy with what came before; try again".to_owned());
        }
        let mut pending = self.store.retire(device, now);
        let written = Written::Retired(device);
        match timeout(self.patience(), &mut pending).await {
            Ok(Err(error)) => Err(error.to_string()),
            Ok(answer) => self.finish(answer, written).map_err(str::to_owned),
            Err(_) => {
                self.be_late(pending, written);
                Err("the store takes long; the log says when it is retired".to_owned())
            }
        }
    }
}

/// What the store says at last of what is late; never, if nothing is.
async fn answered(late: &mut Option<(Pending<()>, Written)>) -> Result<(), StoreError> {
    match late {
        Some((answer, _)) => answer.await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_steady_rate() {
        let mut limit = RateLimit::new(60, Time(1000));
        assert_eq!(limit.take(100, Time(1000)), 60);
        assert_eq!(limit.take(100, Time(1500)), 0);
        assert_eq!(limit.take(100, Time(2000)), 1, "one a second, halves are kept");
        limit.give_back(1);
        assert_eq!(limit.take(1, Time(2000)), 1);
        assert_eq!(limit.take(1, Time(1000)), 0, "a clock that steps back gives nothing");
        assert_eq!(limit.take(100, Time(10_000_000)), 60);
    }
}
