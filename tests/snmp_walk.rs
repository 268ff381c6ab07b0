//! GETNEXT and GETBULK walks give the sorted set of instances, whatever is served: of a table in memory, and of all
//! MIBs over a real fleet.

mod snmp_support;
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use fleetbridge::{
    journal::EventKind,
    model::*,
    snmp::{
        mib::{self, Column, Context, Found, Table},
        oid::Prefix,
        syntax::{Syntax, Value},
        view::{View, Views},
    },
};
use proptest::prelude::*;
use rasn_snmp::v2::VarBindValue;
use snmp_support::*;
use support::*;

/// Instances by column and key; column 3 is of Counter64, 5 is not accessible.
#[derive(Clone, Debug)]
struct Memory(BTreeMap<(u32, (u32, u16)), i32>);

impl Table for Memory {
    type Key = (u32, u16);

    const ENTRY: &'static Prefix = &Prefix::new(&[1, 3, 6, 1, 4, 1, 99_999, 1, 1]);
    const COLUMNS: &'static [Column] = &[
        Column::read(2, "two", Syntax::Integer32),
        Column::read(3, "three", Syntax::Counter64),
        Column::write(4, "four", Syntax::Octets),
        Column::index(5, "five", Syntax::Integer32),
        Column::read(300, "threeHundred", Syntax::Integer32),
    ];
    const VIEWS: Views = Views::BRIDGE;

    fn cell(&self, _: &Context<'_>, key: (u32, u16), column: u32, read: impl FnOnce(Value<'_>)) {
        if let Some(value) = self.0.get(&(column, key)) {
            shown(column, *value, read);
        }
    }

    fn rows(
        &self,
        _: &Context<'_>,
        column: u32,
        from: (u32, u16),
        mut visit: impl FnMut((u32, u16), Value<'_>) -> ControlFlow<()>,
    ) {
        for (&(_, key), &value) in self.0.range((column, from)..=(column, (u32::MAX, u16::MAX))) {
            if shown(column, value, |value| visit(key, value)).is_break() {
                return;
            }
        }
    }
}

