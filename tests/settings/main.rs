//! The way down without sockets: what is wanted, what is sent, and what the device makes of it.

#[path = "../support/mod.rs"]
mod support;

mod histories;
mod undo;

use fleetbridge::{
    fleet::{Fleet, Order},
    journal::EventKind,
    model::*,
};
use support::{START, add_adapter, learn, profile};

const TIMEOUT: u64 = 10;

fn setting(number: u16, name: &str) -> SettingDef {
    let ty = SettingType::Integer { name: "uint16", least: 0, most: 65_535 };
    SettingDef {
        number,
        ty,
        reads: true,
        reports: true,
        timeout: TIMEOUT * 1000,
        retries: 2,
        ..SettingDef::named(name)
    }
}

fn fleet(settings: Vec<SettingDef>) -> Fleet {
    let profile = Profile { settings, ..profile("plug", vec![], 0, 3) };
    let fleet = Fleet::new(Profiles::new(vec![profile]), 0);
    add_adapter(&fleet, 1, "plant");
    fleet
}

/// A fleet of one device, and the clock.
struct Bench {
    fleet: Fleet,
    device: DeviceNumber,
    now: Time,
}

impl Bench {
    fn new(settings: Vec<SettingDef>) -> Bench {
        let fleet = fleet(settings);
        let device = learn(&fleet, ProfileId(0), "plug-1");
        let bench = Bench { fleet, device, now: START };
        bench.online(true);
        bench
    }

    fn online(&self, online: bool) {
        let availability = if online { Availability::Online } else { Availability::Lost };
        self.facts(&[Fact::Availability(availability)]);
    }

    fn facts(&self, facts: &[Fact]) {
        support::report(&self.fleet, self.device, false, facts, self.now);
    }

    fn report(&self, slot: u16, value: i64) {
        self.facts(&[Fact::Setting { slot, value: Scalar::Integer(value) }]);
    }

    fn refuse(&self, words: &str, unsupported: bool) {
        let mut reports = Reports::default();
        reports.begin(ProfileId(0), "plug-1", false);
        let text = reports.text(words);
        reports.push(Fact::Refused { slot: None, text, unsupported });
        let resolved = fleetbridge::fleet::Resolved { device: self.device, report: 0, parent: 0 };
        self.fleet.absorb(&reports, &mut [resolved], self.now);
    }

    fn desire(&self, number: u16, value: i64) {
        let value = SettingValue::Integer(value);
        assert!(self.fleet.desire(self.device, number, Some(&value), 1, self.now));
    }

    fn order(&self) -> Option<Order> {
        let mut orders = Vec::new();
        self.fleet.take_orders(1, 10, self.now, &mut orders);
        assert!(orders.len() <= 1, "{orders:?}");
        orders.pop()
    }

    fn ack(&self, order: &Order) {
        self.fleet.order_acked(order, self.now);
    }

    fn wait(&mut self, secs: u64) {
        for _ in 0..secs {
            self.now = self.now.plus_millis(1000);
            self.fleet.sweep(self.now);
        }
    }

    fn standing(&self, number: u16) -> Option<Standing> {
        self.fleet.row(self.device, |row| row.setting(number).map(|setting| setting.standing()))?
    }

    fn error(&self, number: u16) -> String {
        let error = |row: fleetbridge::fleet::Row<'_>| Some(row.setting(number)?.error().to_owned());
        self.fleet.row(self.device, error).flatten().unwrap_or_default()
    }

    fn events(&self) -> Vec<(u16, Standing)> {
        let mut events = Vec::new();
        self.fleet.journal().read_undurable(1000, &mut events).unwrap();
        let settings = events.into_iter().filter_map(|event| match event.kind {
            EventKind::SettingChanged { setting, standing, .. } => Some((setting, standing)),
            _ => None,
        });
        settings.collect()
    }
}

fn written(order: &Order) -> Option<i64> {
    match &order.value {
        Some(SettingValue::Integer(value)) => Some(*value),
        _ => None,
    }
}

#[test]
fn a_device_that_obeys() {
    let bench = Bench::new(vec![setting(3, "period")]);
    bench.desire(3, 60);
    assert_eq!(bench.standing(3), Some(Standing::Pending));
    let order = bench.order().unwrap();
    assert_eq!((order.id.as_str(), written(&order)), ("plug-1", Some(60)));
    assert_eq!(bench.standing(3), Some(Standing::Sent));
    assert_eq!(bench.order(), None);
    bench.ack(&order);
    bench.report(0, 60);
    assert_eq!(bench.standing(3), Some(Standing::Stored));
    assert_eq!(bench.fleet.commit_progress(1).outstanding, 1);
    let read = bench.order().unwrap();
    assert_eq!(read.value, None);
    bench.ack(&read);
    bench.report(0, 60);
    assert_eq!(bench.standing(3), Some(Standing::Effective));
    assert_eq!(bench.fleet.commit_progress(1).outstanding, 0);
    assert_eq!(bench.events(), [(3, Standing::Effective)]);

    // Somebody changes it at the device: seen, told, and not pushed again.
    bench.report(0, 300);
    assert_eq!(bench.standing(3), Some(Standing::Drifted));
    assert_eq!(bench.order(), None);
    bench.report(0, 60);
    assert_eq!(bench.standing(3), Some(Standing::Effective));
    bench.report(0, 300);
    assert_eq!(bench.fleet.push(bench.device, 0, bench.now), 1);
    assert_eq!(written(&bench.order().unwrap()), Some(60));
}

