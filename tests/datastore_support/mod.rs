//! A datastore to try: the served modules with one profile, and rows in memory.

#![allow(dead_code, reason = "each test takes a part")]

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use fleetbridge::{
    datastore::{
        rows::{Commit, CommitState, Committed, Inverse, Kept, Numbered, Pending, Written},
        *,
    },
    model::Time,
    yang::{self, Schema, Source as Module},
};
use parking_lot::Mutex;

pub const NOW: Time = Time(1_795_398_917_000);

pub static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(Schema::load(&modules()).unwrap()));

pub fn modules() -> Vec<Module<'static>> {
    let mut modules = yang::modules();
    modules.push(Module::served("fleetbridge-profile-test", "2026-11-23", include_str!("test-profile.yang")));
    modules
}

pub fn session(session: u32) -> Owner {
    Owner { session, face: Face::Netconf, user: format!("user{session}"), address: "192.0.2.1".to_owned() }
}

pub fn snmp() -> Owner {
    Owner { session: 0, face: Face::Snmp, user: "public".to_owned(), address: "192.0.2.2".to_owned() }
}

/// A `<config>` around the content of `<fleet>`; prefixes `nc` and `t` (the profile) are declared.
pub fn config(fleet: &str) -> String {
    whole(&format!("<fleet xmlns=\"urn:fleetbridge:yang:fleetbridge\">{fleet}</fleet>"))
}

pub fn whole(content: &str) -> String {
    format!(
        "<nc:config xmlns:nc=\"urn:ietf:params:xml:ns:netconf:base:1.0\" xmlns:t=\"urn:fleetbridge:yang:profile:test\">\
         {content}</nc:config>"
    )
}

pub fn device(name: &str, content: &str) -> String {
    format!("<device><name>{name}</name>{content}</device>")
}

pub struct Bench {
    pub datastore: Datastore,
    pub rows: Arc<dyn Rows>,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::on(Arc::new(Memory::default()))
    }

    pub fn on(rows: Arc<dyn Rows>) -> Bench {
        Bench { datastore: Datastore::open(SCHEMA.clone(), rows.clone()).unwrap(), rows }
    }

    /// Edits running as session 1.
    pub fn edit(&self, fleet: &str) -> Result<Outcome, Vec<Error>> {
        self.edit_as(&session(1), Target::Running, fleet)
    }

    /// Edits candidate as session 1.
    pub fn stage(&self, fleet: &str) -> Result<Outcome, Vec<Error>> {
        self.edit_as(&session(1), Target::Candidate, fleet)
    }

    pub fn edit_as(&self, owner: &Owner, target: Target, fleet: &str) -> Result<Outcome, Vec<Error>> {
        self.datastore.edit(owner, target, &Edit::new(config(fleet).as_bytes()), NOW)
    }

    pub fn commit(&self) -> Result<Option<Delta>, Vec<Error>> {
        self.datastore.commit(&session(1), CommitRequest::default(), NOW)
    }

    /// The row of a device in running without its braces and name.
    pub fn row(&self, name: &str) -> Option<String> {
        self.content(name, Source::Running)
    }

    pub fn candidate(&self, name: &str) -> Option<String> {
        self.content(name, Source::Candidate)
    }

    fn content(&self, name: &str, source: Source) -> Option<String> {
        let row = self.datastore.read(name, source).unwrap()?;
        assert_eq!(row.name, name);
        let head = format!("{{\"name\":\"{name}\"");
        let rest = row.config.strip_prefix(&head).unwrap().strip_suffix('}').unwrap();
        Some(rest.trim_start_matches(',').to_owned())
    }

    pub fn names(&self, source: Source) -> Vec<String> {
        let mut names = Vec::new();
        let mut cursor = Some(Cursor::default());
        while let Some(from) = cursor.take() {
            cursor = self.datastore.for_each(from, 2, source, |row| names.push(row.name.clone())).unwrap();
        }
        names
    }
}

/// The first error's tag, path and app-tag.
pub fn first<T: std::fmt::Debug>(result: Result<T, Vec<Error>>) -> (Tag, String, Option<String>) {
    let error = result.unwrap_err().swap_remove(0);
    (error.tag, error.path, error.app_tag)
}

pub fn tag<T: std::fmt::Debug>(result: Result<T, Vec<Error>>) -> Tag {
    first(result).0
}

/// Rows that a process forgets.
#[derive(Default)]
pub struct Memory(Mutex<Kernel>);

#[derive(Default)]
struct Kernel {
    numbers: BTreeMap<String, u32>,
    running: BTreeMap<u32, (Row, Option<String>)>,
    commits: Vec<(Committed, Vec<Inverse>, Vec<rows::Audit>)>,
    pending: Option<Pending>,
    /// The next write fails.
    broken: bool,
}

impl Memory {
    pub fn audit(&self) -> Vec<rows::Audit> {
        self.0.lock().commits.iter().flat_map(|(_, _, audit)| audit.clone()).collect()
    }

    pub fn break_once(&self) {
        self.0.lock().broken = true;
    }
}

