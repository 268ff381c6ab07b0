//! Whose agent answers: by address, by port, by community; and who does not answer.

mod snmp_support;
mod support;

use fleetbridge::{
    model::*,
    snmp::{addresses::Addresses, community::Network, view::Hosts},
};
use rasn_snmp::v2::VarBindValue;
use snmp_support::*;
use support::*;

const NAME: &str = "1.3.6.1.2.1.1.5.0";
const UPTIME: &str = "1.3.6.1.2.1.1.3.0";
const SELF_NUMBER: &str = "1.3.6.1.4.1.32473.2.1.10.1.0";

/// Three devices with an address of each family and a port; the third was never heard.
fn manager() -> Manager {
    let fleet = fleet();
    for name in ["one", "two", "three"] {
        let device = learn(&fleet, SENSOR, name);
        if name != "three" {
            report(&fleet, device, false, &[value(0, 215)], after(1));
        }
    }
    let pools: Vec<Network> = ["127.1.0.0/16", "fd00:1::/64"].map(|pool| pool.parse().unwrap()).into();
    let hosts = Hosts {
        listen: ["127.0.0.1:161", "127.0.0.3:162"].map(|listen| listen.parse().unwrap()).into(),
        addresses: Addresses::new(&pools, Some(20_000..=20_999)),
        ..Hosts::default()
    };
    Manager::with_hosts(fleet, hosts)
}

/// sysName.0, if there is an answer.
fn name(manager: &mut Manager, local: &str, community: &str) -> Option<String> {
    manager.local = local.parse().unwrap();
    manager.community = community.to_owned();
    Some(manager.ask(V2C, Kind::Get, &[NAME])?.texts().remove(0))
}

#[test]
fn address_and_port_decide_and_the_community_may_repeat() {
    let mut manager = manager();
    for (local, community, answers) in [
        ("127.0.0.1:161", "public", Some("bridge")),
        ("127.0.0.1:161", "public@one", Some("one")),
        ("127.0.0.1:161", "public-two", Some("two")),
        ("127.0.0.1:161", "public@+2", Some("two")),
        ("127.0.0.1:161", "public@+fleet", Some("bridge")),
        ("127.1.0.1:161", "public", Some("one")),
        ("[::ffff:127.1.0.2]:161", "public", Some("two")),
        ("[fd00:1::2]:161", "public", Some("two")),
        ("[fd00:1::2]:161", "public@two", Some("two")),
        ("127.0.0.1:20000", "public", Some("one")),
        ("127.0.0.1:20001", "public@+2", Some("two")),
        // Another device than the one that was asked, or none.
        ("127.1.0.1:161", "public@two", None),
        ("127.1.0.1:161", "public@+fleet", None),
        ("127.0.0.1:20000", "public@two", None),
        ("127.0.0.1:161", "public@four", None),
        ("127.0.0.1:161", "public@+4", None),
        ("127.0.0.1:161", "public@+", None),
        ("127.0.0.1:161", "public@++1", None),
        ("127.0.0.1:161", "public@+01234567890123", None),
        ("127.1.0.9:161", "public", None),
        ("127.0.0.1:20009", "public", None),
        // Each of its own addresses at its own port, devices at all.
        ("127.0.0.3:162", "public", Some("bridge")),
        ("127.0.0.1:162", "public", None),
        ("127.0.0.3:161", "public", None),
        ("127.1.0.1:162", "public", Some("one")),
        // Addresses of nobody.
        ("127.0.0.2:161", "public", None),
        ("127.1.0.0:161", "public", None),
        ("127.1.255.255:161", "public", None),
        ("[fd00:1::]:161", "public", None),
        ("[fd00:1:0:0:8000::1]:161", "public", None),
    ] {
        assert_eq!(name(&mut manager, local, community).as_deref(), answers, "{community} at {local}");
    }
    let stats = manager.agent.stats();
    assert_eq!((stats.snmp.unknown_contexts.value(), stats.snmp.unknown_addresses.value()), (10, 7));
}