#[test]
fn a_device_that_has_it_already_is_not_told() {
    let bench = Bench::new(vec![setting(3, "period")]);
    bench.report(0, 60);
    bench.desire(3, 60);
    assert_eq!((bench.standing(3), bench.order()), (Some(Standing::InSync), None));
    bench.desire(3, 61);
    assert_eq!(written(&bench.order().unwrap()), Some(61));
}

#[test]
fn a_device_that_refuses() {
    let bench = Bench::new(vec![setting(1, "a"), setting(2, "b")]);
    bench.desire(1, 5);
    bench.desire(2, 6);
    bench.ack(&bench.order().unwrap());
    bench.refuse("out of range", false);
    assert_eq!((bench.standing(1), bench.error(1)), (Some(Standing::Failed), "out of range".to_owned()));
    bench.ack(&bench.order().unwrap());
    bench.refuse("Unknown", true);
    assert_eq!((bench.standing(2), bench.error(2)), (Some(Standing::Unsupported), "Unknown".to_owned()));
    assert_eq!(bench.order(), None);
    assert_eq!(bench.events(), [(1, Standing::Failed), (2, Standing::Unsupported)]);
    let progress = bench.fleet.commit_progress(1);
    assert_eq!((progress.outstanding, progress.failed), (0, 2));
}

/// Says nothing to any try: failed; comes back later and is told.
#[test]
fn a_device_that_is_silent() {
    let mut bench = Bench::new(vec![setting(1, "a")]);
    bench.desire(1, 5);
    let mut writes = 0;
    for _ in 0..200 {
        if let Some(order) = bench.order() {
            writes += u32::from(order.value.is_some());
            bench.ack(&order);
        }
        bench.wait(1);
    }
    assert_eq!((writes, bench.standing(1)), (3, Some(Standing::Failed)));
    assert_eq!(bench.error(1), "no answer within 10 s, tried 3 times");
    bench.online(false);
    bench.online(true);
    assert_eq!(bench.standing(1), Some(Standing::Pending));
    let read = bench.order().unwrap();
    assert_eq!(read.value, None, "asked first");
    bench.ack(&read);
    bench.report(0, 5);
    assert_eq!(bench.standing(1), Some(Standing::Effective));
}

/// Answers with what it had, whatever it is told.
#[test]
fn a_device_that_ignores() {
    let mut bench = Bench::new(vec![setting(1, "a")]);
    bench.desire(1, 5);
    for _ in 0..100 {
        if let Some(order) = bench.order() {
            bench.ack(&order);
            bench.report(0, 300);
        }
        bench.wait(1);
    }
    assert_eq!(bench.standing(1), Some(Standing::Drifted));
    assert_eq!(bench.error(1), "the device keeps another value, tried 3 times");
}

#[test]
fn offline_devices_wait_without_spending_a_try() {
    let mut bench = Bench::new(vec![setting(1, "a")]);
    bench.online(false);
    bench.desire(1, 5);
    bench.wait(1000);
    assert_eq!((bench.standing(1), bench.order()), (Some(Standing::Pending), None));
    bench.online(true);
    let order = bench.order().unwrap();
    // The connection goes before the broker confirmed: no try, and it is asked first.
    let adapter = bench.fleet.adapters().find(1).unwrap();
    bench.fleet.adapter_down(&adapter, "gone", bench.now);
    bench.ack(&order);
    assert!(!bench.fleet.order_stands(&order));
    let attempts = bench.fleet.row(bench.device, |row| row.setting(1).unwrap().attempts());
    assert_eq!(attempts, Some(0));
    bench.fleet.adapter_up(&adapter, bench.now);
    assert_eq!(bench.order().unwrap().value, None);
    bench.report(0, 4);
    assert_eq!(written(&bench.order().unwrap()), Some(5));
}

#[test]
fn a_secret_ends_with_the_devices_answer_and_is_shown_nowhere() {
    let secret = SettingDef { number: 1, secret: true, answers: true, ..SettingDef::named("password") };
    let bench = Bench::new(vec![secret]);
    let value = SettingValue::Text("hunter2".into());
    assert!(bench.fleet.desire(bench.device, 1, Some(&value), 1, bench.now));
    let order = bench.order().unwrap();
    assert_eq!(order.value, Some(value));
    bench.ack(&order);
    bench.facts(&[Fact::Acknowledged { slot: 0 }]);
    assert_eq!(bench.standing(1), Some(Standing::Acked));
    let mut text = String::new();
    let shown = bench.fleet.row(bench.device, |row| row.setting(1).unwrap().write_desired(&mut text));
    assert_eq!((shown, text.as_str()), (Some(true), ""));
}

