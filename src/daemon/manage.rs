//! From the datastore to the fleet: what a commit means for devices, at the start and whenever one is made.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::ControlFlow,
    sync::Arc,
};

use parking_lot::Mutex;
use tracing::{info, warn};

use crate::{
    clock,
    datastore::{self, Cursor, Datastore, Delta, DeviceDelta, Item, News, Row, Source},
    fleet::{Begin, Fleet},
    journal::EventKind,
    model::{
        AdminState, Attribute, DeviceNumber, DeviceRecord, ManagedFact, NO_PROFILE, Profile, ProfileId,
        SettingDef, SettingValue, Time,
    },
    yang::{NodeId, Schema},
};

/// Rows of running that are read at once.
const ROWS: usize = 1024;

/// Commits whose devices are still being told.
#[derive(Debug, Default)]
pub struct Unsettled(Mutex<BTreeSet<u64>>);

impl Unsettled {
    /// Tells the journal of commits that no device is outstanding of any more.
    pub fn settle(&self, fleet: &Fleet, now: Time) {
        let mut commits = self.0.lock();
        commits.retain(|&commit| {
            let progress = fleet.commit_progress(commit);
            if progress.outstanding == 0 {
                let failed = progress.failed;
                fleet.journal().append(now, EventKind::CommitSettled { commit, failed });
            }
            progress.outstanding > 0
        });
    }
}

/// Has every commit reach the fleet, in order, and the journal.
pub fn connect(datastore: &Datastore, fleet: &Arc<Fleet>, unsettled: &Arc<Unsettled>) {
    let (fleet, unsettled, schema) = (fleet.clone(), unsettled.clone(), datastore.schema().clone());
    datastore.listen(Box::new(move |news| match news {
        News::Commit(delta) => {
            apply(delta, &schema, &fleet);
            unsettled.0.lock().insert(delta.commit);
        }
        News::Confirming(step, owner) => {
            let who = Box::new(owner.into());
            fleet.journal().append(clock::now(), EventKind::ConfirmedCommit { who, step });
        }
    }));
}

/// What running wants and says of each device, for a start: the datastore may know more than was written down of the
/// fleet.
///
/// `begin`: whether devices are asked first, because what was known of them is lost.
///
/// # Errors
/// The store's.
pub fn reconcile(datastore: &Datastore, fleet: &Fleet, begin: Begin) -> Result<(), datastore::Error> {
    let (last, now) = (datastore.last_commit(), clock::now());
    let touched = datastore.touched()?.into_iter();
    let touched: HashMap<_, _> = touched.map(|one| (one.device, (one.commit, one.rolled_back))).collect();
    let commit = |device: DeviceNumber| touched.get(&device).copied().unwrap_or((last, false));
    let mut gone = HashSet::new();
    fleet.settings((1, 0), |row, setting| {
        if setting.is_desired() {
            gone.insert(row.number());
        }
        ControlFlow::Continue(())
    });
    let mut cursor = Some(Cursor::default());
    let mut unfit = Unfit::default();
    while let Some(from) = cursor.take() {
        cursor = datastore.for_each(from, ROWS, Source::Running, |row| {
            gone.remove(&row.number);
            let profile = fleet.row_or_retired(row.number, |row| row.profile_id());
            if let Some(profile) = profile {
                let wanted = wanted(datastore, row, &fleet.profiles()[profile], &mut unfit, |fact| {
                    fleet.manage(row.number, fact, now);
                });
                fleet.reconcile(row.number, &wanted, commit(row.number), begin, now);
            }
        })?;
    }
    unfit.log();
    for device in gone {
        fleet.reconcile(device, &[], commit(device), begin, now);
    }
    Ok(())
}

/// Tells a device that has just got its unit what running wants of it. What managers say of it stands already.
pub fn tell(datastore: &Datastore, fleet: &Fleet, name: &str, now: Time) {
    match tokio::task::block_in_place(|| datastore.read(name, Source::Running)) {
        Ok(Some(row)) => {
            let Some(profile) = fleet.row_or_retired(row.number, |row| row.profile_id()) else { return };
            let wanted = wanted(datastore, &row, &fleet.profiles()[profile], &mut Unfit::default(), |_| ());
            fleet.reconcile(row.number, &wanted, (datastore.last_commit(), false), Begin::Write, now);
        }
        Ok(None) => {}
        Err(error) => {
            warn!(device = name, %error, "what running wants of it cannot be read; the next start tries again")
        }
    }
}

/// What profiles that were edited, or are gone, have left in running that they do not allow: it stays there, and no device
/// is told.
#[derive(Default)]
struct Unfit {
    /// Members, and the first of them.
    count: u64,
    first: Option<(String, String)>,
    /// Whether values are ones of their leaves; most are wanted of many devices.
    known: HashMap<NodeId, HashMap<Box<str>, bool>>,
}

/// So many different values of a leaf are remembered.
const VALUES: usize = 1000;

impl Unfit {
    fn fits(&mut self, schema: &Schema, leaf: NodeId, value: &str) -> bool {
        let known = self.known.entry(leaf).or_default();
        if let Some(fits) = known.get(value) {
            return *fits;
        }
        let fits = schema.canonical(leaf, value).is_ok();
        if known.len() < VALUES {
            known.insert(value.into(), fits);
        }
        fits
    }

    fn note(&mut self, device: &str, leaf: &[&str]) {
        self.count += 1;
        self.first.get_or_insert_with(|| (device.to_owned(), leaf.join("/")));
    }

