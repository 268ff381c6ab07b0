//! What managers say of devices beside what those report: who wins, and who hangs on whom.

mod support;

use fleetbridge::{
    fleet::{DeviceState, Fleet, Resolved},
    journal::{Event, EventKind},
    model::*,
    store::row,
};
use proptest::prelude::*;
use support::*;

fn presence(fleet: &Fleet, device: DeviceNumber) -> Presence {
    fleet.row(device, |row| row.presence()).unwrap()
}

fn events(fleet: &Fleet, cursor: &mut u64) -> Vec<EventKind> {
    fleet.journal().set_durable(u64::MAX);
    let mut events: Vec<Event> = Vec::new();
    fleet.journal().read(cursor, 1000, &mut events).unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

fn shown(fleet: &Fleet, device: DeviceNumber, attribute: Attribute) -> String {
    fleet.row(device, |row| row.attribute(attribute).to_owned()).unwrap()
}

fn parent(fleet: &Fleet, device: DeviceNumber) -> DeviceNumber {
    fleet.row(device, |row| row.parent()).unwrap()
}

fn say(fleet: &Fleet, device: DeviceNumber, facts: &[ManagedFact<'_>], secs: u64) {
    facts.iter().for_each(|fact| fleet.manage(device, *fact, after(secs)));
}

#[test]
fn what_managers_say_wins_and_what_is_reported_shows_again() {
    use Attribute::{Alias, AssetTag, Location, Site};
    let fleet = fleet();
    // The id that did not fit into the name is the alias that the device came with.
    let device = learn(&fleet, SENSOR, "süd 1");
    let other = learn(&fleet, SENSOR, "other");
    let tell = |site: &str| {
        let mut reports = Reports::default();
        reports.begin(SENSOR, "ignored", false);
        let text = reports.text(site);
        reports.push(Fact::Attribute { attribute: Site, text });
        fleet.absorb(&reports, &mut [Resolved { device, report: 0, parent: 0 }], after(0));
    };
    let all = || [Alias, Site, Location, AssetTag].map(|attribute| shown(&fleet, device, attribute));
    tell("here");
    assert_eq!(all(), ["süd 1", "here", "", ""]);
    let facts = [(Alias, "one"), (Site, "here"), (Location, "roof"), (AssetTag, "A-7")];
    say(&fleet, device, &facts.map(|(attribute, text)| ManagedFact::Text(attribute, text)), 1);
    let asset = [ManagedFact::AssetOwner("works"), ManagedFact::WarrantyUntil("2030-12-31")];
    say(&fleet, device, &asset, 1);
    let since = |device| fleet.row(device, |row| row.admin_since()).unwrap();
    say(&fleet, device, &[ManagedFact::AdminState(AdminState::Maintenance)], 1);
    say(&fleet, device, &[ManagedFact::AdminState(AdminState::Maintenance)], 2);
    assert_eq!([device, other].map(since), [after(1), Time::NEVER], "saying it again changes nothing");
    let books = || fleet.row(device, |row| [row.asset_owner(), row.warranty_until()].map(str::to_owned));
    assert_eq!(books().unwrap(), ["works", "2030-12-31"]);
    assert_eq!(all(), ["one", "here", "roof", "A-7"]);
    tell("there");
    assert_eq!(all(), ["one", "here", "roof", "A-7"], "also when the device says something else");
    assert_eq!(fleet.row(device, |row| row.admin_state()), Some(AdminState::Maintenance));
    assert_eq!(fleet.row(other, |row| row.admin_state()), Some(AdminState::InService));
    assert_eq!(shown(&fleet, other, Site), "");

    // Only what is reported is written down; the rest is read from running again.
    let mut encoded = Vec::new();
    fleet.row(device, |shown| row::encode(&shown, &mut encoded));
    let kept = row::decode(&encoded).unwrap();
    assert_eq!(kept.attributes, [(Site, "there"), (Alias, "süd 1")]);

    say(&fleet, device, &[ManagedFact::Text(Site, ""), ManagedFact::Text(Alias, "two")], 2);
    assert_eq!(all(), ["two", "there", "roof", "A-7"]);
    fleet.unmanage(device, after(3));
    assert_eq!(all(), ["süd 1", "there", "", ""]);
    assert_eq!(books().unwrap(), [""; 2]);
    assert_eq!(fleet.row(device, |row| row.admin_state()), Some(AdminState::InService));
    assert_eq!(since(device), after(3));
    fleet.manage(4000, ManagedFact::Text(Site, "nobody's"), after(3));
}

#[test]
fn a_device_hangs_on_the_parent_that_managers_name() {
    let fleet = fleet();
    let [heard_by, said, device, below] =
        ["heard-by", "said", "device", "below"].map(|id| learn(&fleet, SENSOR, id));
    report(&fleet, heard_by, false, &[], after(0));
    report(&fleet, said, false, &[], after(0));
    report_child(&fleet, device, heard_by, false, &[], after(0));
    report_child(&fleet, below, device, false, &[], after(0));
    let lost =
        |device, secs| report(&fleet, device, false, &[Fact::Availability(Availability::Lost)], after(secs));
    let mut cursor = 0;

    say(&fleet, device, &[ManagedFact::Parent("said")], 1);
    report_child(&fleet, device, heard_by, false, &[], after(1));
    assert_eq!(parent(&fleet, device), said, "whatever it reports");
    assert_eq!((fleet.dependents(said), fleet.dependents(heard_by)), (2, 0));
    lost(heard_by, 2);
    assert_eq!(presence(&fleet, device), Presence::Online);
    lost(said, 3);
    assert_eq!([device, below].map(|one| presence(&fleet, one)), [Presence::Unreachable; 2]);
    events(&fleet, &mut cursor);

    // Nobody's word: it hangs on what it reports, which is lost as well, and was so before the device was last heard.
    say(&fleet, device, &[ManagedFact::Parent("")], 4);
    assert_eq!(parent(&fleet, device), heard_by);
    assert_eq!(presence(&fleet, device), Presence::Unreachable);
    // One that is there, and its own children with it.
    report(&fleet, heard_by, false, &[], after(5));
    assert_eq!([device, below].map(|one| presence(&fleet, one)), [Presence::Online; 2]);
    report_child(&fleet, device, heard_by, false, &[], after(5));
    say(&fleet, device, &[ManagedFact::Parent("said")], 6);
    assert_eq!(
        [device, below].map(|one| presence(&fleet, one)),
        [Presence::Online; 2],
        "heard since said was lost"
    );
    lost(device, 6);
    assert_eq!(presence(&fleet, below), Presence::Unreachable);
    say(&fleet, below, &[ManagedFact::Parent("heard-by")], 7);
    assert_eq!(presence(&fleet, below), Presence::Online, "expected within an interval");
    fleet.unmanage(below, after(8));
    assert_eq!((parent(&fleet, below), presence(&fleet, below)), (device, Presence::Unreachable));
    assert!(
        !events(&fleet, &mut cursor).iter().any(|event| event.device() == Some(below)),
        "no word of its own"
    );
}

#[test]
fn a_parent_may_come_later_or_never_be_heard() {
    let fleet = fleet();
    let [device, other] = ["device", "other"].map(|id| learn(&fleet, SENSOR, id));
    report(&fleet, device, false, &[], after(0));
    say(&fleet, device, &[ManagedFact::Parent("gw")], 0);
    say(&fleet, other, &[ManagedFact::Parent("gw")], 0);
    say(&fleet, other, &[ManagedFact::Parent("elsewhere")], 0);
    let name = |device| fleet.row(device, |row| row.parent_name()).flatten();
    assert_eq!((name(device).as_deref(), parent(&fleet, device)), (Some("gw"), 0));
    let gateway = learn(&fleet, SENSOR, "gw");
    assert_eq!((parent(&fleet, device), parent(&fleet, other)), (gateway, 0));
    assert_eq!(fleet.dependents(gateway), 1);
    // One that was never heard is no reason for silence.
    fleet.sweep(after(180));
    assert_eq!(presence(&fleet, device), Presence::Lost);
    // Itself is nobody.
    say(&fleet, other, &[ManagedFact::Parent("other")], 1);
    assert_eq!((parent(&fleet, other), fleet.dependents(other)), (0, 0));
}

/// Devices that were last heard in the same message, so that none was heard after another.
#[test]
fn silent_devices_in_a_circle_do_not_wait_for_each_other() {
    for length in [2, 3, 40] {
        let fleet = fleet();
        let names: Vec<_> = (0..length).map(|n| format!("device-{n}")).collect();
        let devices: Vec<_> = names.iter().map(|name| learn(&fleet, SENSOR, name)).collect();
        for (at, device) in devices.iter().enumerate() {
            say(&fleet, *device, &[ManagedFact::Parent(&names[(at + 1) % length])], 0);
            report(&fleet, *device, false, &[], after(1));
        }
        assert!(devices.iter().all(|device| fleet.dependents(*device) == length - 1));
        fleet.sweep(after(182));
        assert_eq!(fleet.counts().missing() as usize, length);
        report(&fleet, devices[0], false, &[], after(183));
        assert_eq!(presence(&fleet, devices[0]), Presence::Online);
        assert!(fleet.retire(devices[0], after(184)));
    }
}

/// A start reads what managers say from running, behind the states.
#[test]
fn a_managed_parent_after_a_start() {
    let fleet = fleet();
    let [reported, said, device] = ["reported", "said", "device"].map(|id| learn(&fleet, SENSOR, id));
    let state = |presence, heard, parent| DeviceState {
        presence,
        presence_since: after(10),
        last_seen: after(heard),
        parent,
        ..DeviceState::default()
    };
    fleet.restore(reported, &state(Presence::Lost, 10, 0));
    fleet.restore(said, &state(Presence::Online, 12, 0));
    fleet.restore(device, &state(Presence::Online, 9, reported));
    say(&fleet, device, &[ManagedFact::Parent("said")], 13);
    fleet.restored();
    assert_eq!(presence(&fleet, device), Presence::Online);
    assert_eq!(fleet.row(device, |row| row.presence_since()), Some(after(10)), "nothing has happened to it");
    fleet.unmanage(device, after(14));
    assert_eq!(presence(&fleet, device), Presence::Unreachable);
}

/// What managers say of a device's parent is no way to the device.
#[test]
fn orders_go_the_way_the_device_was_heard() {
    let ty = SettingType::Integer { name: "uint16", least: 0, most: 65_535 };
    let setting = SettingDef { number: 1, ty, timeout: 10_000, ..SettingDef::named("a") };
    let plug = Profile { settings: vec![setting], ..profile("plug", vec![], 0, 3) };
    let fleet = Fleet::new(Profiles::new(vec![plug]), 0);
    add_adapter(&fleet, 1, "plant");
    let [plug, heard_by, said] = ["plug", "gw-heard", "gw-said"].map(|id| learn(&fleet, ProfileId(0), id));
    report_child(&fleet, plug, heard_by, false, &[], START);
    fleet.manage(plug, ManagedFact::Parent("gw-said"), START);
    assert!(fleet.desire(plug, 1, Some(&SettingValue::Integer(1)), 1, START));
    let mut orders = Vec::new();
    fleet.take_orders(1, 10, START, &mut orders);
    assert_eq!(orders[0].parent, "gw-heard");
    assert_eq!(parent(&fleet, plug), said);
}

#[derive(Clone, Debug)]
enum Step {
    Learn(u8),
    /// Device and the name of its parent.
    Say(u8, Option<u8>),
    Report(u8, u8),
    Unmanage(u8),
    Go(u8),
}

fn family_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..8u8).prop_map(Step::Learn),
        (0..8u8, prop::option::of(0..8u8)).prop_map(|(device, parent)| Step::Say(device, parent)),
        (0..8u8, 0..8u8).prop_map(|(device, parent)| Step::Report(device, parent)),
        (0..8u8).prop_map(Step::Unmanage),
        (0..8u8).prop_map(Step::Go),
    ]
}