#[test]
fn a_walk_seeks() {
    let fleet = fleet(vec![setting(2, "a"), setting(7, "b")]);
    for n in 0..3000 {
        learn(&fleet, ProfileId(0), &format!("plug-{n}"));
    }
    for device in [1, 1023, 1024, 2999] {
        for number in [2, 7] {
            assert!(fleet.desire(device, number, Some(&SettingValue::Integer(1)), 1, START));
        }
    }
    let walk = |from| {
        let mut found = Vec::new();
        fleet.settings(from, |row, setting| {
            found.push((row.number(), setting.def.number));
            std::ops::ControlFlow::Continue(())
        });
        found
    };
    let all = [(1, 2), (1, 7), (1023, 2), (1023, 7), (1024, 2), (1024, 7), (2999, 2), (2999, 7)];
    assert_eq!(walk((0, 0)), all);
    assert_eq!(walk((1, 3)), all[1..]);
    assert_eq!(walk((1, 8)), all[2..]);
    assert_eq!(walk((1024, 7)), all[5..]);
    assert_eq!(walk((3000, 0)), []);
    assert!(fleet.retire(1024, START));
    assert_eq!(walk((1023, 7)), [(1023, 7), (2999, 2), (2999, 7)]);
}

/// The drift report: an index, kept current.
#[test]
fn what_ended_otherwise_is_found_without_a_scan() {
    let fleet = fleet(vec![setting(2, "a"), setting(7, "b")]);
    for n in 0..3000 {
        learn(&fleet, ProfileId(0), &format!("plug-{n}"));
    }
    let unmet = || {
        let mut found = Vec::new();
        fleet.unmet_settings((0, 0), |row, setting| {
            found.push((row.number(), setting.def.number));
            std::ops::ControlFlow::Continue(())
        });
        found
    };
    let value = |slot, value| [Fact::Setting { slot, value: Scalar::Integer(value) }];
    for device in [5, 2000] {
        for (slot, number) in [(0, 2), (1, 7)] {
            support::report(&fleet, device, false, &value(slot, 1), START);
            assert!(fleet.desire(device, number, Some(&SettingValue::Integer(1)), 1, START));
        }
    }
    assert_eq!(unmet(), []);
    support::report(&fleet, 2000, false, &value(0, 3), START);
    support::report(&fleet, 2000, false, &value(1, 3), START);
    support::report(&fleet, 5, false, &value(1, 3), START);
    assert_eq!(unmet(), [(5, 7), (2000, 2), (2000, 7)]);
    support::report(&fleet, 2000, false, &value(0, 1), START);
    assert!(fleet.desire(5, 7, None, 2, START));
    assert_eq!(unmet(), [(2000, 7)]);
    assert!(fleet.desire(2000, 7, Some(&SettingValue::Integer(3)), 3, START));
    assert_eq!(unmet(), []);
    assert_eq!(fleet.commit_progress(1).failed, 0);
}

/// Run by hand: `cargo test --release --test settings -- --ignored --nocapture`.
#[test]
#[ignore = "measures memory and time"]
fn a_million_devices_with_settings() {
    const DEVICES: u32 = 1_000_000;
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4 / 1024
    };
    let fleet = fleet((1..=5).map(|number| setting(number, &format!("s{number}"))).collect());
    for first in (0..DEVICES).step_by(1024) {
        let wanted: Vec<_> = (first..(first + 1024).min(DEVICES))
            .map(|n| support::identity(ProfileId(0), &format!("plug-{n:07}")))
            .collect();
        fleet.insert(&fleet.draft(&wanted, START).unwrap());
    }
    let before = resident();
    let start = std::time::Instant::now();
    for device in 1..=DEVICES {
        let facts = [0, 1, 2].map(|slot| Fact::Setting { slot, value: Scalar::Integer(60) });
        support::report(&fleet, device, false, &facts, START);
        // As the flusher does every few seconds.
        if device % 1024 == 1023 {
            let mut block = device as usize / 1024;
            fleet.take_dirty_settings(&mut block, 1, |_| ());
        }
    }
    println!("3 settings reported by each: {:?}, {} MiB more", start.elapsed(), resident() - before);
    let before = resident();
    let start = std::time::Instant::now();
    for device in 1..=DEVICES {
        assert!(fleet.desire(device, 1, Some(&SettingValue::Integer(61)), 1, START));
    }
    println!("one wanted of each: {:?}, {} MiB more", start.elapsed(), resident() - before);
    let start = std::time::Instant::now();
    let mut count = 0;
    loop {
        let mut orders = Vec::new();
        fleet.take_orders(1, 1000, START, &mut orders);
        count += orders.len();
        if orders.is_empty() {
            break;
        }
    }
    println!("{count} orders: {:?}", start.elapsed());
}
