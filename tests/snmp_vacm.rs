//! Access control before real tables: what a view hides is not there, and is jumped over.

mod snmp_support;
mod support;

use std::collections::BTreeSet;

use fleetbridge::{
    login::Role,
    model::{Attribute, ManagedFact},
    snmp::{
        mib,
        usm::Level,
        vacm::{Access, Family, Model, Rows, Tree},
    },
};
use rasn_snmp::v2::VarBindValue;
use snmp_support::*;
use support::*;

const DEVICES: u32 = 40;
const DEVICE: &str = "1.3.6.1.4.1.32473.2.1.2.1";

fn manager() -> Manager {
    let fleet = fleet();
    for n in 0..DEVICES {
        let device = learn(&fleet, SENSOR, &format!("dev-{n}"));
        report(&fleet, device, false, &[value(0, i64::from(n))], after(1));
    }
    Manager::new(fleet, mib::all())
}

fn family(name: &str, mask: &[u8], included: bool) -> Family {
    Family { subtree: arcs(name), mask: mask.to_vec(), included }
}

/// Whoever knows a community may read what these show, in contexts that begin so.
fn rows(families: &[Family], context: &str, exact: bool) -> Rows {
    let mut rows = Rows {
        access: vec![Access {
            group: "read".to_owned(),
            context: context.to_owned(),
            exact,
            model: Model::Any,
            level: Level::NoAuthNoPriv,
            read: "some".to_owned(),
            write: String::new(),
            notify: String::new(),
        }],
        families: families.iter().map(|family| ("some".to_owned(), family.clone())).collect(),
        ..Rows::default()
    };
    rows.enter(Model::V2c, "community-1", Role::Read, None);
    rows
}

fn walk(manager: &mut Manager, repetitions: i32) -> Vec<String> {
    let (mut all, mut at) = (Vec::new(), "0.0".to_owned());
    loop {
        let reply = match repetitions {
            0 => manager.get_next(V2C, &[&at]),
            repetitions => manager.bulk(V2C, 0, repetitions, &[&at]).expect("a reply"),
        };
        assert_eq!(reply.status, 0);
        for (name, value) in reply.bindings {
            if value == VarBindValue::EndOfMibView {
                return all;
            }
            assert!(arcs(&at) < arcs(&name), "{at} then {name}");
            at.clone_from(&name);
            all.push(name);
        }
    }
}

#[test]
fn a_view_shows_what_it_includes() {
    let mut manager = manager();
    manager.open();
    let everything = walk(&mut manager, 50);
    assert!(everything.len() > 40 * 20, "{}", everything.len());
    let guards = ["1.3.6.1.6.3.12.", "1.3.6.1.6.3.13.", "1.3.6.1.6.3.15.1.2.2.", "1.3.6.1.6.3.18."];
    let shown = |guard: &&str| everything.iter().any(|name| name.starts_with(guard));
    assert_eq!(guards.iter().find(|guard| shown(guard)), None, "for privacy alone");
    for guard in ["1.3.6.1.6.3.16.1.4.1.4", "1.3.6.1.6.3.18.1.1.1.2"] {
        let (next, value) = &manager.get_next(V2C, &[guard]).bindings[0];
        assert_eq!(*value, VarBindValue::EndOfMibView, "{guard}: {next}");
    }
    // The mask's zero stands for the column: rows 7 and 30 of the device table.
    let row = |number: u32| family(&format!("{DEVICE}.0.{number}"), &[0xff, 0b1110_1111], true);
    for families in [
        vec![],
        vec![family("1.3.6.1.2.1.1", &[], true)],
        vec![family("1.3.6.1", &[], true), family(DEVICE, &[], false)],
        vec![row(7), row(30)],
        vec![family("1", &[], true), family(&format!("{DEVICE}.0.7"), &[0xff, 0b1110_1111], false)],
        vec![family("1.3.6.1.2.1.1.3.0", &[], true), family(&format!("{DEVICE}.2.9"), &[], true)],
        vec![family(&format!("{DEVICE}.3"), &[], true), family(&format!("{DEVICE}.3.9"), &[], false)],
        vec![family("1", &[], true), family("1.3.6.1.2.1.1.9.1.0.2", &[0xff, 0b1011_1111], false)],
    ] {
        let tree = Tree::new(families.clone(), &[]);
        let (shown, hidden): (Vec<_>, Vec<_>) =
            everything.iter().cloned().partition(|name| tree.shows(&arcs(name)));
        manager.agent.rule(rows(&families, "", false));
        for repetitions in [0, 1, 3, 50] {
            let walked = walk(&mut manager, repetitions);
            // What counts requests moves on, but its names do not.
            assert_eq!(walked, shown, "{repetitions} {families:?}");
        }
        for name in hidden.iter().step_by(37) {
            let reply = manager.get(V2C, &[name]);
            let absent =
                matches!(reply.bindings[0].1, VarBindValue::NoSuchObject | VarBindValue::NoSuchInstance);
            assert!(absent, "{name} {families:?}");
        }
        for name in shown.iter().step_by(37) {
            let value = &manager.get(V2C, &[name]).bindings[0].1;
            assert!(matches!(value, VarBindValue::Value(_)), "{name} {families:?}");
        }
    }
    manager.agent.rule(rows(&[row(7)], "", false));
    let exceptions = manager.get(V2C, &[&format!("{DEVICE}.2.8"), "1.3.6.1.2.1.1.3.0"]);
    assert_eq!(exceptions.bindings[0].1, VarBindValue::NoSuchInstance, "another row of the column is shown");
    assert_eq!(exceptions.bindings[1].1, VarBindValue::NoSuchObject);
}