fn shown<R>(column: u32, value: i32, read: impl FnOnce(Value<'_>) -> R) -> R {
    match column {
        3 => read(Value::Counter64(value as u64)),
        4 => read(Value::Octets(&vec![b'x'; value.unsigned_abs() as usize % 300])),
        _ => read(Value::Integer(value)),
    }
}

impl Memory {
    fn names(&self, counter64: bool) -> Vec<Vec<u32>> {
        let served = self.0.keys().filter(|(column, _)| *column != 5 && (counter64 || *column != 3));
        served.map(|(column, key)| [Memory::ENTRY.arcs(), &[*column, key.0, key.1.into()]].concat()).collect()
    }
}

fn memory() -> impl Strategy<Value = Memory> {
    let column = prop::sample::select(vec![2, 3, 4, 5, 300]);
    let arc = prop_oneof![4 => 0u32..6, 1 => Just(u32::MAX), 1 => any::<u32>()];
    let minor = prop_oneof![4 => 0u16..6, 1 => Just(u16::MAX)];
    prop::collection::btree_map((column, (arc, minor)), any::<i32>(), 0..40).prop_map(Memory)
}

/// Names at and around those that are served.
fn somewhere() -> impl Strategy<Value = Vec<u32>> {
    let arc = || prop_oneof![6 => 0u32..7, 1 => Just(u32::MAX), 1 => Just(300u32)];
    prop::collection::vec(arc(), 0..5).prop_map(|rest| [Memory::ENTRY.arcs(), &rest].concat())
}

/// Who may ask and who is told, which SNMPv3 with privacy shows alone.
const GUARDS: [&[u32]; 6] = [
    &[1, 3, 6, 1, 4, 1, 32473, 2, 1, 9],
    &[1, 3, 6, 1, 6, 3, 12],
    &[1, 3, 6, 1, 6, 3, 13],
    &[1, 3, 6, 1, 6, 3, 15, 1, 2, 2],
    &[1, 3, 6, 1, 6, 3, 16],
    &[1, 3, 6, 1, 6, 3, 18],
];

/// The names of a walk from the beginning, by single GETNEXTs.
fn walk(manager: &mut Manager, version: u32) -> Vec<Vec<u32>> {
    let (mut names, mut at) = (Vec::new(), "0.0".to_owned());
    loop {
        let reply = manager.get_next(version, &[&at]);
        if reply.status != 0 || reply.bindings[0].1 == VarBindValue::EndOfMibView {
            assert_eq!(reply.status, if version == V1 { 2 } else { 0 });
            return names;
        }
        at = reply.bindings[0].0.clone();
        names.push(arcs(&at));
    }
}

/// The same by GETBULKs.
fn bulk_walk(manager: &mut Manager, version: u32, repetitions: i32) -> Vec<Vec<u32>> {
    let (mut names, mut at) = (Vec::new(), "0.0".to_owned());
    loop {
        let reply = manager.bulk(version, 0, repetitions, &[&at]).unwrap();
        assert!(!reply.bindings.is_empty() && reply.bindings.len() <= repetitions as usize);
        for (name, value) in &reply.bindings {
            if *value == VarBindValue::EndOfMibView {
                assert_eq!(*name, at);
                return names;
            }
            at = name.clone();
            names.push(arcs(&at));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn of_a_table_in_memory(memory in memory(), repetitions in 1i32..60) {
        let mut manager = Manager::new(fleet(), vec![Box::new(memory.clone())]);
        prop_assert_eq!(walk(&mut manager, V2C), memory.names(true));
        prop_assert_eq!(walk(&mut manager, V1), memory.names(false));
        prop_assert_eq!(bulk_walk(&mut manager, V2C, repetitions), memory.names(true));
    }

    #[test]
    fn next_of_any_name(memory in memory(), starts in prop::collection::vec(somewhere(), 1..8), repetitions in 0i32..30) {
        let all = memory.names(true);
        let mut manager = Manager::new(fleet(), vec![Box::new(memory)]);
        let starts: Vec<_> = starts.iter().map(|start| dotted(start)).collect();
        let names: Vec<_> = starts.iter().map(String::as_str).collect();
        let columns: Vec<_> = starts
            .iter()
            .map(|start| all.iter().filter(|name| **name > arcs(start)).map(|name| dotted(name)).collect::<Vec<_>>())
            .collect();
        let reply = manager.get_next(V2C, &names);
        for ((binding, column), start) in reply.bindings.iter().zip(&columns).zip(&starts) {
            prop_assert_eq!(&binding.0, column.first().unwrap_or(start));
            prop_assert_eq!(binding.1 == VarBindValue::EndOfMibView, column.is_empty());
        }
        // RFC 3416 section 4.2.3: repetition by repetition, up to the first in which all have ended.
        let mut expected = Vec::new();
        for repetition in 0..repetitions as usize {
            for (column, start) in columns.iter().zip(&starts) {
                expected.push(column.get(repetition).or(column.last()).unwrap_or(start).as_str());
            }
            if columns.iter().all(|column| repetition >= column.len()) {
                break;
            }
        }
        let reply = manager.bulk(V2C, 0, repetitions, &names).unwrap();
        prop_assert_eq!(reply.names(), expected);
    }

    #[test]
    fn of_a_real_fleet(devices in prop::collection::vec(state(), 0..30), repetitions in 1i32..120) {
        let fleet = fleet();
        add_adapter(&fleet, 3, "yard");
        for (at, state) in devices.iter().enumerate() {
            let device = learn(&fleet, if state.gateway { GATEWAY } else { SENSOR }, &format!("device-{at}"));
            if !state.gateway {
                state.facts.iter().for_each(|fact| report(&fleet, device, false, &[*fact], after(1)));
            }
            if state.retired {
                fleet.retire(device, after(1));
            }
        }
        fleet.journal().append(after(1), EventKind::Started { cold: true });
        let mut manager = Manager::new(fleet, mib::all());
        manager.open();
        let answers = |device: &DeviceNumber| {
            manager.fleet.row(*device, |row| row.presence()) == Some(Presence::Online)
        };
        let devices: Vec<DeviceNumber> = (1..=30).filter(answers).collect();
        let of_device = devices.iter().map(|device| (View::Device(*device), format!("public@+{device}")));
        let views = [(View::Bridge, "public".to_owned()), (View::Fleet, "public-+fleet".to_owned())];
        for (view, community) in views.into_iter().chain(of_device) {
            manager.community = community;
            let expected = instances(&manager, view);
            let names: Vec<_> = expected.keys().cloned().collect();
            prop_assert_eq!(walk(&mut manager, V3), names.clone());
            prop_assert_eq!(bulk_walk(&mut manager, V3, repetitions), names.clone());
            let is_open = |name: &&Vec<u32>| !GUARDS.iter().any(|guard| name.starts_with(guard));
            let open: Vec<_> = names.iter().filter(is_open).cloned().collect();
            prop_assert_eq!(walk(&mut manager, V2C), open.clone());
            prop_assert_eq!(bulk_walk(&mut manager, V2C, repetitions), open.clone());
            let without: Vec<_> = open.into_iter().filter(|name| expected[name][0] != 0x46).collect();
            prop_assert_eq!(walk(&mut manager, V1), without);
        }
    }
}

#[derive(Clone, Debug)]
struct State {
    gateway: bool,
    retired: bool,
    facts: Vec<Fact>,
}

fn state() -> impl Strategy<Value = State> {
    let number = prop_oneof![any::<i64>(), -10i64..10];
    let fact = prop_oneof![
        4 => (0u16..3, number).prop_map(|(slot, number)| value(slot, number)),
        1 => (0u16..4).prop_map(|slot| Fact::Point { slot, value: Scalar::Bad, time: Time::NEVER }),
        1 => Just(Fact::Availability(Availability::Lost)),
        1 => Just(Fact::Availability(Availability::Online)),
    ];
    (prop::bool::weighted(0.2), prop::bool::weighted(0.2), prop::collection::vec(fact, 0..5))
        .prop_map(|(gateway, retired, facts)| State { gateway, retired, facts })
}

/// The indexes of VACM's tables and of snmpCommunityTable, as `Manager::open` makes their rows.
fn guards(engine: &[u8]) -> Vec<Vec<u32>> {
    let octets_of = |octets: &[u8]| octets.iter().map(|octet| u32::from(*octet)).collect::<Vec<_>>();
    let octets = |text: &str| text.bytes().map(u32::from).collect::<Vec<_>>();
    let counted = |text: &str| [&[text.len() as u32][..], &octets(text)].concat();
    let mut indexes: Vec<_> = ["community-1", "community-2", "trap", "inform"].map(octets).into();
    indexes.extend([counted(""), counted("+fleet")]);
    indexes.extend([1, 2].map(|model| [&[model][..], &counted("community-1")].concat()));
    indexes.push([&[3][..], &counted("anna")].concat());
    indexes.push([&[engine.len() as u32][..], &octets_of(engine), &counted("anna")].concat());
    let levels = [[1, 1], [2, 1], [3, 2], [3, 3]];
    indexes.extend(
        ["read", "operate", "administer"]
            .iter()
            .flat_map(|role| levels.map(|of_model| [&counted(role)[..], &[0], &of_model].concat())),
    );
    for (view, subtree) in [
        ("all", "1"),
        ("plain", "1"),
        ("plain", "1.3.6.1.4.1.32473.2.1.9"),
        ("plain", "1.3.6.1.6.3"),
        ("plain", "1.3.6.1.6.3.1"),
        ("plain", "1.3.6.1.6.3.10"),
    ] {
        let subtree = arcs(subtree);
        indexes.push([&counted(view)[..], &[subtree.len() as u32], &subtree].concat());
    }
    indexes
}

/// The indexes of vacmContextTable's devices.
fn contexts(manager: &Manager) -> Vec<Vec<u32>> {
    let counted = |name: &str| [name.len() as u32].into_iter().chain(name.bytes().map(u32::from)).collect();
    (1..40).filter_map(|number| manager.fleet.row(number, |row| counted(row.name()))).collect()
}

/// Every instance with its encoded value, found by asking for each that could be.
fn instances(manager: &Manager, view: View) -> BTreeMap<Vec<u32>, Vec<u8>> {
    let text = Default::default();
    let context = manager.agent.context(NOW, view, None, &text);
    let mut indexes: BTreeSet<Vec<u32>> = (0..40).map(|index| vec![index]).collect();
    indexes.extend((0..40).flat_map(|device| (0..10).map(move |point| vec![device, point])));
    indexes.extend(
        (0..40).flat_map(|device| (0..10).chain([1023]).map(move |component| vec![device << 10 | component])),
    );
    indexes.extend([vec![1023], vec![1, 1023]]);
    indexes.extend(guards(manager.agent.engine().of(None).octets()));
    if view == View::Bridge {
        indexes.extend(logged(manager));
        indexes.extend(contexts(manager));
    }
    let mut found = BTreeMap::new();
    for subtree in mib::all().into_iter().filter(|subtree| subtree.views().has(view)) {
        for object in subtree.objects() {
            let column = &object.oid[subtree.prefix().arcs().len()..];
            for index in &indexes {
                let mut value = Vec::new();
                if subtree.get(&context, &[column, index].concat(), &mut value) == Found::Value {
                    found.insert([&object.oid[..], index].concat(), value);
                } else {
                    assert!(value.is_empty());
                }
            }
        }
    }
    found
}

/// The default log: its events, and what each carries.
fn logged(manager: &Manager) -> impl Iterator<Item = Vec<u32>> {
    (0..=manager.fleet.journal().last() as u32 + 1).flat_map(|event| {
        let variables = (0..12).map(move |variable| vec![0, event, variable]);
        variables.chain([vec![0, event]])
    })
}
