//! The whole bridge under a simulated clock, step by step, as `tests/golden/bridge/*.steps` says: messages in, what a
//! manager reads and what the journal got out.
//!
//! ```text
//! # a comment
//! > pub TOPIC PAYLOAD     a message arrives; `pubr`: the broker had kept it
//! > wait SECONDS          the clock moves, with a sweep each second
//! > down ERROR            the connection to the broker is lost; `up`: it is there
//! > retire NAME
//! > want NAME SETTING [VALUE]   a manager wants it, or no longer cares
//! > send                  what goes to the devices now, as topic and payload; the broker confirms it
//! > walk OID              every instance below, asked of the agent by GETNEXT
//! > events                what the journal got since the last time
//! > unknown               what nobody understood so far, by reason
//! < ...                   what comes out
//! ```
//! `UPDATE_GOLDEN=1 cargo test --release --test bridge` writes the `<` lines anew; read the difference before you commit
//! it.

mod snmp_support;
mod support;

use std::{fmt::Write, fs, path::Path, sync::Arc};

use fleetbridge::{
    fleet::{Adapter, Fleet, Order},
    journal::Event,
    model::*,
    snmp::mib,
    southbound::{
        Codec, Limits,
        codec::Decoder,
        ingest::{Context, Enrol, Ingest},
        profile::{Library, compile},
        unknown::Unknown,
    },
    stats::Stats,
};
use rasn_smi::v2::{ApplicationSyntax, ObjectSyntax, SimpleSyntax};
use rasn_snmp::v2::VarBindValue;
use snmp_support::{Manager, V2C};
use support::START;
use tokio::sync::mpsc;

struct Bridge {
    manager: Manager,
    ingest: Ingest,
    adapter: Arc<Adapter>,
    codec: Decoder,
    unknown: Arc<Unknown>,
    cursor: u64,
}

#[test]
fn steps() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bridge");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 4, "the golden files are there");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for path in paths {
        let expected = fs::read_to_string(&path).unwrap();
        let found = runtime.block_on(play(&expected));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, found).unwrap();
        } else {
            assert_eq!(found, expected, "{}", path.display());
        }
    }
}

async fn play(script: &str) -> String {
    let mut bridge = Bridge::new();
    let mut found = String::new();
    for line in script.lines().filter(|line| !line.starts_with("< ")) {
        found.push_str(line);
        found.push('\n');
        let Some(step) = line.strip_prefix("> ") else { continue };
        let mut out = String::new();
        bridge.step(step, &mut out).await;
        for line in out.lines() {
            writeln!(found, "< {line}").unwrap();
        }
    }
    found
}

impl Bridge {
    fn new() -> Self {
        let library = Library::load(None).unwrap();
        let mut profiles: Vec<_> = library.shelf.iter().map(|shelved| shelved.file.profile.clone()).collect();
        for (id, profile) in profiles.iter_mut().enumerate() {
            profile.stored_id = id as u32 + 1;
            profile.points.iter_mut().zip(1..).for_each(|(point, number)| point.number = number);
            profile.settings.iter_mut().zip(1..).for_each(|(setting, number)| setting.number = number);
        }
        let mut manager = Manager::new(Fleet::new(Profiles::new(profiles), 0), mib::all());
        manager.now = START;
        let fleet = manager.fleet.clone();
        let adapter = Arc::new(Adapter::new(1, "plant", "mqtt", "mqtt://broker:1883", START));
        fleet.adapters().add(adapter.clone());
        fleet.adapter_up(&adapter, START);
        let files: Vec<_> = library.shelf.iter().map(|shelved| &shelved.file).collect();
        let [decoder, codec] =
            [(); 2].map(|()| compile(fleet.profiles(), &files, Limits::default()).unwrap());
        let (enrol, wishes) = mpsc::channel(1);
        tokio::spawn(enrol_all(fleet.clone(), wishes));
        let unknown = Arc::new(Unknown::default());
        let stats = Arc::new(Stats::default());
        let context = Context { fleet, stats, unknown: unknown.clone(), enrol };
        let ingest = Ingest::new(context, adapter.clone(), Box::new(decoder));
        Bridge { manager, ingest, adapter, codec, unknown, cursor: 0 }
    }