#[test]
fn who_is_not_heard_does_not_answer() {
    let mut manager = manager();
    assert_eq!(name(&mut manager, "127.1.0.3:161", "public"), None, "never seen");
    let lost = [Fact::Availability(Availability::Lost)];
    report(&manager.fleet, 1, false, &lost, after(2));
    assert_eq!(name(&mut manager, "127.1.0.1:161", "public"), None, "lost");
    assert_eq!(manager.agent.stats().snmp.silent_devices.value(), 2);
    report(&manager.fleet, 1, false, &[value(0, 216)], after(3));
    assert_eq!(name(&mut manager, "127.1.0.1:161", "public").as_deref(), Some("one"), "it is back");
    manager.fleet.retire(1, after(4));
    assert_eq!(name(&mut manager, "127.1.0.1:161", "public"), None, "retired");
    assert_eq!(manager.agent.stats().snmp.unknown_contexts.value(), 1);
}

/// ifOperStatus, entStateOper, hrDeviceStatus, fbSelfPresence: what each tool looks at says the same.
#[test]
fn all_tables_agree_on_presence() {
    let fleet = fleet();
    let (gateway, child) = (learn(&fleet, GATEWAY, "gateway"), learn(&fleet, SENSOR, "child"));
    let hosts = Hosts { silent: Vec::new(), ..Hosts::default() };
    let mut manager = Manager::with_hosts(fleet, hosts);
    manager.community = format!("public@+{child}");
    let says = |manager: &Manager, device, availability, secs| {
        report(&manager.fleet, device, false, &[Fact::Availability(availability)], after(secs));
    };
    let told = |manager: &mut Manager, expected: [u64; 4]| {
        let names = [
            "1.3.6.1.2.1.2.2.1.8.1",
            "1.3.6.1.2.1.131.1.1.1.3.1",
            "1.3.6.1.2.1.25.3.2.1.5.1",
            "1.3.6.1.4.1.32473.2.1.10.3.0",
        ];
        assert_eq!(manager.get(V2C, &names).numbers(), expected);
        let own_row = format!("1.3.6.1.4.1.32473.2.1.2.1.15.{child}");
        assert_eq!(manager.get(V2C, &[&own_row]).numbers(), expected[3..]);
    };
    told(&mut manager, [4, 1, 1, Presence::NeverSeen as u64]);
    says(&manager, gateway, Availability::Online, 1);
    report_child(&manager.fleet, child, gateway, false, &[value(0, 1)], after(1));
    told(&mut manager, [1, 3, 2, Presence::Online as u64]);
    manager.fleet.sweep(after(95));
    told(&mut manager, [1, 3, 3, Presence::Late as u64]);
    says(&manager, child, Availability::Sleeping, 96);
    told(&mut manager, [5, 3, 2, Presence::Sleeping as u64]);
    says(&manager, child, Availability::Online, 97);
    says(&manager, gateway, Availability::Lost, 98);
    told(&mut manager, [2, 2, 5, Presence::Unreachable as u64]);
    says(&manager, gateway, Availability::Online, 99);
    says(&manager, child, Availability::Lost, 100);
    told(&mut manager, [2, 2, 5, Presence::Lost as u64]);
}

#[test]
fn a_device_counts_its_time_from_its_own_boot() {
    let mut manager = manager();
    manager.local = "127.1.0.1:161".parse().unwrap();
    let uptime = |manager: &mut Manager| manager.get(V2C, &[UPTIME]).numbers()[0];
    // Learned at the start; nothing said when it booted.
    assert_eq!(uptime(&mut manager), 12_000);
    report(&manager.fleet, 1, false, &[ran_for(3600)], after(100));
    assert_eq!(uptime(&mut manager), 362_000);
    // A little off is no reboot.
    report(&manager.fleet, 1, false, &[ran_for(3590)], after(110));
    assert_eq!(uptime(&mut manager), 362_000);
    report(&manager.fleet, 1, false, &[ran_for(5)], after(115));
    assert_eq!(uptime(&mut manager), 1_000);
}

