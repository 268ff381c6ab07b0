//! The fleet by itself: numbers, values, presence under a simulated clock, walks.

mod support;

use std::{collections::BTreeSet, ops::ControlFlow};

use fleetbridge::{
    fleet::{DeviceState, Fleet, Has, Identity, PointValue, Resolved, Which},
    journal::{Event, EventKind},
    model::*,
    store::row,
};
use proptest::prelude::*;
use support::*;

fn presence(fleet: &Fleet, device: DeviceNumber) -> Presence {
    fleet.row(device, |row| row.presence()).expect("live")
}

/// The events since the last call, without the numbers.
fn events(fleet: &Fleet, cursor: &mut u64) -> Vec<EventKind> {
    fleet.journal().set_durable(u64::MAX);
    let mut out: Vec<Event> = Vec::new();
    fleet.journal().read(cursor, 1000, &mut out).expect("no overrun");
    out.into_iter().map(|event| event.kind).collect()
}

/// As after a start: what the store keeps of these devices, which are all there are.
fn restarted(fleet: &Fleet, names: &[&str]) -> Fleet {
    let again = support::fleet();
    for name in names {
        let device = learn(&again, SENSOR, name);
        let mut stored = Vec::new();
        fleet.row(device, |row| row::encode(&row, &mut stored)).expect("live");
        again.restore(device, &row::decode(&stored).unwrap());
    }
    again.restored();
    again
}

#[test]
fn a_name_is_unique_whatever_the_ids() {
    let fleet = fleet();
    add_adapter(&fleet, 2, "yard");
    let wanted = [
        identity(SENSOR, "a"),
        identity(SENSOR, "a"),
        identity(GATEWAY, "a"),
        Identity { adapter: 2, profile: SENSOR, id: "a".into() },
        Identity { adapter: 2, profile: GATEWAY, id: "a".into() },
        identity(SENSOR, "b c"),
    ];
    let records = fleet.draft(&wanted, START).unwrap();
    let names: Vec<_> = records.iter().map(|record| (record.number, record.name.as_str())).collect();
    assert_eq!(names[0], (1, "a"));
    assert_eq!(names[1], (2, "plant:a"));
    assert_eq!(names[2], (3, "yard:a"));
    assert_eq!(names.iter().map(|name| name.1).collect::<BTreeSet<_>>().len(), 5, "{names:?}");
    fleet.insert(&records);
    assert_eq!(fleet.resolve(1, SENSOR, "b c"), Some((5, true)));
    assert_eq!(fleet.find(&records[4].name), Some(5));
    assert_eq!(fleet.row(5, |row| row.southbound_id().to_owned()).as_deref(), Some("b c"));
    assert_eq!(fleet.draft(&wanted, START).unwrap(), [], "all are known now");
    let again = fleet.draft(&[identity(SENSOR, "new")], START).unwrap();
    assert_eq!(again[0].number, 6);
}