    async fn step(&mut self, step: &str, out: &mut String) {
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        let fleet = self.manager.fleet.clone();
        match word {
            "pub" | "pubr" => {
                let (topic, payload) = rest.split_once(' ').unwrap_or((rest, ""));
                self.ingest.push(topic, payload.as_bytes(), word == "pubr", self.manager.now);
                self.ingest.commit(self.manager.now).await;
            }
            "wait" => {
                for _ in 0..rest.parse::<u32>().unwrap() {
                    self.manager.now = self.manager.now.plus_millis(1000);
                    fleet.sweep(self.manager.now);
                }
            }
            "down" => fleet.adapter_down(&self.adapter, rest, self.manager.now),
            "up" => fleet.adapter_up(&self.adapter, self.manager.now),
            "retire" => assert!(fleet.retire(fleet.find(rest).unwrap(), self.manager.now)),
            "want" => self.want(rest),
            "send" => self.send(out),
            "walk" => self.walk(rest, out),
            "events" => self.events(out),
            "unknown" => {
                self.unknown.counts().iter().for_each(|(reason, n)| writeln!(out, "{reason} {n}").unwrap());
            }
            other => panic!("no such step: {other}"),
        }
    }

    fn want(&self, what: &str) {
        let fleet = &self.manager.fleet;
        let mut words = what.splitn(3, ' ');
        let device = fleet.find(words.next().unwrap()).unwrap();
        let name = words.next().unwrap();
        let profile = fleet.row(device, |row| row.profile_id()).unwrap();
        let def = fleet.profiles()[profile].settings.iter().find(|def| def.name == name).unwrap();
        let value = words.next().map(|text| def.ty.parse(text).unwrap());
        assert!(fleet.desire(device, def.number, value.as_ref(), 7, self.manager.now));
    }

    fn send(&self, out: &mut String) {
        let (fleet, now) = (&self.manager.fleet, self.manager.now);
        let mut orders: Vec<Order> = Vec::new();
        fleet.take_orders(1, 100, now, &mut orders);
        for order in orders {
            match self.codec.encode(&order) {
                Ok(message) => {
                    writeln!(out, "{}", format!("{} {}", message.topic, message.payload).trim()).unwrap();
                    fleet.order_acked(&order, now);
                }
                Err(error) => fleet.order_refused(&order, Standing::Failed, &error.to_string(), now),
            }
        }
    }

    fn walk(&mut self, root: &str, out: &mut String) {
        let mut name = root.to_owned();
        loop {
            let reply = self.manager.get_next(V2C, &[&name]);
            let (next, value) = reply.bindings.into_iter().next().unwrap();
            if !next.starts_with(&format!("{root}.")) || value == VarBindValue::EndOfMibView {
                return;
            }
            writeln!(out, "{} = {}", &next[root.len() + 1..], shown(&value)).unwrap();
            name = next;
        }
    }

    fn events(&mut self, out: &mut String) {
        let journal = self.manager.fleet.journal();
        journal.set_durable(u64::MAX);
        let mut events: Vec<Event> = Vec::new();
        journal.read(&mut self.cursor, 1000, &mut events).unwrap();
        for event in events {
            let kind = serde_json::to_string(&event.kind).unwrap();
            writeln!(out, "{} +{}s {kind}", event.number, event.time.since(START) / 1000).unwrap();
        }
    }
}

/// Stands for the store: what is asked for comes in.
async fn enrol_all(fleet: Arc<Fleet>, mut wishes: mpsc::Receiver<Enrol>) {
    while let Some(wish) = wishes.recv().await {
        let records = fleet.draft(&wish.unknown, START).unwrap();
        fleet.insert(&records);
        fleet.announce(&records, START);
        wish.retired.iter().for_each(|&device| assert!(fleet.revive(device, START)));
        wish.reply.send(None).unwrap();
    }
}

/// Text in quotes, a DateAndTime as seconds since the start, other octets in hexadecimal.
fn shown(value: &VarBindValue) -> String {
    match value {
        VarBindValue::Value(ObjectSyntax::Simple(SimpleSyntax::String(octets))) => match &octets[..] {
            [0, 0, 0, 0, 0, 0, 0, 0] => "never".to_owned(),
            [7, 234, 11, 23, hour, minute, second, _, b'+', 0, 0] => {
                format!("+{}s", u32::from(*hour) * 3600 + u32::from(*minute) * 60 + u32::from(*second))
            }
            octets => match std::str::from_utf8(octets) {
                Ok(text) if !text.chars().any(char::is_control) => format!("{text:?}"),
                _ => octets.iter().map(|octet| format!("{octet:02x}")).collect(),
            },
        },
        VarBindValue::Value(ObjectSyntax::Simple(SimpleSyntax::Integer(value))) => value.to_string(),
        VarBindValue::Value(ObjectSyntax::ApplicationWide(ApplicationSyntax::BigCounter(value))) => {
            format!("{} (Counter64)", value.0)
        }
        VarBindValue::Value(_) => snmp_support::number(value).to_string(),
        other => format!("{other:?}"),
    }
}
