//! Figures of the fleet itself: `figures memory`, `figures ingest`. One line a figure: name, value, unit.
//! `tests/bench/run` runs them all and prints the table of the README.

use std::{ops::ControlFlow, time::Duration};

use fleetbridge::{
    fleet::{Adapter, Fleet, Has, Identity, Resolved, Which},
    model::*,
};

const DEVICES: u32 = 1_000_000;
const POINTS: u16 = 8;
const NOW: Time = Time::from_secs(1_795_392_000);

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("memory") => memory(),
        Some("ingest") => ingest(),
        _ => eprintln!("usage: figures memory|ingest"),
    }
}

/// 1,000,000 devices of 8 points with names, serial numbers, a value in each point, all indexes.
fn memory() {
    let before = resident();
    let fleet = filled();
    figure("memory, 1,000,000 devices x 8 points", (resident() - before) as f64 / 1048576.0, "MiB");
    let devices = fleet.counts().devices();
    assert_eq!(devices, DEVICES);
}

fn ingest() {
    let fleet = filled();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for (name, batch, ordered) in [
        ("random order, batches of 512", 512u32, false),
        ("random order, batches of 8,192", 8192, false),
        ("in order", 8192, true),
    ] {
        let mut reports = Reports::default();
        let mut resolved = Vec::new();
        let (mut spent, mut done, mut next) = (Duration::ZERO, 0u64, 1);
        while done < 4_000_000 {
            reports.clear();
            resolved.clear();
            for report in 0..batch {
                let device = if ordered { next } else { (random() % u64::from(DEVICES)) as u32 + 1 };
                next = next % DEVICES + 1;
                reports.begin(ProfileId(0), "x", false);
                reports.push(Fact::Point {
                    slot: (random() % 6) as u16,
                    value: Scalar::Integer((random() % 1000) as i64),
                    time: Time::NEVER,
                });
                resolved.push(Resolved { device, report, parent: 0 });
            }
            let start = cpu();
            done += fleet.absorb(&reports, &mut resolved, NOW.plus_millis(1)).observations;
            spent += cpu() - start;
        }
        figure(
            &format!("observations absorbed, {name}"),
            done as f64 / spent.as_secs_f64() / 1e6,
            "M/s of one core",
        );
    }

    let start = cpu();
    let (mut at, mut steps) = (0, 0u32);
    while let Some(next) = fleet.next(at, Which::Live) {
        (at, steps) = (next, steps + 1);
    }
    figure("step to the next device", per(cpu() - start, steps), "ns");
    let start = cpu();
    let mut rows = 0u32;
    fleet.points((0, 0), Has::Integer, |_, point| {
        rows += u32::from(point.integer().is_some());
        ControlFlow::Continue(())
    });
    figure("point visited on a run", per(cpu() - start, rows), "ns");
    let start = cpu();
    let mut found = 0u32;
    for number in (1..=DEVICES).step_by(7) {
        found += u32::from(fleet.resolve(1, ProfileId(0), &format!("sensor-{number:07}")).is_some());
    }
    figure("name resolved (with its formatting)", per(cpu() - start, found), "ns");
    let start = cpu();
    fleet.sweep(NOW.plus_millis(2));
    figure("sweep of 1,000,000 devices, all looked at", (cpu() - start).as_secs_f64() * 1e3, "ms");
}

fn filled() -> Fleet {
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
        })
        .collect();
    let profile = Profile {
        points,
        presence: PresenceRule { interval: 300_000, missed: 3 },
        ..Profile::forgotten("sensor", 1)
    };
    let fleet = Fleet::new(Profiles::new(vec![profile]), 0);
    let adapter = std::sync::Arc::new(Adapter::new(1, "plant", "mqtt", "mqtt://127.0.0.1", NOW));
    fleet.adapters().add(adapter.clone());
    fleet.adapter_up(&adapter, NOW);
    let mut reports = Reports::default();
    for first in (0..DEVICES).step_by(1000) {
        let wanted: Vec<_> = (first + 1..=first + 1000)
            .map(|n| Identity { adapter: 1, profile: ProfileId(0), id: format!("sensor-{n:07}") })
            .collect();
        let records = fleet.draft(&wanted, NOW).expect("room");
        fleet.insert(&records);
        reports.clear();
        let mut resolved = Vec::new();
        for (report, record) in records.iter().enumerate() {
            reports.begin(ProfileId(0), &record.name, false);
            let serial = reports.text(&format!("SN{:010}", record.number));
            reports.push(Fact::Attribute { attribute: Attribute::Serial, text: serial });
            let firmware = reports.text("14.2.0");
            reports.push(Fact::Attribute { attribute: Attribute::Firmware, text: firmware });
            for slot in 0..7 {
                let value = Scalar::Integer(i64::from(record.number % 1000));
                reports.push(Fact::Point { slot, value, time: Time::NEVER });
            }
            let text = reports.text(["charging", "idle", "moving"][report % 3]);
            reports.push(Fact::Point { slot: 7, value: Scalar::Text(text), time: Time::NEVER });
            resolved.push(Resolved { device: record.number, report: report as u32, parent: 0 });
        }
        fleet.absorb(&reports, &mut resolved, NOW);
    }
    fleet.sweep(NOW);
    fleet
}

fn figure(name: &str, value: f64, unit: &str) {
    println!("{name}\t{value:.3}\t{unit}");
}

fn per(time: Duration, count: u32) -> f64 {
    time.as_nanos() as f64 / f64::from(count.max(1))
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("pages") * 4096
}

/// CPU time of this process: what repeats on a shared machine.
fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