#[test]
fn values_of_every_type() {
    let fleet = fleet();
    let device = learn(&fleet, SENSOR, "a");
    let view = |number| {
        fleet
            .row(device, |row| {
                let point = row.point(number).expect("in the profile");
                let mut text = String::new();
                point.write_value(&mut text);
                (text, point.integer(), point.counter(), point.quality(after(1)))
            })
            .unwrap()
    };
    assert_eq!(view(1), (String::new(), None, None, Quality::Missing));
    let mut reports = Reports::default();
    reports.begin(SENSOR, "a", false);
    let text = reports.text("charging");
    for fact in [
        value(0, -5),
        value(1, 1),
        value(2, 5_000_000_000),
        Fact::Point { slot: 3, value: Scalar::Text(text), time: Time::NEVER },
    ] {
        reports.push(fact);
    }
    let mut resolved = [fleetbridge::fleet::Resolved { device, report: 0, parent: 0 }];
    assert_eq!(fleet.absorb(&reports, &mut resolved, after(1)).observations, 4);
    assert_eq!(view(1), ("-0.5".into(), Some(-5), None, Quality::Good));
    assert_eq!(view(2), ("true".into(), Some(1), None, Quality::Good));
    assert_eq!(view(4), ("5000000000".into(), None, Some(5_000_000_000), Quality::Good));
    assert_eq!(view(7), ("charging".into(), None, None, Quality::Good));
    assert!(fleet.row(device, |row| row.point(3).is_none()).unwrap(), "numbers have holes");

    report(&fleet, device, false, &[value(0, 1 << 40), value(2, 7)], after(2));
    assert_eq!(view(1).1, None, "does not fit Integer32");
    let reset = fleet.row(device, |row| row.point(4).unwrap().discontinuity()).unwrap();
    assert_eq!(reset, after(2), "the counter went backwards");
    let bad = Fact::Point { slot: 2, value: Scalar::Bad, time: Time::NEVER };
    for (secs, fact) in [(3, value(2, 9)), (4, bad), (5, bad), (6, value(2, 8))] {
        report(&fleet, device, false, &[fact], after(secs));
    }
    let since = || fleet.row(device, |row| row.point(4).unwrap().counted_since()).unwrap();
    assert_eq!(since(), after(6), "backwards behind what was no value");
    report(&fleet, device, true, &[value(2, 5)], after(7));
    assert_eq!(since(), after(7), "nobody knows of when the broker's is");
    report(&fleet, device, false, &[ran_for(1), value(2, 10)], after(9));
    fleet.show_boots(&fleet.moved_boots(usize::MAX));
    assert_eq!(since(), after(8), "the unit has booted");
    report(&fleet, device, false, &[bad], after(10));
    let again = restarted(&fleet, &["a"]);
    report(&again, device, false, &[value(2, 500)], after(20));
    let since = again.row(device, |row| row.point(4).unwrap().counted_since()).unwrap();
    assert_eq!(since, after(20), "perhaps less than before");
    report(
        &fleet,
        device,
        false,
        &[Fact::Point { slot: 0, value: Scalar::Bad, time: Time::NEVER }],
        after(3),
    );
    assert_eq!(view(1).3, Quality::Bad);
    report(
        &fleet,
        device,
        false,
        &[Fact::Point { slot: 1, value: Scalar::Integer(0), time: after(1) }],
        after(4),
    );
    report(
        &fleet,
        device,
        false,
        &[Fact::Point { slot: 1, value: Scalar::Integer(1), time: START }],
        after(4),
    );
    assert_eq!(view(2).0, "false", "an older value does not overwrite a newer one");
    fleet.row(device, |row| {
        assert_eq!(row.point(2).unwrap().quality(after(1 + 180)), Quality::Good);
        assert_eq!(row.point(2).unwrap().quality(after(1 + 181)), Quality::Stale);
        assert_eq!(row.point(7).unwrap().value(), Some(PointValue::Text("charging")));
        assert_eq!(row.attribute(Attribute::Manufacturer), "ACME");
    });
}

#[test]
fn silence_makes_late_then_lost_then_returned() {
    let fleet = fleet();
    let device = learn(&fleet, SENSOR, "a");
    let mut cursor = 0;
    report(&fleet, device, false, &[value(1, 1)], after(0));
    assert_eq!(presence(&fleet, device), Presence::Online);
    for (secs, expected) in
        [(89, Presence::Online), (90, Presence::Late), (179, Presence::Late), (180, Presence::Lost)]
    {
        fleet.sweep(after(secs));
        assert_eq!(presence(&fleet, device), expected, "after {secs} s");
    }
    assert_eq!(fleet.next(0, Which::Missing), Some(device));
    assert_eq!(fleet.counts().missing(), 1);
    report(&fleet, device, true, &[value(1, 0)], after(200));
    assert_eq!(presence(&fleet, device), Presence::Lost, "a retained message is no sign of life");
    report(&fleet, device, false, &[value(1, 1)], after(201));
    assert_eq!(presence(&fleet, device), Presence::Online);
    assert_eq!(fleet.next(0, Which::Missing), None);
    assert_eq!(
        events(&fleet, &mut cursor),
        [
            EventKind::DeviceLost { device, last_seen: after(0) },
            EventKind::DeviceReturned { device, was: Presence::Lost }
        ]
    );
}