proptest! {
    /// However managers and devices contradict each other, who hangs on whom is what the last words say, whenever the
    /// named ones come.
    #[test]
    fn families(steps in prop::collection::vec(family_step(), 0..60)) {
        let fleet = fleet();
        let name = |n: u8| format!("d{n}");
        let find = |n: u8| fleet.find(&name(n));
        let (mut said, mut reported) = ([None; 8], [None; 8]);
        for (secs, step) in (1..).zip(steps) {
            match step {
                Step::Learn(n) if find(n).is_none() => {
                    learn(&fleet, SENSOR, &name(n));
                }
                Step::Learn(_) => {}
                Step::Say(n, parent) => {
                    let Some(device) = find(n) else { continue };
                    let text = parent.map(name).unwrap_or_default();
                    fleet.manage(device, ManagedFact::Parent(&text), after(secs));
                    said[usize::from(n)] = parent;
                }
                Step::Report(n, parent) => {
                    let (Some(device), Some(to)) = (find(n), find(parent)) else { continue };
                    report_child(&fleet, device, to, false, &[], after(secs));
                    if n != parent {
                        reported[usize::from(n)] = Some(parent);
                    }
                }
                Step::Unmanage(n) => {
                    let Some(device) = find(n) else { continue };
                    fleet.unmanage(device, after(secs));
                    said[usize::from(n)] = None;
                }
                Step::Go(n) => {
                    let Some(device) = find(n) else { continue };
                    report(&fleet, device, false, &[Fact::Availability(Availability::Lost)], after(secs));
                }
            }
            fleet.sweep(after(secs));
        }
        let parents: Vec<DeviceNumber> = (0..8u8)
            .map(|n| {
                let word = said[usize::from(n)].or(reported[usize::from(n)]).filter(|parent| *parent != n);
                word.and_then(find).unwrap_or(0)
            })
            .collect();
        for n in 0..8u8 {
            let Some(device) = find(n) else { continue };
            prop_assert_eq!(parent(&fleet, device), parents[usize::from(n)], "{}", name(n));
            // Those whose way up, however long, comes by.
            let below = (0..8u8).filter(|other| *other != n && find(*other).is_some()).filter(|other| {
                let mut at = find(*other).unwrap();
                (0..8).any(|_| {
                    at = (0..8u8).find(|m| find(*m) == Some(at)).map_or(0, |m| parents[usize::from(m)]);
                    at == device
                })
            });
            prop_assert_eq!(fleet.dependents(device), below.count(), "{}", name(n));
        }
    }
}

#[test]
fn a_circle_is_told_from_a_long_way_up() {
    let fleet = fleet();
    let chain: Vec<_> = (0..40).map(|n| learn(&fleet, SENSOR, &format!("d-{n}"))).collect();
    for pair in chain.windows(2) {
        say(&fleet, pair[1], &[ManagedFact::Parent(&format!("d-{}", pair[0] - chain[0]))], 1);
    }
    let circles = || chain.iter().filter(|one| fleet.row(**one, |row| row.ends_in_circle()).unwrap()).count();
    assert_eq!(circles(), 0);
    say(&fleet, chain[10], &[ManagedFact::Parent("d-12")], 2);
    assert_eq!(circles(), 30, "three that hang on each other, and what hangs on them");
}