/// Whether somebody sets it back or forth: a manager sees no step, nor anybody lost.
#[test]
fn a_clock_that_is_set_moves_no_uptime() {
    for set_by in [-3_600_000i64, 3_600_000] {
        let mut manager = manager();
        manager.local = "127.1.0.1:161".parse().unwrap();
        let uptime = |manager: &mut Manager| manager.get(V2C, &[UPTIME]).numbers()[0];
        report(&manager.fleet, 1, false, &[ran_for(7200)], after(100));
        manager.now = after(120);
        assert_eq!(uptime(&mut manager), 722_000);
        manager.now = after(121).shifted(set_by);
        manager.fleet.set_clock(set_by, manager.now);
        assert_eq!(uptime(&mut manager), 722_100);
        manager.fleet.sweep(manager.now);
        assert_eq!(manager.fleet.row(1, |row| row.presence()), Some(Presence::Online));
        let said = after(130).shifted(set_by);
        report(&manager.fleet, 1, false, &[ran_for(7230)], said);
        assert_eq!(manager.fleet.moved_boots(usize::MAX), []);
        manager.now = said;
        assert_eq!(uptime(&mut manager), 723_000);
        let kept = manager.fleet.row(1, |row| row.boot_to_keep()).unwrap();
        assert_eq!(kept, Time(said.0 - 7_230_000), "by the clock of the next start");
    }
}

#[test]
fn a_birth_is_a_boot_unless_the_device_tells_its_uptime() {
    let mut manager = manager();
    manager.local = "127.1.0.1:161".parse().unwrap();
    let uptime = |manager: &mut Manager| manager.get(V2C, &[UPTIME]).numbers()[0];
    let says = |manager: &Manager, availability, retained, secs| {
        report(&manager.fleet, 1, retained, &[Fact::Availability(availability)], after(secs));
    };
    says(&manager, Availability::Online, false, 20);
    assert_eq!(uptime(&mut manager), 12_000, "it was there already");
    says(&manager, Availability::Lost, false, 30);
    says(&manager, Availability::Online, true, 40);
    assert_eq!(uptime(&mut manager), 12_000, "that is what the broker kept");
    says(&manager, Availability::Lost, false, 50);
    says(&manager, Availability::Online, false, 60);
    assert_eq!(uptime(&mut manager), 6_000);
    report(&manager.fleet, 1, false, &[ran_for(3600)], after(70));
    says(&manager, Availability::Lost, false, 80);
    says(&manager, Availability::Online, false, 90);
    assert_eq!(uptime(&mut manager), 365_000, "it says itself for how long it runs");
}

#[test]
fn a_view_shows_its_own_rows_only() {
    let mut manager = manager();
    manager.local = "127.1.0.2:161".parse().unwrap();
    assert_eq!(manager.get(V2C, &[SELF_NUMBER]).numbers(), [2]);
    let next = |manager: &mut Manager, name: &str| manager.get_next(V2C, &[name]).names()[0].to_owned();
    let devices = "1.3.6.1.4.1.32473.2.1.2.1.2";
    assert_eq!(next(&mut manager, devices), format!("{devices}.2"));
    assert_eq!(next(&mut manager, &format!("{devices}.2")), "1.3.6.1.4.1.32473.2.1.2.1.3.2");
    let points = "1.3.6.1.4.1.32473.2.1.3.1.2";
    assert_eq!(next(&mut manager, points), format!("{points}.2.1"));
    assert_eq!(next(&mut manager, &format!("{points}.2.7")), "1.3.6.1.4.1.32473.2.1.3.1.3.2.1");
    for foreign in
        [format!("{devices}.1"), "1.3.6.1.4.1.32473.2.1.1.1.0".into(), "1.3.6.1.6.3.10.2.1.1.0".into()]
    {
        let reply = manager.get(V2C, &[&foreign]);
        let none = [VarBindValue::NoSuchInstance, VarBindValue::NoSuchObject];
        assert!(none.contains(&reply.bindings[0].1), "{foreign}: {reply:?}");
    }
}