#[test]
fn last_will_and_availability() {
    let fleet = fleet();
    let device = learn(&fleet, SENSOR, "a");
    let mut cursor = 0;
    report(&fleet, device, true, &[Fact::Availability(Availability::Lost)], after(0));
    assert_eq!(presence(&fleet, device), Presence::Lost, "a retained availability topic counts");
    assert_eq!(events(&fleet, &mut cursor), [], "but it was never here: nothing to tell");
    report(&fleet, device, true, &[Fact::Availability(Availability::Online)], after(1));
    assert_eq!(presence(&fleet, device), Presence::Online);
    assert_eq!(fleet.row(device, |row| row.last_seen()), Some(Time::NEVER), "retained is not seen");
    report(&fleet, device, false, &[value(1, 1)], after(2));
    report(&fleet, device, false, &[Fact::Availability(Availability::Lost)], after(3));
    assert_eq!(fleet.row(device, |row| row.last_seen()), Some(after(2)), "a will is not a sign of life");
    report(&fleet, device, false, &[Fact::Availability(Availability::Sleeping)], after(4));
    assert_eq!(presence(&fleet, device), Presence::Sleeping);
    fleet.sweep(after(183));
    assert_eq!(presence(&fleet, device), Presence::Sleeping);
    fleet.sweep(after(184));
    assert_eq!(presence(&fleet, device), Presence::Lost);
    let told = events(&fleet, &mut cursor);
    assert_eq!(told.len(), 4, "{told:?}");
}

#[test]
fn a_lost_broker_freezes_presence_and_gives_grace() {
    let fleet = fleet();
    let device = learn(&fleet, SENSOR, "a");
    report(&fleet, device, false, &[value(1, 1)], after(0));
    let adapter = fleet.adapters().find(1).unwrap();
    fleet.adapter_down(&adapter, "connection reset", after(10));
    assert!(fleet.presence_frozen());
    fleet.sweep(after(1000));
    assert_eq!(presence(&fleet, device), Presence::Online, "nothing is declared lost by the blind");
    let quality = fleet.row(device, |row| row.point(2).unwrap().quality(after(1000))).unwrap();
    assert_eq!(quality, Quality::Stale, "but values age");
    fleet.adapter_up(&adapter, after(1000));
    fleet.sweep(after(1089));
    assert_eq!(presence(&fleet, device), Presence::Online, "one full interval of grace");
    fleet.sweep(after(1180));
    assert_eq!(presence(&fleet, device), Presence::Lost);
}

#[test]
fn one_event_for_a_lost_gateway() {
    let fleet = fleet();
    let gateway = learn(&fleet, GATEWAY, "gw");
    report(&fleet, gateway, false, &[], after(0));
    let children: Vec<_> = (0..500).map(|n| learn(&fleet, SENSOR, &format!("child-{n}"))).collect();
    for &child in &children {
        report_child(&fleet, child, gateway, false, &[value(1, 1)], after(1));
    }
    let mut cursor = 0;
    report(&fleet, gateway, false, &[Fact::Availability(Availability::Lost)], after(5));
    assert_eq!(fleet.counts().of(Presence::Unreachable), 500);
    assert_eq!(fleet.counts().missing(), 501);
    fleet.sweep(after(500));
    assert_eq!(events(&fleet, &mut cursor).len(), 1);
    report(&fleet, gateway, false, &[], after(600));
    assert_eq!(
        events(&fleet, &mut cursor),
        [EventKind::DeviceReturned { device: gateway, was: Presence::Lost }]
    );
    assert_eq!(fleet.counts().of(Presence::Online), 501);
    report(&fleet, gateway, false, &[], after(790));
    fleet.sweep(after(690));
    fleet.sweep(after(791));
    assert_eq!(events(&fleet, &mut cursor).len(), 500, "heard through no more, and the gateway is there");
}

#[test]
fn what_hangs_on_a_child_goes_and_comes_with_it() {
    let fleet = fleet();
    let [top, middle, leaf] = ["top", "middle", "leaf"].map(|id| learn(&fleet, SENSOR, id));
    report(&fleet, top, false, &[], after(0));
    report_child(&fleet, middle, top, false, &[], after(0));
    report_child(&fleet, leaf, middle, false, &[], after(0));
    // A circle must not hang the bridge.
    report_child(&fleet, top, leaf, false, &[], after(0));
    report(&fleet, top, false, &[Fact::Availability(Availability::Lost)], after(5));
    assert_eq!(fleet.counts().of(Presence::Unreachable), 2);
    report(&fleet, top, false, &[], after(6));
    assert_eq!(fleet.counts().of(Presence::Online), 3);
    report(&fleet, top, false, &[Fact::Availability(Availability::Lost)], after(7));
    assert!(fleet.retire(top, after(8)));
    assert_eq!(fleet.counts().missing(), 0, "nothing is unreachable through a device that is retired");
}

