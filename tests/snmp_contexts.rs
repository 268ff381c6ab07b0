//! vacmContextTable: every context once, shorter names first, however devices come and go meanwhile.

mod snmp_support;
mod support;

use std::time::Instant;

use fleetbridge::{fleet::Fleet, model::DeviceRecord, snmp::mib};
use rasn_snmp::v2::VarBindValue;
use snmp_support::*;
use support::*;

const COLUMN: &str = "1.3.6.1.6.3.16.1.1.1.1";

fn manager(fleet: Fleet) -> Manager {
    let mut manager = Manager::new(fleet, mib::all());
    manager.open();
    manager
}

/// The names in order, asked for so many at a time; 0: by GETNEXT.
fn walk(manager: &mut Manager, repetitions: i32) -> Vec<String> {
    let (mut names, mut at) = (Vec::new(), COLUMN.to_owned());
    loop {
        let reply = match repetitions {
            0 => manager.get_next(V3, &[&at]),
            repetitions => manager.bulk(V3, 0, repetitions, &[&at]).expect("a reply"),
        };
        for (name, value) in reply.bindings {
            if !name.starts_with(&format!("{COLUMN}.")) {
                return names;
            }
            assert!(arcs(&at) < arcs(&name), "{at} then {name}");
            let text = text(&value);
            assert_eq!(name, instance(&text), "the index is the name");
            names.push(text);
            at = name;
        }
    }
}

fn instance(name: &str) -> String {
    let octets: Vec<_> = name.bytes().map(|octet| format!(".{octet}")).collect();
    format!("{COLUMN}.{}{}", name.len(), octets.concat())
}

fn expected(fleet: &Fleet) -> Vec<String> {
    let mut names = vec![String::new(), "+fleet".to_owned()];
    fleet.rows(0, fleetbridge::fleet::Which::Live, |row| {
        names.extend(Some(row.name().to_owned()).filter(|name| name.len() <= 32));
        std::ops::ControlFlow::Continue(())
    });
    names.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
    names
}

#[test]
fn devices_come_and_go_while_it_is_walked() {
    let fleet = fleet();
    let long = "x".repeat(32);
    for name in
        ["b", "a", "zz", "aaa", "_fleet", &long, &format!("{long}y"), "Fleet_", "th-10", "th-9", "M:1"]
    {
        learn(&fleet, SENSOR, name);
    }
    let mut manager = manager(fleet);
    for repetitions in [0, 1, 4, 50] {
        assert_eq!(walk(&mut manager, repetitions), expected(&manager.fleet), "{repetitions}");
    }
    assert_eq!(expected(&manager.fleet).len(), 12, "one name is too long");

    let there = |manager: &mut Manager, name: &str| {
        matches!(manager.get(V3, &[&instance(name)]).bindings[0].1, VarBindValue::Value(_))
    };
    for name in ["", "+fleet", "th-9", &long] {
        assert!(there(&mut manager, name), "{name}");
    }
    for name in ["th-8", "+1", &format!("{long}y")] {
        assert!(!there(&mut manager, name), "{name}");
    }
    assert!(!matches!(manager.get(V3, &[&format!("{COLUMN}.1")]).bindings[0].1, VarBindValue::Value(_)));
    assert!(!matches!(manager.get(V3, &[&format!("{COLUMN}.1.98.0")]).bindings[0].1, VarBindValue::Value(_)));

    // New ones find their place, few or many at a time; retired ones are gone, also as a place to go on from.
    for n in 0..10 {
        learn(&manager.fleet, SENSOR, &format!("new-{n}"));
    }
    let retired = manager.fleet.find("th-9").unwrap();
    manager.fleet.retire(retired, after(1));
    assert!(!there(&mut manager, "th-9"));
    assert_eq!(walk(&mut manager, 4), expected(&manager.fleet));
    assert_eq!(manager.get_next(V3, &[&instance("th-9")]).texts(), ["new-0"]);
    many(&manager.fleet, "more", 3000);
    assert_eq!(walk(&mut manager, 50), expected(&manager.fleet));

    // It is forgotten after a while, and made again at need.
    manager.agent.tidy(manager.now.plus_millis(600_001));
    assert_eq!(walk(&mut manager, 50), expected(&manager.fleet));
    manager.fleet.revive(retired, after(2));
    assert!(walk(&mut manager, 50).contains(&"th-9".to_owned()));
}

fn many(fleet: &Fleet, stem: &str, count: u32) {
    let from = fleet.counts().numbers_used;
    let record = |n: u32| DeviceRecord {
        number: from + n,
        name: format!("{stem}-{n}"),
        profile: SENSOR,
        adapter: 1,
        southbound_id: format!("{stem}-{n}"),
        learned: START,
        retired: false,
    };
    fleet.insert(&(1..=count).map(record).collect::<Vec<_>>());
}

/// Says what it takes; only that it ends is required.
#[test]
#[ignore = "a measurement"]
fn a_walk_over_a_large_fleet() {
    let fleet = fleet();
    many(&fleet, "device", 100_000);
    let mut manager = manager(fleet);
    for repetitions in [0, 50] {
        let begun = Instant::now();
        let count = walk(&mut manager, repetitions).len();
        println!("{repetitions}: {count} contexts in {:?}", begun.elapsed());
    }
}