    fn log(self) {
        if let Some((device, leaf)) = self.first {
            warn!(
                count = self.count,
                device,
                leaf,
                "running holds what the profiles of today do not have or allow, first of this device: it is kept, and no \
                 device is told; put the former profile back, or set it anew"
            );
        }
    }
}

/// The settings in a row that are of this profile; what else managers say there, `tell` is told.
fn wanted(
    datastore: &Datastore,
    row: &Row,
    profile: &Profile,
    unfit: &mut Unfit,
    mut tell: impl FnMut(ManagedFact<'_>),
) -> Vec<(u16, SettingValue)> {
    let mut found = Vec::new();
    let schema = datastore.schema();
    let read = datastore.leaves(row, |leaf, value| match (leaf, value) {
        (leaf, None) => unfit.note(&row.name, leaf),
        (["settings", of, name], Some((id, value))) => {
            if !unfit.fits(schema, id, value.as_str()) {
                return unfit.note(&row.name, leaf);
            }
            let def = setting_def(profile, of, name);
            found.extend(def.and_then(|def| Some((def.number, def.ty.parse(value.as_str())?))));
        }
        (leaf, Some((_, value))) => fact(leaf, value.as_str()).into_iter().for_each(&mut tell),
    });
    if let Err(error) = read {
        warn!(device = row.name, %error, "what running wants of it cannot be read");
    }
    found
}

fn setting_def<'a>(profile: &'a Profile, of: &str, name: &str) -> Option<&'a SettingDef> {
    profile.settings.iter().find(|def| of == profile.name && def.name == name)
}

/// What a leaf of running says that the fleet shows; empty: it is not there any more.
fn fact<'a>(leaf: &[&str], value: &'a str) -> Option<ManagedFact<'a>> {
    Some(match leaf {
        ["alias"] => ManagedFact::Text(Attribute::Alias, value),
        ["site"] => ManagedFact::Text(Attribute::Site, value),
        ["location"] => ManagedFact::Text(Attribute::Location, value),
        ["asset", "tag"] => ManagedFact::Text(Attribute::AssetTag, value),
        ["asset", "owner"] => ManagedFact::AssetOwner(value),
        ["asset", "warranty-until"] => ManagedFact::WarrantyUntil(value),
        ["asset", "uris"] => ManagedFact::Uris(value),
        ["software", "firmware", "version"] => ManagedFact::TargetFirmware(value),
        ["parent"] => ManagedFact::Parent(value),
        ["admin-state"] => ManagedFact::AdminState(AdminState::from_word(value).unwrap_or_default()),
        _ => return None,
    })
}

fn apply(delta: &Delta, schema: &Schema, fleet: &Fleet) {
    let now = clock::now();
    let created = delta.devices.iter().filter(|device| device.numbered.new);
    let created: Vec<_> = created.map(|device| created_ahead(device, fleet, now)).collect();
    fleet.insert(&created);
    for device in &delta.devices {
        if device.numbered.revived {
            fleet.revive(device.number, now);
        }
        if device.is {
            fleet.prepare(
                device.number,
                profile_of(fleet, device.profile.as_deref().unwrap_or(NO_PROFILE)),
                now,
            );
        }
        apply_device(delta, device, schema, fleet, now);
        if device.numbered.retired {
            fleet.retire(device.number, now);
        }
    }
    fleet.journal().append(now, EventKind::Committed { commit: delta.commit });
    let (commit, devices, user) = (delta.commit, delta.devices.len(), &delta.user);
    info!(commit, devices, user, via = delta.face.as_str(), "committed");
}

/// A device that nobody has heard: its own name is its identity until a unit comes.
fn created_ahead(device: &DeviceDelta, fleet: &Fleet, now: Time) -> DeviceRecord {
    DeviceRecord {
        number: device.number,
        name: device.name.clone(),
        profile: profile_of(fleet, device.profile.as_deref().unwrap_or(NO_PROFILE)),
        adapter: 0,
        southbound_id: device.name.clone(),
        learned: now,
        retired: false,
    }
}

fn profile_of(fleet: &Fleet, name: &str) -> ProfileId {
    let find =
        |name: &str| fleet.profiles().iter().find(|(_, profile)| profile.name == name).map(|(id, _)| id);
    find(name).or_else(|| find(NO_PROFILE)).unwrap_or(ProfileId(0))
}

/// What it wants of one device, and what it says of it.
fn apply_device(delta: &Delta, device: &DeviceDelta, schema: &Schema, fleet: &Fleet, now: Time) {
    let number: DeviceNumber = device.number;
    let Some(profile) = fleet.row_or_retired(number, |row| row.profile_id()) else { return };
    let profile = &fleet.profiles()[profile];
    if !device.is {
        fleet.unmanage(number, now);
        return fleet.reconcile(number, &[], (delta.commit, delta.rolled_back), Begin::Write, now);
    }
    for node in &device.nodes {
        let Some(leaf) = node.leaf(schema) else { continue };
        let value = match &node.new {
            Some(Item::Leaf(value)) => Some(value.as_str()),
            _ => None,
        };
        match leaf[..] {
            ["settings", of, name] => {
                let Some(def) = setting_def(profile, of, name) else { continue };
                match value.and_then(|value| def.ty.parse(value)) {
                    None if delta.rolled_back => fleet.undo(number, def.number, delta.commit, now),
                    Some(value) if delta.confirming => {
                        fleet.try_out(number, def.number, &value, delta.commit, now)
                    }
                    value => fleet.desire(number, def.number, value.as_ref(), delta.commit, now),
                };
            }
            ref leaf => {
                if let Some(fact) = fact(leaf, value.unwrap_or_default()) {
                    fleet.manage(number, fact, now);
                }
            }
        }
    }
}
