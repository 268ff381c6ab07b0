//! What a device's own agent makes of points that play a role, and of what else tools read there: units, digits, age,
//! ends of ranges, when something last changed.

mod snmp_support;
mod support;

use fleetbridge::{model::*, snmp::view::Hosts};
use rasn_snmp::v2::VarBindValue;
use snmp_support::*;
use support::*;

const CHARGE: &str = "1.3.6.1.2.1.33.1.2.4.0";
const BATTERY_STATUS: &str = "1.3.6.1.2.1.33.1.2.1.0";
const VOLTAGE: &str = "1.3.6.1.2.1.233.1.1.1.16.1023";
const CURRENT: &str = "1.3.6.1.2.1.233.1.1.1.17.1023";
const TEMPERATURE: &str = "1.3.6.1.2.1.233.1.1.1.18.1023";
const BATTERY_STATE: &str = "1.3.6.1.2.1.131.1.1.1.3.1023";
const MEMORY: &str = "1.3.6.1.2.1.25.2.2.0";
const STORAGE: [&str; 3] =
    ["1.3.6.1.2.1.25.2.3.1.4.1", "1.3.6.1.2.1.25.2.3.1.5.1", "1.3.6.1.2.1.25.2.3.1.6.1"];
const LOAD: &str = "1.3.6.1.2.1.25.3.3.1.2.2";
const PROCESSOR_STATUS: &str = "1.3.6.1.2.1.25.3.2.1.5.2";
const OCTETS_IN: &str = "1.3.6.1.2.1.31.1.1.1.6.1";

const UNKNOWN_INTEGER: u64 = 0x7fff_ffff;
const UNKNOWN_UNSIGNED: u64 = 0xffff_ffff;

fn played(number: u16, ty: PointType, digits: i8, unit: &str, role: Role) -> PointDef {
    let name = format!("p{number}");
    PointDef { unit: unit.to_owned(), role: Some(role), ..point(number, &name, ty, digits) }
}

/// One device of a profile with these points; its view is asked.
fn device(points: Vec<PointDef>) -> Manager {
    let fleet = fleetbridge::fleet::Fleet::new(Profiles::new(vec![profile("thing", points, 60, 3)]), 0);
    add_adapter(&fleet, 1, "plant");
    learn(&fleet, SENSOR, "thing");
    let mut manager = Manager::with_hosts(fleet, Hosts::default());
    manager.community = "public@thing".to_owned();
    manager
}

/// `None`: there is no instance.
fn numbers(manager: &mut Manager, names: &[&str]) -> Vec<Option<u64>> {
    let bindings = manager.get(V2C, names).bindings;
    let none =
        |value: &VarBindValue| matches!(value, VarBindValue::NoSuchInstance | VarBindValue::NoSuchObject);
    bindings.iter().map(|(_, value)| (!none(value)).then(|| number(value))).collect()
}

fn decimal(number: u16, digits: i8, unit: &str, role: Role) -> PointDef {
    played(number, PointType::Decimal, digits, unit, role)
}

#[test]
fn numbers_have_the_unit_of_the_object() {
    let mut manager = device(vec![
        decimal(1, 2, "", Role::BatteryCharge),
        decimal(2, 0, "mV", Role::BatteryVoltage),
        decimal(3, 0, "uA", Role::BatteryCurrent),
        decimal(4, 0, "fahrenheit", Role::BatteryTemperature),
        decimal(5, -1, "KiB", Role::MemorySize),
        decimal(6, 0, "kB", Role::MemoryFree),
        decimal(7, -1, "percent", Role::ProcessorLoad),
        played(8, PointType::Counter, 0, "KiB", Role::OctetsReceived),
    ]);
    let said = [87, 3712, 21_000, 77, 6400, 32_768, 5, 1000];
    let facts: Vec<Fact> = (0..).zip(said).map(|(slot, said)| value(slot, said)).collect();
    report(&manager.fleet, 1, false, &facts, after(115));
    let names = [CHARGE, BATTERY_STATUS, VOLTAGE, CURRENT, TEMPERATURE, MEMORY, LOAD, OCTETS_IN];
    let expected = [87, 2, 3712, 21, 250, 64_000, 50, 1_024_000].map(Some);
    assert_eq!(numbers(&mut manager, &names), expected);
    assert_eq!(numbers(&mut manager, &STORAGE), [1024, 64_000, 32_000].map(Some));
}