#[test]
fn contexts_by_name_and_prefix() {
    let mut manager = manager();
    let all = [family("1", &[], true)];
    for (context, exact, open, closed) in [
        ("dev-7", true, "public@dev-7", "public@dev-8"),
        ("dev-1", false, "public@dev-17", "public@dev-2"),
        ("dev-1", true, "public@+2", "public@dev-17"),
        ("+fleet", true, "public@+fleet", "public"),
        ("", true, "public", "public@dev-1"),
    ] {
        manager.agent.rule(rows(&all, context, exact));
        manager.community = open.into();
        assert_eq!(manager.get(V2C, &["1.3.6.1.2.1.1.3.0"]).status, 0, "{context}: {open}");
        manager.community = closed.into();
        let reply = manager.get(V2C, &["1.3.6.1.2.1.1.3.0"]);
        assert_eq!((reply.status, reply.index), (16, 0), "authorizationError for {context}: {closed}");
        // Of v1 nothing is granted here at all (RFC 3584 section 4.4: noSuchName).
        assert_eq!(manager.get(V1, &["1.3.6.1.2.1.1.3.0"]).status, 2);
    }
}

#[test]
fn the_modules_that_guard_are_hidden_from_communities() {
    let mut manager = manager();
    let walked = walk(&mut manager, 50);
    let modules: Vec<_> = walked.iter().filter(|name| name.starts_with("1.3.6.1.6.3.")).collect();
    assert!(!modules.is_empty());
    for name in modules {
        let open = name.starts_with("1.3.6.1.6.3.1.") || name.starts_with("1.3.6.1.6.3.10.");
        assert!(open, "{name}");
    }
}

/// Devices whose number is a multiple of this are of the site that may be seen.
const EVERY: u32 = 7;

#[test]
fn a_scope_shows_the_rows_of_its_devices() {
    let mut manager = manager();
    manager.open();
    let everything = walk(&mut manager, 50);
    let scope =
        manager.fleet.scope(|row| row.number() % EVERY == 0 && row.attribute(Attribute::Site) != "away");
    let mut rows = rows(&[family("1", &[], true)], "", false);
    rows.scopes.push((Model::V2c, "community-1".to_owned(), scope));
    manager.agent.rule(rows);
    // Of tables whose first index is a device, those of the scope; no communities, by which others see more; all else as it is.
    let of_device = |name: &str| {
        let name = arcs(name);
        let table = [2, 3, 4, 6].map(|table| [&arcs("1.3.6.1.4.1.32473.2.1")[..], &[table, 1]].concat());
        let table = table.iter().find(|table| name.starts_with(table))?;
        Some(name[table.len() + 1])
    };
    let shown: Vec<_> = everything
        .iter()
        .filter(|name| of_device(name).is_none_or(|device| device % EVERY == 0))
        .filter(|name| !arcs(name).starts_with(&arcs("1.3.6.1.6.3.18.1.1")))
        .cloned()
        .collect();
    assert!(shown.len() < everything.len() / 2);
    for repetitions in [0, 1, 3, 50] {
        assert_eq!(walk(&mut manager, repetitions), shown, "{repetitions}");
    }
    let value = |manager: &mut Manager, name: String| manager.get(V2C, &[&name]).bindings[0].1.clone();
    assert!(matches!(value(&mut manager, format!("{DEVICE}.2.14")), VarBindValue::Value(_)));
    assert_eq!(value(&mut manager, format!("{DEVICE}.2.15")), VarBindValue::NoSuchInstance);
    // Every way to a device ends at the same gate.
    for (community, status) in
        [("public@dev-13", 0), ("public@+14", 0), ("public@dev-14", 16), ("public@+15", 16)]
    {
        manager.community = community.into();
        assert_eq!(manager.get(V2C, &["1.3.6.1.2.1.1.5.0"]).status, status, "{community}");
    }
    manager.community = "public@+fleet".into();
    let fleet = walk(&mut manager, 50);
    let indexes = fleet.iter().filter_map(|name| name.strip_prefix("1.3.6.1.2.1.47.1.1.1.1.7."));
    let devices: BTreeSet<u32> = indexes.map(|index| index.parse::<u32>().unwrap() >> 10).collect();
    assert_eq!(devices, (1..=DEVICES).filter(|device| device % EVERY == 0).collect());
    // Who leaves is gone at once; who comes back is found when the fleet has been looked through.
    manager.community = "public".into();
    for (site, before, after) in [("away", false, false), ("home", false, true)] {
        manager.fleet.manage(14, ManagedFact::Text(Attribute::Site, site), NOW);
        let is_there = |manager: &mut Manager| walk(manager, 50).contains(&format!("{DEVICE}.2.14"));
        assert_eq!(is_there(&mut manager), before, "{site}");
        manager.fleet.rescope();
        assert_eq!(is_there(&mut manager), after, "{site}");
    }
}

#[test]
fn a_small_scope_of_a_large_fleet_is_walked_in_few_steps() {
    let fleet = fleet();
    for n in 0..100_000 {
        learn(&fleet, SENSOR, &format!("dev-{n}"));
    }
    let mut manager = Manager::new(fleet, mib::all());
    let scope = manager.fleet.scope(|row| row.number() % 10_000 == 0);
    let mut rows = rows(&[family("1", &[], true)], "", false);
    rows.scopes.push((Model::V2c, "community-1".to_owned(), scope));
    manager.agent.rule(rows);
    let before = manager.agent.stats().snmp.in_get_bulks.value();
    let walked = walk(&mut manager, 25);
    assert!(walked.iter().filter(|name| name.starts_with(&format!("{DEVICE}."))).count() >= 10 * 20);
    let requests = manager.agent.stats().snmp.in_get_bulks.value() - before;
    assert!(requests <= 100, "{requests} requests for {} instances", walked.len());
}
