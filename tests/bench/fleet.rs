//! Figures of the fleet itself: what it takes in memory, how fast it takes observations, what its walks cost.

use std::{io, ops::ControlFlow, time::Duration};

use fleetbridge::{
    fleet::{Has, Resolved, Which},
    model::*,
};

use crate::{
    filled::{NOW, POINTS, devices, filled},
    measure::{Goal, Random, cpu, figure, grouped, nanos, resident_of},
};

pub fn memory() -> io::Result<()> {
    let before = resident_of(std::process::id())?;
    let fleet = filled(devices());
    let taken = (resident_of(std::process::id())? - before) as f64 / 1_048_576.0;
    assert_eq!(fleet.counts().devices(), devices());
    let name = format!("memory, {} devices x {POINTS} points", grouped(devices()));
    figure(&name, taken, "MiB", Goal::AtMost(400.0));
    Ok(())
}

pub fn ingest() {
    let devices = devices();
    let fleet = filled(devices);
    for (name, batch, ordered) in [
        ("random order, batches of 512", 512u32, false),
        ("random order, batches of 8,192", 8192, false),
        ("in order", 8192, true),
    ] {
        let mut random = Random::new();
        let mut reports = Reports::default();
        let mut resolved = Vec::new();
        let (mut spent, mut done, mut next) = (Duration::ZERO, 0u64, 1);
        while done < 4_000_000 {
            reports.clear();
            resolved.clear();
            for report in 0..batch {
                let device = if ordered { next } else { random.below(devices) + 1 };
                next = next % devices + 1;
                reports.begin(ProfileId(0), "x", false);
                let (slot, value) = (random.below(6) as u16, Scalar::Integer(i64::from(random.below(1000))));
                reports.push(Fact::Point { slot, value, time: Time::NEVER });
                resolved.push(Resolved { device, report, parent: 0 });
            }
            let start = cpu();
            done += fleet.absorb(&reports, &mut resolved, NOW.plus_millis(1)).observations;
            spent += cpu() - start;
        }
        let goal = if ordered { Goal::None } else { Goal::AtLeast(1.0) };
        let rate = done as f64 / spent.as_secs_f64() / 1e6;
        figure(&format!("observations absorbed, {name}"), rate, "M/s of one core", goal);
    }

    let start = cpu();
    let (mut at, mut steps) = (0, 0);
    while let Some(next) = fleet.next(at, Which::Live) {
        (at, steps) = (next, steps + 1);
    }
    figure("step to the next device", nanos(cpu() - start, steps), "ns", Goal::None);

    let start = cpu();
    let mut rows = 0;
    fleet.points((0, 0), Has::Integer, |_, point| {
        rows += u64::from(point.integer().is_some());
        ControlFlow::Continue(())
    });
    figure("point visited on a run", nanos(cpu() - start, rows), "ns", Goal::None);

    let start = cpu();
    let mut found = 0;
    for number in (1..=devices).step_by(7) {
        found += u64::from(fleet.resolve(1, ProfileId(0), &format!("sensor-{number:07}")).is_some());
    }
    figure("name resolved (with its formatting)", nanos(cpu() - start, found), "ns", Goal::None);

    // Half an interval past the first is late.
    for (name, millis) in [("none is due", 2), ("all become late", 451_000)] {
        let start = cpu();
        fleet.sweep(NOW.plus_millis(millis));
        let sweep = (cpu() - start).as_secs_f64() * 1e3;
        figure(&format!("sweep of {} devices, {name}", grouped(devices)), sweep, "ms", Goal::None);
    }
}