#[test]
fn memory_in_percent_is_a_share_of_the_size_if_that_is_known() {
    let mut manager =
        device(vec![decimal(1, 0, "MiB", Role::MemorySize), decimal(2, 0, "percent", Role::MemoryFree)]);
    report(&manager.fleet, 1, false, &[], after(100));
    assert_eq!(numbers(&mut manager, &STORAGE), [None; 3]);
    report(&manager.fleet, 1, false, &[value(1, 30)], after(110));
    assert_eq!(numbers(&mut manager, &STORAGE), [1, 100, 70].map(Some));
    report(&manager.fleet, 1, false, &[value(0, 1)], after(115));
    assert_eq!(numbers(&mut manager, &STORAGE), [1024, 1024, 716].map(Some));
}

#[test]
fn what_is_stale_or_bad_is_not_shown_as_a_fact() {
    let mut manager = device(vec![
        decimal(1, 0, "percent", Role::BatteryCharge),
        decimal(2, 0, "mV", Role::BatteryVoltage),
        decimal(3, 0, "KiB", Role::MemorySize),
        decimal(4, 0, "percent", Role::MemoryUsed),
        decimal(5, 0, "percent", Role::ProcessorLoad),
        point(6, "else", PointType::Integer, 0),
    ]);
    let names = [CHARGE, BATTERY_STATUS, VOLTAGE, BATTERY_STATE, LOAD, PROCESSOR_STATUS, STORAGE[2]];
    let said = [87, 3712, 640, 50, 12];
    let facts: Vec<Fact> = (0..).zip(said).map(|(slot, said)| value(slot, said)).collect();
    report(&manager.fleet, 1, false, &facts, after(100));
    assert_eq!(numbers(&mut manager, &names), [87, 2, 3712, 3, 12, 2, 320].map(Some));
    // It goes on talking, but of something else.
    report(&manager.fleet, 1, false, &[value(5, 1)], after(290));
    manager.now = after(300);
    let stale = [None, Some(1), Some(UNKNOWN_UNSIGNED), Some(1), None, Some(1), None];
    assert_eq!(numbers(&mut manager, &names), stale);
    assert_eq!(numbers(&mut manager, &STORAGE[..2]), [1024, 640].map(Some), "the size does not age");
    let facts: Vec<Fact> =
        (0..5).map(|slot| Fact::Point { slot, value: Scalar::Bad, time: Time::NEVER }).collect();
    report(&manager.fleet, 1, false, &facts, after(300));
    assert_eq!(numbers(&mut manager, &names), stale);
    report(&manager.fleet, 1, false, &[value(1, 3600)], after(300));
    assert_eq!(numbers(&mut manager, &[VOLTAGE, BATTERY_STATE]), [3600, 3].map(Some), "it is heard");
}

#[test]
fn a_value_out_of_range_is_not_the_number_for_unknown() {
    let mut manager = device(vec![
        decimal(1, 0, "kilovolts", Role::BatteryVoltage),
        decimal(2, 0, "amperes", Role::BatteryCurrent),
        decimal(3, -9, "kelvin", Role::BatteryTemperature),
    ]);
    report(&manager.fleet, 1, false, &[], after(100));
    let names = [VOLTAGE, CURRENT, TEMPERATURE];
    let unknown = [UNKNOWN_UNSIGNED, UNKNOWN_INTEGER, UNKNOWN_INTEGER];
    assert_eq!(numbers(&mut manager, &names), unknown.map(Some));
    report(&manager.fleet, 1, false, &[0, 1, 2].map(|slot| value(slot, i64::MAX)), after(115));
    assert_eq!(numbers(&mut manager, &names), unknown.map(|unknown| Some(unknown - 1)));
}

#[test]
fn a_locked_device_has_its_interface_up() {
    let mut manager = device(vec![]);
    report(&manager.fleet, 1, false, &[], after(115));
    manager.fleet.manage(1, ManagedFact::AdminState(AdminState::OutOfService), after(116));
    let names = ["1.3.6.1.2.1.2.2.1.7.1", "1.3.6.1.2.1.2.2.1.8.1", "1.3.6.1.2.1.131.1.1.1.2.1"];
    assert_eq!(numbers(&mut manager, &names), [1, 1, 2].map(Some));
}