#[test]
fn silence_behind_an_adapter_that_is_gone_counts() {
    let fleet = fleet();
    let records =
        fleet.draft(&[Identity { adapter: 9, profile: SENSOR, id: "orphan".into() }], START).expect("room");
    fleet.insert(&records);
    assert_eq!(fleet.orphans(), 1);
    report(&fleet, 1, false, &[], after(0));
    fleet.sweep(after(180));
    assert_eq!(presence(&fleet, 1), Presence::Lost);
}

#[test]
fn children_wait_for_the_verdict_on_a_silent_parent() {
    let fleet = fleet();
    let gateway = learn(&fleet, GATEWAY, "gw");
    let child = learn(&fleet, SENSOR, "child");
    report_child(&fleet, child, gateway, false, &[value(1, 1)], after(0));
    report_child(&fleet, child, gateway, false, &[value(1, 1)], after(10));
    // Its last word comes behind the child's, and says nothing of one that was not due then.
    report(&fleet, gateway, false, &[], after(40));
    let mut cursor = 0;
    for secs in 41..222 {
        fleet.sweep(after(secs));
    }
    assert_eq!(
        events(&fleet, &mut cursor),
        [EventKind::DeviceLost { device: gateway, last_seen: after(40) }]
    );
    assert_eq!(presence(&fleet, child), Presence::Unreachable);
    report_child(&fleet, child, gateway, false, &[value(1, 2)], after(223));
    assert_eq!(presence(&fleet, child), Presence::Online);
    assert_eq!(events(&fleet, &mut cursor), [], "nobody was told that it is unreachable");
}

/// What a broker keeps of one that is silent says nothing; of one that said that it goes, that it came back unheard.
#[test]
fn a_kept_word_is_no_return_of_who_is_silent() {
    let mut fleet = fleet();
    let ids = ["silent", "gone", "late"];
    let [silent, gone, late] = ids.map(|id| learn(&fleet, SENSOR, id));
    for device in [silent, gone, late] {
        report(&fleet, device, false, &[Fact::Availability(Availability::Online)], after(0));
    }
    report(&fleet, gone, false, &[Fact::Availability(Availability::Lost)], after(5));
    (1..400).for_each(|secs| fleet.sweep(after(secs)));
    report(&fleet, late, true, &[Fact::Availability(Availability::Lost)], after(400));
    fleet = restarted(&fleet, &ids);
    report(&fleet, silent, true, &[Fact::Availability(Availability::Sleeping)], after(401));
    for device in [silent, gone, late] {
        assert_eq!(presence(&fleet, device), Presence::Lost);
        report(&fleet, device, true, &[Fact::Availability(Availability::Online)], after(401));
    }
    let now = [silent, gone, late].map(|device| presence(&fleet, device));
    assert_eq!(now, [Presence::Lost, Presence::Online, Presence::Online]);
    report(&fleet, silent, false, &[], after(402));
    assert_eq!(presence(&fleet, silent), Presence::Online);
}

/// A kill between the write of a parent with its event and that of its children.
#[test]
fn children_agree_with_their_parent_after_a_start() {
    use Presence::{Lost, Online, Unreachable};
    for (of_parent, of_child, heard, becomes) in [
        (Lost, Online, 9, Unreachable),
        (Lost, Online, 11, Online),
        (Online, Unreachable, 9, Online),
        (Lost, Lost, 9, Lost),
    ] {
        let fleet = fleet();
        let (gateway, child) = (learn(&fleet, GATEWAY, "gw"), learn(&fleet, SENSOR, "child"));
        let state = |presence, heard, parent| DeviceState {
            presence,
            presence_since: after(10),
            last_seen: after(heard),
            parent,
            ..DeviceState::default()
        };
        fleet.restore(gateway, &state(of_parent, 10, 0));
        fleet.restore(child, &state(of_child, heard, gateway));
        fleet.restored();
        assert_eq!(presence(&fleet, child), becomes, "{of_parent:?} {of_child:?} {heard}");
    }
}

#[test]
fn retired_devices_keep_number_and_name() {
    let fleet = fleet();
    let (a, b) = (learn(&fleet, SENSOR, "a"), learn(&fleet, SENSOR, "b"));
    assert!(fleet.retire(a, after(1)));
    assert!(!fleet.retire(a, after(1)));
    assert_eq!(fleet.next(0, Which::Live), Some(b));
    assert_eq!(fleet.row(a, |_| ()), None);
    assert_eq!(fleet.resolve(1, SENSOR, "a"), Some((a, false)));
    assert_eq!((fleet.counts().devices(), fleet.counts().numbers_used), (1, 2));
    report(&fleet, a, false, &[value(1, 1)], after(2));
    assert_eq!(fleet.row(a, |_| ()), None);
    assert!(fleet.revive(a, after(3)));
    assert_eq!(presence(&fleet, a), Presence::NeverSeen);
}

