//! Small fleets for the tests of our own parts. Tests with real tools never use this.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use fleetbridge::{
    fleet::{Adapter, Fleet, Identity, Resolved},
    model::*,
};

/// 2026-11-23T00:00:00Z.
pub const START: Time = Time::from_secs(1_795_392_000);

pub fn point(number: u16, name: &str, ty: PointType, digits: i8) -> PointDef {
    let kind = match ty {
        PointType::Counter => PointKind::Counter,
        PointType::Boolean | PointType::Text => PointKind::State,
        _ => PointKind::Gauge,
    };
    PointDef { number, name: name.to_owned(), ty, kind, unit: String::new(), digits, role: None }
}

pub fn profile(name: &str, points: Vec<PointDef>, interval_secs: u64, missed: u32) -> Profile {
    Profile {
        points,
        revision: "2026-11-23".to_owned(),
        class: "sensor".to_owned(),
        manufacturer: "ACME".to_owned(),
        model: "TH-2".to_owned(),
        presence: PresenceRule { interval: interval_secs * 1000, missed },
        ..Profile::forgotten(name, 1)
    }
}

/// A sensor with a point of each type; late after 90 s, lost after 180 s.
pub fn sensor() -> Profile {
    profile(
        "sensor",
        vec![
            point(1, "temperature", PointType::Decimal, 1),
            point(2, "on", PointType::Boolean, 0),
            point(4, "energy", PointType::Counter, 0),
            point(7, "state", PointType::Text, 0),
        ],
        60,
        3,
    )
}

/// A fleet of the profiles `sensor` and `gateway` (which never falls silent by itself), adapter 1 named `plant` being up.
pub fn fleet() -> Fleet {
    let gateway = Profile { stored_id: 2, ..profile("gateway", vec![], 60, 3) };
    let fleet = Fleet::new(Profiles::new(vec![sensor(), gateway]), 0);
    add_adapter(&fleet, 1, "plant");
    fleet
}

pub const SENSOR: ProfileId = ProfileId(0);
pub const GATEWAY: ProfileId = ProfileId(1);

pub fn add_adapter(fleet: &Fleet, id: AdapterId, name: &str) {
    let adapter = std::sync::Arc::new(Adapter::new(id, name, "mqtt", "mqtt://127.0.0.1:1883", START));
    fleet.adapters().add(adapter.clone());
    fleet.adapter_up(&adapter, START);
}

pub fn identity(profile: ProfileId, id: &str) -> Identity {
    Identity { adapter: 1, profile, id: id.to_owned() }
}

/// Learns a device at once and returns its number.
pub fn learn(fleet: &Fleet, profile: ProfileId, id: &str) -> DeviceNumber {
    let records = fleet.draft(&[identity(profile, id)], START).expect("room");
    fleet.insert(&records);
    fleet.resolve(1, profile, id).expect("inserted").0
}

/// Absorbs a report of one device.
pub fn report(fleet: &Fleet, device: DeviceNumber, retained: bool, facts: &[Fact], now: Time) {
    report_child(fleet, device, 0, retained, facts, now);
}

pub fn report_child(
    fleet: &Fleet,
    device: DeviceNumber,
    parent: DeviceNumber,
    retained: bool,
    facts: &[Fact],
    now: Time,
) {
    let mut reports = Reports::default();
    reports.begin(SENSOR, "ignored", retained);
    facts.iter().for_each(|fact| reports.push(*fact));
    fleet.absorb(&reports, &mut [Resolved { device, report: 0, parent }], now);
    fleet.show_boots(&fleet.moved_boots(usize::MAX));
}

/// Of a device that has no clock.
pub fn ran_for(secs: u64) -> Fact {
    Fact::Uptime { secs, time: Time::NEVER }
}

pub fn value(slot: u16, value: i64) -> Fact {
    Fact::Point { slot, value: Scalar::Integer(value), time: Time::NEVER }
}

pub fn after(secs: u64) -> Time {
    START.plus_millis(secs * 1000)
}