impl Rows for Memory {
    fn load(&self) -> Result<Kept, Failed> {
        let kernel = self.0.lock();
        let last = kernel.commits.len() as u64;
        let managed = kernel.running.len() as u32;
        Ok(Kept { last, pending: kernel.pending.clone(), managed, audit_key: vec![7; 32] })
    }

    fn row(&self, name: &str) -> Result<Option<Row>, Failed> {
        let kernel = self.0.lock();
        let number = kernel.numbers.get(name);
        Ok(number.and_then(|number| kernel.running.get(number)).map(|(row, _)| row.clone()))
    }

    fn rows(&self, after: u32, limit: usize) -> Result<Vec<Row>, Failed> {
        Ok(self.0.lock().running.range(after + 1..).take(limit).map(|(_, (row, _))| row.clone()).collect())
    }

    fn alias(&self, alias: &str) -> Result<Option<String>, Failed> {
        let kernel = self.0.lock();
        let holder = kernel.running.values().find(|(_, held)| held.as_deref() == Some(alias));
        Ok(holder.map(|(row, _)| row.name.clone()))
    }

    fn write(&self, commit: Commit) -> Result<Written, Failed> {
        let mut kernel = self.0.lock();
        if std::mem::take(&mut kernel.broken) {
            return Err(Failed("no space".to_owned()));
        }
        kernel.pending = commit.pending.clone();
        let (mut devices, mut inverse) = (Vec::new(), Vec::new());
        for change in &commit.changes {
            let next = kernel.numbers.len() as u32 + 1;
            let new = !kernel.numbers.contains_key(&change.name);
            let number = *kernel.numbers.entry(change.name.clone()).or_insert(next);
            let before = kernel.running.remove(&number);
            assert_eq!(before.is_some(), change.was);
            inverse.push(Inverse { name: change.name.clone(), config: before.map(|(row, _)| row.config) });
            if let Some(config) = change.after.clone() {
                let row = Row { number, name: change.name.clone(), config };
                kernel.running.insert(number, (row, change.alias.clone()));
            }
            devices.push(Numbered { number, new, ..Numbered::default() });
        }
        let mut aliases: Vec<_> = kernel.running.values().filter_map(|(_, alias)| alias.clone()).collect();
        let count = aliases.len();
        aliases.sort();
        aliases.dedup();
        assert_eq!(aliases.len(), count, "unique");
        if !commit.changes.is_empty() {
            let committed = Committed {
                id: kernel.commits.len() as u64 + 1,
                time: commit.time,
                user: commit.owner.user,
                face: commit.owner.face,
                label: commit.label,
                state: CommitState::Committed,
                devices: devices.len() as u32,
            };
            kernel.commits.push((committed, inverse, commit.audit));
        }
        Ok(Written { id: kernel.commits.len() as u64, devices })
    }

    fn commits(&self, limit: usize) -> Result<Vec<Committed>, Failed> {
        Ok(self.0.lock().commits.iter().rev().take(limit).map(|(commit, ..)| commit.clone()).collect())
    }

    fn record(&self, commit: u64, limit: usize) -> Result<Option<Record>, Failed> {
        let kernel = self.0.lock();
        let Some((committed, _, audit)) = kernel.commits.get(commit as usize - 1) else { return Ok(None) };
        let user = committed.user.clone();
        let owner = Owner { session: 0, face: committed.face, user, address: String::new() };
        let edits = audit.iter().take(limit).cloned().collect();
        Ok(Some(Record { owner, time: committed.time, editors: Vec::new(), edits }))
    }

    fn inverse(&self, commit: u64) -> Result<Option<Vec<Inverse>>, Failed> {
        let kernel = self.0.lock();
        let mut oldest = BTreeMap::new();
        for inverse in kernel.commits.iter().skip(commit as usize).flat_map(|(_, inverse, _)| inverse) {
            oldest.entry(inverse.name.clone()).or_insert(inverse.config.clone());
        }
        Ok(Some(oldest.into_iter().map(|(name, config)| Inverse { name, config }).collect()))
    }

    fn touched(&self) -> Result<Vec<rows::Touched>, Failed> {
        let kernel = self.0.lock();
        let mut newest = BTreeMap::new();
        for (committed, inverse, _) in &kernel.commits {
            let rolled_back = committed.face == rows::Face::System;
            for device in inverse.iter().map(|inverse| kernel.numbers[&inverse.name]) {
                newest.insert(device, rows::Touched { device, commit: committed.id, rolled_back });
            }
        }
        Ok(newest.into_values().collect())
    }
}

/// Settings of the profile.
pub fn settings(content: &str) -> String {
    format!(
        "<settings><t:test xmlns:nc=\"urn:ietf:params:xml:ns:netconf:base:1.0\">{content}</t:test></settings>"
    )
}

/// A device with some of everything in running.
pub fn filled() -> Bench {
    let bench = Bench::new();
    let content = format!(
        "<alias>first</alias><group>x</group><group>y</group><label><name>k</name><value>v</value></label>{}",
        settings("<t:interval>60</t:interval><t:password>geheim</t:password>")
    );
    bench.edit(&device("a", &content)).unwrap();
    bench
}