#[test]
fn boot_moves_only_on_contradiction() {
    let fleet = fleet();
    let device = learn(&fleet, SENSOR, "a");
    let boot_after = |secs, uptime| {
        report(&fleet, device, false, &[ran_for(uptime)], after(secs));
        fleet.row(device, |row| row.boot()).unwrap()
    };
    assert_eq!(boot_after(0, 100_000), Time(START.0 - 100_000_000));
    assert_eq!(boot_after(500, 100_000), Time(START.0 - 100_000_000), "within 1 %");
    assert_eq!(boot_after(600, 5), after(595), "rebooted");
}

/// The broker's copy of a message says nothing of how long the unit has run since; nor does what it kept in a queue.
#[test]
fn neither_a_restart_nor_a_reconnect_moves_a_boot() {
    let fleet = fleet();
    let (a, b) = (learn(&fleet, SENSOR, "a"), learn(&fleet, SENSOR, "b"));
    let boot = |fleet: &Fleet, device| fleet.row(device, |row| row.boot()).unwrap();
    report(&fleet, a, true, &[ran_for(600)], after(10));
    assert_eq!(boot(&fleet, a), Time(after(10).0 - 600_000), "better than nothing");
    report(&fleet, a, true, &[ran_for(600)], after(1000));
    assert_eq!(boot(&fleet, a), Time(after(10).0 - 600_000));
    report(&fleet, b, true, &[ran_for(600)], after(1000));
    assert_eq!(boot(&fleet, b), Time::NEVER, "it was seen before it would have booted");

    report(&fleet, b, false, &[ran_for(86_400)], after(1010));
    let booted = boot(&fleet, b);
    let mut stored = Vec::new();
    fleet.row(b, |row| row::encode(&row, &mut stored)).unwrap();
    let restarted = support::fleet();
    assert_eq!((learn(&restarted, SENSOR, "a"), learn(&restarted, SENSOR, "b")), (a, b));
    restarted.restore(b, &row::decode(&stored).unwrap());
    for (sent, heard) in [(1020, 5000), (3000, 5000), (4990, 5000), (5010, 5010)] {
        report(&restarted, b, false, &[ran_for(86_400 + sent - 1010)], after(heard));
        assert_eq!(boot(&restarted, b), booted, "sent {sent}");
    }
    report(&restarted, b, false, &[ran_for(3)], after(5020));
    assert_eq!(boot(&restarted, b), after(5017), "that is a restart");
}

#[test]
fn another_unit_has_another_boot() {
    let fleet = fleet();
    let device = learn(&fleet, SENSOR, "a");
    let says = |serial: &str, uptime: Option<u64>, secs| {
        let mut reports = Reports::default();
        reports.begin(SENSOR, "ignored", false);
        if let Some(uptime) = uptime {
            reports.push(ran_for(uptime));
        }
        reports.push(value(2, secs as i64));
        let text = reports.text(serial);
        reports.push(Fact::Attribute { attribute: Attribute::Serial, text });
        fleet.absorb(&reports, &mut [Resolved { device, report: 0, parent: 0 }], after(secs));
        fleet.show_boots(&fleet.moved_boots(usize::MAX));
        fleet.row(device, |row| row.boot()).unwrap()
    };
    assert_eq!(says("A", None, 10), Time::NEVER, "the first is no swap");
    assert_eq!(says("B", None, 20), after(20));
    assert_eq!(says("B", None, 30), after(20));
    assert_eq!(says("C", Some(5000), 40), Time(after(40).0 - 5_000_000), "as the new unit says");
    assert_eq!(says("D", Some(6000), 50), Time(after(50).0 - 6_000_000));
    let counted_since = fleet.row(device, |row| row.point(4).unwrap().counted_since()).unwrap();
    assert_eq!(counted_since, after(50), "whatever it counts, and for how long it runs");
}