#[test]
fn modules_of_which_a_device_has_nothing_are_not_among_its_resources() {
    const ID: &str = "1.3.6.1.2.1.1.9.1.2";
    let listed = |manager: &mut Manager| {
        let bindings = manager.bulk(V2C, 0, 20, &[ID]).unwrap().bindings;
        let rows = bindings
            .into_iter()
            .filter_map(|(name, _)| name.strip_prefix(ID)?.strip_prefix('.')?.parse().ok());
        rows.collect::<Vec<u32>>()
    };
    let mut plain = device(vec![]);
    report(&plain.fleet, 1, false, &[], after(115));
    let [battery, ups, reader] = [7, 10, 11];
    let mut with_battery = device(vec![decimal(1, 0, "percent", Role::BatteryCharge)]);
    report(&with_battery.fleet, 1, false, &[], after(115));
    let (plain, with_battery) = (listed(&mut plain), listed(&mut with_battery));
    assert!(plain.contains(&8) && ![battery, ups, reader].iter().any(|row| plain.contains(row)), "{plain:?}");
    assert!([battery, ups].iter().all(|row| with_battery.contains(row)), "{with_battery:?}");
}

/// entLastChangeTime, hrSWInstalledLastChange and hrSWInstalledLastUpdateTime.
#[test]
fn the_last_change_is_told_in_the_time_of_the_device() {
    let names = ["1.3.6.1.2.1.47.1.4.1.0", "1.3.6.1.2.1.25.6.1.0", "1.3.6.1.2.1.25.6.2.0"];
    let mut manager = device(vec![]);
    let says = |manager: &Manager, attribute, text: &str, secs| {
        let mut reports = Reports::default();
        reports.begin(SENSOR, "thing", false);
        let text = reports.text(text);
        reports.push(Fact::Attribute { attribute, text });
        let mut resolved = [fleetbridge::fleet::Resolved { device: 1, report: 0, parent: 0 }];
        manager.fleet.absorb(&reports, &mut resolved, after(secs));
    };
    says(&manager, Attribute::Firmware, "1", 10);
    assert_eq!(numbers(&mut manager, &names), [Some(1000); 3], "learned at the start, that long ago");
    says(&manager, Attribute::Firmware, "1", 20);
    assert_eq!(numbers(&mut manager, &names), [Some(1000); 3], "nothing is new");
    for (attribute, secs) in
        [(Attribute::Software, 30), (Attribute::HardwareRevision, 40), (Attribute::Serial, 50)]
    {
        says(&manager, attribute, "2", secs);
        assert_eq!(numbers(&mut manager, &names), [Some(secs * 100); 3], "{attribute:?}");
    }
    report(&manager.fleet, 1, false, &[Fact::Uptime { secs: 20, time: Time::NEVER }], after(110));
    assert_eq!(numbers(&mut manager, &names), [Some(0); 3], "not since it booted");
    manager.community = "public@+fleet".to_owned();
    says(&manager, Attribute::Serial, "3", 115);
    let [before, uptime] = [names[0], "1.3.6.1.2.1.1.3.0"];
    let found = numbers(&mut manager, &[before, uptime]);
    assert!(found[0] < found[1], "{found:?}");
}

#[test]
fn who_hangs_on_a_retired_device_hangs_on_nothing() {
    let fleet = fleet();
    let (gateway, child) = (learn(&fleet, GATEWAY, "gateway"), learn(&fleet, SENSOR, "child"));
    report_child(&fleet, child, gateway, false, &[value(0, 1)], after(1));
    let mut manager = Manager::with_hosts(fleet, Hosts::default());
    let parents = |manager: &mut Manager| {
        manager.community = "public".to_owned();
        let row = numbers(manager, &[&format!("1.3.6.1.4.1.32473.2.1.2.1.13.{child}")])[0];
        manager.community = "public@+fleet".to_owned();
        let contained = format!("1.3.6.1.2.1.47.1.1.1.1.4.{}", child << 10 | 1);
        [row, numbers(manager, &[&contained])[0]]
    };
    let there = [Some(gateway.into()), Some(u64::from(gateway << 10 | 1))];
    assert_eq!(parents(&mut manager), there);
    manager.fleet.retire(gateway, after(2));
    assert_eq!(parents(&mut manager), [Some(0); 2]);
    manager.fleet.revive(gateway, after(3));
    assert_eq!(parents(&mut manager), there);
}

