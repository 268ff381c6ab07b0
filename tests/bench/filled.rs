//! A fleet as large as it gets: devices of 8 points with names, serial numbers and a value in each point.

use std::sync::Arc;

use fleetbridge::{
    fleet::{Adapter, Fleet, Identity, Resolved},
    model::*,
};

pub const POINTS: u16 = 8;
pub const NOW: Time = Time::from_secs(1_795_392_000);

/// Where one device in a thousand stands; those have an address, too.
pub const RARE_SITE: &str = "hall";

/// How many devices: `BENCH_DEVICES`, else 1,000,000.
pub fn devices() -> u32 {
    std::env::var("BENCH_DEVICES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

pub fn profile() -> Profile {
    let points = (1..=POINTS)
        .map(|number| PointDef {
            number,
            name: format!("point-{number}"),
            ty: match number {
                7 => PointType::Counter,
                8 => PointType::Text,
                _ => PointType::Decimal,
            },
            kind: PointKind::Gauge,
            unit: "celsius".to_owned(),
            digits: if number < 7 { 1 } else { 0 },
            role: None,
        })
        .collect();
    Profile {
        points,
        presence: PresenceRule { interval: 300_000, missed: 3 },
        product: Some(1),
        ..Profile::forgotten("sensor", 1)
    }
}

/// The same for the bridge itself, but for its patience: the fleet is silent while it is measured.
pub fn profile_file() -> String {
    let mut text = "[profile]\nname = \"sensor\"\nrevision = \"2026-11-23\"\nclass = \"sensor\"\n\
                    [[uplink]]\ntopic = \"bench/{device}\"\n[presence]\ninterval = \"31d\"\nmissed = 3\n"
        .to_owned();
    for point in profile().points {
        let name = point.name;
        let ty = match point.ty {
            PointType::Counter => "counter",
            PointType::Text => "text",
            _ => "decimal\"\ndigits = 1\nunit = \"celsius",
        };
        text += &format!("[[point]]\nname = \"{name}\"\nfrom = \"/{name}\"\ntype = \"{ty}\"\n");
    }
    text
}

pub fn empty() -> Fleet {
    let fleet = Fleet::new(Profiles::new(vec![profile()]), 0);
    let adapter = Arc::new(Adapter::new(1, "plant", "mqtt", "mqtt://127.0.0.1", NOW));
    fleet.adapters().add(adapter.clone());
    fleet.adapter_up(&adapter, NOW);
    fleet
}

pub fn filled(devices: u32) -> Fleet {
    let fleet = empty();
    for first in (0..devices).step_by(1000) {
        let last = (first + 1000).min(devices);
        report(&fleet, &learn(&fleet, first + 1..=last));
    }
    fleet.sweep(NOW);
    fleet
}

/// Of a device, and its id southbound.
pub fn name(number: DeviceNumber) -> String {
    format!("sensor-{number:07}")
}

/// Gives devices their numbers and names.
pub fn learn(fleet: &Fleet, numbers: std::ops::RangeInclusive<u32>) -> Vec<DeviceRecord> {
    let wanted: Vec<_> =
        numbers.map(|number| Identity { adapter: 1, profile: ProfileId(0), id: name(number) }).collect();
    let records = fleet.draft(&wanted, NOW).expect("room");
    fleet.insert(&records);
    records
}

/// Has each of these devices send all it can.
pub fn report(fleet: &Fleet, records: &[DeviceRecord]) {
    let numbers: Vec<_> = records.iter().map(|record| record.number).collect();
    send(fleet, &numbers, 0);
}

/// Has all devices send again, with other values.
pub fn report_all(fleet: &Fleet) {
    let numbers: Vec<_> = (1..=fleet.counts().numbers_used).collect();
    numbers.chunks(1000).for_each(|numbers| send(fleet, numbers, 1));
}

fn send(fleet: &Fleet, numbers: &[DeviceNumber], more: i64) {
    let mut reports = Reports::default();
    let mut resolved = Vec::new();
    for (report, &number) in numbers.iter().enumerate() {
        reports.begin(ProfileId(0), "x", false);
        let serial = reports.text(&format!("SN{number:010}"));
        reports.push(Fact::Attribute { attribute: Attribute::Serial, text: serial });
        let firmware = reports.text("14.2.0");
        reports.push(Fact::Attribute { attribute: Attribute::Firmware, text: firmware });
        if number.is_multiple_of(1000) {
            for (attribute, text) in [(Attribute::Address, "192.0.2.7"), (Attribute::Site, RARE_SITE)] {
                let text = reports.text(text);
                reports.push(Fact::Attribute { attribute, text });
            }
        }
        for slot in 0..POINTS - 1 {
            let value = Scalar::Integer(i64::from(number % 1000) + more);
            reports.push(Fact::Point { slot, value, time: Time::NEVER });
        }
        let text = reports.text(["charging", "idle", "moving"][report % 3]);
        reports.push(Fact::Point { slot: POINTS - 1, value: Scalar::Text(text), time: Time::NEVER });
        resolved.push(Resolved { device: number, report: report as u32, parent: 0 });
    }
    fleet.absorb(&reports, &mut resolved, NOW.plus_millis(more as u64));
}