/// A retained message of a unit that is gone comes with every connection; one that the broker took meanwhile is news.
#[test]
fn a_unit_that_is_gone_does_not_come_back_with_what_the_broker_kept() {
    let mut fleet = fleet();
    let device = learn(&fleet, SENSOR, "a");
    let says = |fleet: &Fleet, serial: &str, uptime: Option<u64>, secs| {
        let mut reports = Reports::default();
        reports.begin(SENSOR, "ignored", uptime.is_none());
        for (attribute, text) in
            [(Attribute::Firmware, format!("of {serial}")), (Attribute::Serial, serial.to_owned())]
        {
            let text = reports.text(&text);
            reports.push(Fact::Attribute { attribute, text });
        }
        uptime.into_iter().for_each(|secs| reports.push(ran_for(secs)));
        fleet.absorb(&reports, &mut [Resolved { device, report: 0, parent: 0 }], after(secs));
        fleet.show_boots(&fleet.moved_boots(usize::MAX));
        let shown = |row: fleetbridge::fleet::Row<'_>| {
            assert_eq!(row.reported(Attribute::Firmware), format!("of {}", row.reported(Attribute::Serial)));
            (row.reported(Attribute::Serial).to_owned(), after(secs).since(row.boot()) / 1000)
        };
        fleet.row(device, shown).unwrap()
    };
    says(&fleet, "A", None, 0);
    assert_eq!(says(&fleet, "B", Some(400), 10), ("B".into(), 400), "swapped");
    for start in [20, 30] {
        assert_eq!(says(&fleet, "A", None, start), ("B".into(), 390 + start), "reconnected");
        fleet = restarted(&fleet, &["a"]);
        assert_eq!(says(&fleet, "A", None, start + 1), ("B".into(), 391 + start), "restarted");
        assert_eq!(says(&fleet, "B", Some(395 + start), start + 5), ("B".into(), 395 + start));
    }
    assert_eq!(says(&fleet, "C", None, 40), ("C".into(), 0), "swapped while nobody was there to hear it");
    assert_eq!(says(&fleet, "A", Some(7), 50), ("A".into(), 7), "it is there again");
    assert_eq!(says(&fleet, "C", None, 60), ("A".into(), 17));
    assert_eq!(says(&fleet, "D", Some(3), 70), ("D".into(), 3));
    fleet = restarted(&fleet, &["a"]);
    for gone in ["A", "C"] {
        assert_eq!(says(&fleet, gone, None, 80), ("D".into(), 13), "{gone} was there before the last");
    }
}

/// A unit whose own clock is set has not restarted, nor has one that was heard with a wrong clock first.
#[test]
fn a_device_that_has_its_clock_set_has_not_restarted() {
    let mut fleet = fleet();
    let device = learn(&fleet, SENSOR, "a");
    let says = |fleet: &Fleet, uptime, slow, secs| {
        let time = after(secs - slow);
        report(fleet, device, false, &[Fact::Uptime { secs: uptime, time }], after(secs));
        after(secs).since(fleet.row(device, |row| row.boot()).unwrap()) / 1000
    };
    assert_eq!(says(&fleet, 7200, 300, 1000), 7200, "a clock that is behind says nothing at first");
    assert_eq!(says(&fleet, 7210, 300, 1010), 7210);
    assert_eq!(says(&fleet, 7220, 0, 1020), 7220);
    assert_eq!(says(&fleet, 7800, 300, 1600), 7800, "behind again");
    fleet = restarted(&fleet, &["a"]);
    assert_eq!(says(&fleet, 7810, 0, 1610), 7810);
    assert_eq!(says(&fleet, 20, 0, 1700), 20, "restarted");
}