/// ifHCOutOctets, ifHCOutUcastPkts, ifOutOctets, ifOutUcastPkts, ifHCInOctets, ifCounterDiscontinuityTime.
#[test]
fn what_a_device_sends_is_counted_if_it_does_not_count() {
    const SENT: [&str; 6] = [
        "1.3.6.1.2.1.31.1.1.1.10.1",
        "1.3.6.1.2.1.31.1.1.1.11.1",
        "1.3.6.1.2.1.2.2.1.16.1",
        "1.3.6.1.2.1.2.2.1.17.1",
        OCTETS_IN,
        "1.3.6.1.2.1.31.1.1.1.19.1",
    ];
    let sends = |manager: &Manager, retained, octets, facts: &[Fact]| {
        let mut reports = Reports::default();
        reports.begin(SENSOR, "thing", retained);
        facts.iter().for_each(|fact| reports.push(*fact));
        reports.weigh(0, octets);
        let mut resolved = [fleetbridge::fleet::Resolved { device: 1, report: 0, parent: 0 }];
        manager.fleet.absorb(&reports, &mut resolved, after(110));
        manager.fleet.show_boots(&manager.fleet.moved_boots(usize::MAX));
    };
    let mut manager = device(vec![]);
    sends(&manager, false, 700, &[]);
    sends(&manager, true, 900, &[]);
    sends(&manager, false, 77, &[Fact::Uptime { secs: 3600, time: Time::NEVER }]);
    let booted = 110 - 3600;
    let expected = [Some(777), Some(2), Some(777), Some(2), None, Some((-booted * 100) as u64)];
    assert_eq!(numbers(&mut manager, &SENT), expected, "from the start of the bridge on");
    let mut counts = device(vec![played(1, PointType::Counter, 0, "", Role::OctetsSent)]);
    sends(&counts, false, 700, &[]);
    assert_eq!(numbers(&mut counts, &SENT[..2]), [None, Some(1)]);
    sends(&counts, false, 700, &[value(0, 5)]);
    assert_eq!(numbers(&mut counts, &SENT[..2]), [Some(5), Some(2)]);
}

#[test]
fn a_message_of_several_devices_is_shared_out() {
    let mut reports = Reports::default();
    reports.begin(SENSOR, "before", false);
    reports.weigh(0, 10);
    ["a", "b", "c"].iter().for_each(|id| reports.begin(SENSOR, id, false));
    reports.weigh(1, 100);
    reports.weigh(4, 7);
    assert_eq!(reports.iter().map(|report| report.octets).collect::<Vec<_>>(), [10, 33, 33, 33]);
}

#[test]
fn scalars_behind_a_table_are_read_and_walked() {
    let mut manager = device(vec![]);
    report(&manager.fleet, 1, false, &[], after(115));
    let (table, stack) = ("1.3.6.1.2.1.31.1.5", "1.3.6.1.2.1.31.1.6");
    let (table_0, stack_0) = (format!("{table}.0"), format!("{stack}.0"));
    assert_eq!(
        numbers(&mut manager, &[&table_0, &stack_0, table, &format!("{table}.1")]),
        [Some(0), Some(0), None, None]
    );
    let rows = ["1.3.6.1.2.1.31.1.2.1.3.0.1", "1.3.6.1.2.1.31.1.2.1.3.1.0"];
    assert_eq!(numbers(&mut manager, &rows), [Some(1); 2]);
    for (name, next) in [
        ("1.3.6.1.2.1.31.1.1.1.19.1", rows[0]),
        (rows[0], rows[1]),
        (rows[1], &table_0),
        (table, &table_0),
        (&table_0, &stack_0),
        (&format!("{table}.0.1"), &stack_0),
    ] {
        assert_eq!(manager.get_next(V2C, &[name]).names(), [next], "{name}");
    }
}
