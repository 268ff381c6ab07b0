//! What people use: reports, the control socket, the command line.

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod control;
mod kits;
mod reports;

use fleetbridge::{
    fleet::Fleet,
    model::{Attribute, Availability, Fact, Reports, Scalar, Time},
};
use support::*;

/// Four devices: `plug-1` is heard and has an inventory, `gw-1` is lost and takes `child-1` with it, `plug-2` was
/// never heard. Seen from [`now`].
fn small_fleet() -> Fleet {
    let fleet = fleet();
    let plug = learn(&fleet, SENSOR, "plug-1");
    let gateway = learn(&fleet, GATEWAY, "gw-1");
    let child = learn(&fleet, SENSOR, "child-1");
    learn(&fleet, SENSOR, "plug-2");
    report(&fleet, gateway, false, &[Fact::Availability(Availability::Online)], after(10));
    report_child(&fleet, child, gateway, false, &[value(0, 5)], after(20));
    report(&fleet, gateway, false, &[Fact::Availability(Availability::Lost)], after(30));

    let mut reports = Reports::default();
    reports.begin(SENSOR, "plug-1", false);
    for (attribute, text) in [
        (Attribute::Site, "plant-1"),
        (Attribute::Location, "hall 3, \"north\""),
        (Attribute::Serial, "SN-7"),
        (Attribute::Firmware, "1.2.3"),
        (Attribute::Software, "9"),
    ] {
        let text = reports.text(text);
        reports.push(Fact::Attribute { attribute, text });
    }
    for fact in [value(0, 215), value(1, 1), value(2, 42)] {
        reports.push(fact);
    }
    let text = reports.text("wärm\u{1b}[2J");
    reports.push(Fact::Point { slot: 3, value: Scalar::Text(text), time: Time::NEVER });
    let resolved = fleetbridge::fleet::Resolved { device: plug, report: 0, parent: 0 };
    fleet.absorb(&reports, &mut [resolved], after(40));
    fleet.sweep(now());
    fleet
}

fn now() -> Time {
    after(60)
}