/// A machine without a battery for its clock: behind after a power cut, until somebody tells it the time.
#[test]
fn a_start_with_a_clock_that_is_behind_moves_no_uptime_back() {
    const NAMES: [&str; 4] = ["told", "retold", "learned", "silent"];
    for behind in [7200u64, 259_200] {
        let mut fleet = fleet();
        let [told, retold, learned, silent] = NAMES.map(|name| learn(&fleet, SENSOR, name));
        let all = [told, retold, learned, silent];
        let uptimes = |fleet: &Fleet, now: Time| {
            all.map(|device| now.since(fleet.row(device, |row| row.up_since()).unwrap()) / 1000)
        };
        let says = |fleet: &Fleet, device, secs, now| {
            report(fleet, device, false, &[ran_for(secs), value(0, 7)], now)
        };
        let cut = 600_000;
        report(&fleet, silent, false, &[], after(0));
        report(&fleet, learned, false, &[value(0, 5)], after(cut - 1));
        says(&fleet, told, 1_000_000, after(cut));
        says(&fleet, retold, 3000, after(cut));
        let mut shown = uptimes(&fleet, after(cut + 5));
        let mut goes_on = |fleet: &Fleet, now: Time, why: &str| {
            let uptimes = uptimes(fleet, now);
            assert!(
                uptimes.iter().zip(&shown).all(|(now, was)| now >= was),
                "{why}: {shown:?}, now {uptimes:?}"
            );
            shown = uptimes;
        };
        // Killed, and started at once by a clock that is behind.
        let (mut written, mut now) = (after(cut), after(cut + 5 - behind));
        for restart in 0..2 {
            fleet = restarted(&fleet, &NAMES);
            let expected = if restart == 0 { behind * 1000 - 5000 } else { 0 };
            assert_eq!(fleet.start_clock(written, now), expected);
            goes_on(&fleet, now, "started");
            now = now.plus_millis(10_000);
            says(&fleet, told, 1_000_005 + 10 * (restart + 1), now);
            report(&fleet, learned, false, &[value(0, 6)], now);
            goes_on(&fleet, now, "heard");
            let seen = fleet.row(learned, |row| (row.last_seen(), row.nth_point(0).unwrap().integer()));
            assert_eq!(seen, Some((now, Some(6))), "what is said now is newer than what the store has");
            written = now;
        }
        let set_by = behind as i64 * 1000;
        now = now.shifted(set_by + 1000);
        assert_eq!(now, after(cut + 26));
        fleet.set_clock(set_by, now);
        goes_on(&fleet, now, "set");
        for device in [told, retold] {
            says(&fleet, device, if device == told { 1_000_026 } else { 3026 }, now);
        }
        goes_on(&fleet, now, "heard by the right clock");
        fleet = restarted(&fleet, &NAMES);
        assert_eq!(fleet.start_clock(now, now), 0);
        goes_on(&fleet, now, "started with the right clock");
        assert!(shown[0].abs_diff(1_000_026) < 60 && shown[1].abs_diff(3026) < 60, "{shown:?}");
        assert!(shown[2].abs_diff(cut + 26) < 60 && shown[3].abs_diff(cut + 26) < 60, "{shown:?}");
    }
}

/// Uptimes leap by what the clock is ahead, which nobody can know; those that are told come back to the truth.
#[test]
fn a_start_with_a_clock_that_is_ahead_ends_in_the_truth() {
    for by_itself in [true, false] {
        let before = fleet();
        let device = learn(&before, SENSOR, "a");
        let uptime =
            |fleet: &Fleet, now: Time| now.since(fleet.row(device, |row| row.boot()).unwrap()) / 1000;
        let says = |fleet: &Fleet, secs, set_by: i64| {
            let time = if by_itself { after(secs) } else { Time::NEVER };
            let fact = Fact::Uptime { secs: 5000 + secs, time };
            report(fleet, device, false, &[fact], after(secs).shifted(set_by));
        };
        says(&before, 0, 0);
        let fleet = restarted(&before, &["a"]);
        let ahead = 86_400_000;
        assert_eq!(fleet.start_clock(after(0), after(10).shifted(ahead)), 0);
        says(&fleet, 20, ahead);
        fleet.set_clock(-ahead, after(30));
        for secs in [40, 70, 100, 130] {
            says(&fleet, secs, 0);
        }
        assert_eq!(uptime(&fleet, after(130)), 5130);
    }
}

/// As if everything before had been earlier: values are taken, and silence counts.
#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let fleet = fleet();
    let (heard, silent) = (learn(&fleet, SENSOR, "heard"), learn(&fleet, SENSOR, "silent"));
    for device in [heard, silent] {
        report(&fleet, device, false, &[value(0, 1)], after(100_000));
    }
    let back = -86_400_000;
    fleet.sweep(after(100_001));
    let now = |secs| after(secs).shifted(back);
    fleet.set_clock(back, now(100_002));
    fleet.sweep(now(100_002));
    report(&fleet, heard, false, &[value(0, 2)], now(100_170));
    let value = fleet.row(heard, |row| row.nth_point(0).unwrap().integer());
    assert_eq!(value, Some(Some(2)), "the newest value is the one that came last");
    fleet.sweep(now(100_200));
    assert_eq!((presence(&fleet, heard), presence(&fleet, silent)), (Presence::Online, Presence::Lost));
}

/// Who reads a boot instant may rely on it: the store keeps the one that is to come before anybody sees it.
#[test]
fn a_boot_is_kept_before_it_is_shown() {
    let fleet = fleet();
    let device = learn(&fleet, SENSOR, "a");
    let mut reports = Reports::default();
    reports.begin(SENSOR, "ignored", false);
    reports.push(ran_for(5000));
    fleet.absorb(&reports, &mut [Resolved { device, report: 0, parent: 0 }], after(1));
    let seen = || fleet.row(device, |row| (row.boot(), row.boot_to_keep())).unwrap();
    let boot = Time(after(1).0 - 5_000_000);
    assert_eq!(seen(), (Time::NEVER, boot));
    let moved = fleet.moved_boots(usize::MAX);
    assert_eq!(moved, [(device, boot)]);
    fleet.show_boots(&moved);
    assert_eq!(seen(), (boot, boot));
    assert_eq!(fleet.moved_boots(usize::MAX), []);
}

#[test]
fn only_what_changed_is_flushed() {
    let fleet = fleet();
    for n in 0..2500 {
        learn(&fleet, SENSOR, &format!("d{n}"));
    }
    let taken = |most| {
        let (mut from, mut taken) = (0, Vec::new());
        loop {
            fleet.take_dirty(&mut from, most, |row| taken.push(row.number()));
            if from == 0 {
                return taken;
            }
        }
    };
    taken(usize::MAX);
    for device in [2, 1500, 2400] {
        report(&fleet, device, false, &[value(0, 1)], after(1));
    }
    assert_eq!(taken(1), [2, 1500, 2400]);
    assert_eq!(taken(1), [0; 0]);
    fleet.mark_dirty([1500]);
    assert_eq!(taken(1), [1500]);
}

fn walk(fleet: &Fleet, has: Has) -> Vec<(DeviceNumber, u16)> {
    let mut found = Vec::new();
    let mut at = (0, 0);
    while let Some(next) = fleet.next_point(at, has) {
        found.push(next);
        at = next;
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Stepping by `next_point` and running by `points` both give exactly the instances, in order.
    #[test]
    fn walks_equal_the_sorted_instances(
        set in prop::collection::vec((0u32..3000, 0u16..4, any::<i64>()), 0..200),
        gone in prop::collection::btree_set(0u32..3000, 0..50),
    ) {
        let fleet = fleet();
        let records = fleet.draft(&(0..3000).map(|n| identity(if n % 3 == 0 { GATEWAY } else { SENSOR }, &format!("d{n}"))).collect::<Vec<_>>(), START).unwrap();
        fleet.insert(&records);
        let mut expected: [BTreeSet<(u32, u16)>; 6] = Default::default();
        let numbers = [1u16, 2, 4, 7];
        for n in (0..3000).filter(|n| n % 3 != 0 && !gone.contains(n)) {
            expected[0].extend(numbers.map(|number| (n + 1, number)));
            expected[4].extend([1, 2].map(|number| (n + 1, number)));
            expected[5].insert((n + 1, 4));
        }
        let mut last = std::collections::HashMap::new();
        for &(n, slot, value) in set.iter().filter(|(n, slot, _)| n % 3 != 0 && *slot < 3 && !gone.contains(n)) {
            report(&fleet, n + 1, false, &[support::value(slot, value)], after(1));
            last.insert((n + 1, slot), value);
        }
        for ((device, slot), value) in last {
            let key = (device, numbers[slot as usize]);
            expected[1].insert(key);
            if slot == 2 { expected[3].insert(key); } else if i32::try_from(value).is_ok() { expected[2].insert(key); }
        }
        for n in &gone { fleet.retire(n + 1, after(2)); }
        for (has, expected) in [Has::Row, Has::Value, Has::Integer, Has::Counter, Has::NumberType, Has::CounterType].into_iter().zip(&expected) {
            prop_assert_eq!(&walk(&fleet, has), &expected.iter().copied().collect::<Vec<_>>());
            let mut run = Vec::new();
            fleet.points((0, 0), has, |row, point| { run.push((row.number(), point.def.number)); ControlFlow::Continue(()) });
            prop_assert_eq!(&run, &expected.iter().copied().collect::<Vec<_>>());
        }
        let mut live = Vec::new();
        fleet.rows(0, Which::Live, |row| { live.push(row.number()); ControlFlow::Continue(()) });
        prop_assert_eq!(live, (1..=3000).filter(|n| !gone.contains(&(n - 1))).collect::<Vec<_>>());
    }
}
