//! What a target is told, by a simulated clock: storms, acknowledgements, restarts. Whatever is withheld, refused or lost
//! on the way, in the end it knows the true state of every device.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use fleetbridge::{
    fleet::Fleet,
    journal::{Bookmark, Event, EventKind},
    model::*,
    secret::Secret,
    snmp::notify::{Kind, Kinds, Originator, Sent, Summary, Target, What, Wire, World},
};
use proptest::prelude::*;
use support::*;

fn target(inform: bool, rate: u32) -> Target {
    Target {
        address: "192.0.2.1:162".parse().unwrap(),
        wire: Wire::V2c { community: Secret::new("public".into()) },
        inform,
        timeout: 1000,
        retries: 3,
        rate,
        kinds: Kinds::default(),
        sites: Vec::new(),
    }
}

/// A bridge, a target, and the network between them.
struct Simulated {
    fleet: Arc<Fleet>,
    originator: Originator,
    now: Time,
    /// All events, as the store has them.
    history: Vec<Event>,
    /// Whether the target answers.
    answers: bool,
    /// Whom it takes for lost.
    lost: BTreeSet<DeviceNumber>,
    summaries: Vec<Summary>,
    /// (event, time) of each that arrived; an inform may do so more than once.
    arrived: Vec<(u64, Time)>,
    starts: usize,
    bookmark: Option<Bookmark>,
}

impl Simulated {
    fn new(target: Target, devices: u32) -> Simulated {
        let fleet = Arc::new(fleet());
        for device in 0..devices {
            learn(&fleet, SENSOR, &format!("device-{device}"));
        }
        (1..=devices).for_each(|device| report(&fleet, device, false, &[], after(1)));
        fleet.journal().set_durable(u64::MAX);
        let now = after(10);
        let last = fleet.journal().last();
        let originator = Originator::new(target, None, last, now, World { fleet: &fleet, wall: now });
        Simulated {
            fleet,
            originator,
            now,
            history: Vec::new(),
            answers: true,
            lost: BTreeSet::new(),
            summaries: Vec::new(),
            arrived: Vec::new(),
            starts: 0,
            bookmark: None,
        }
    }

    fn set(&self, device: DeviceNumber, lost: bool) {
        let availability = if lost { Availability::Lost } else { Availability::Online };
        report(&self.fleet, device, false, &[Fact::Availability(availability)], self.now);
    }

    fn truth(&self) -> BTreeSet<DeviceNumber> {
        let count = self.fleet.counts().numbers_used;
        let lost =
            |device: &u32| self.fleet.row(*device, |row| row.presence() == Presence::Lost) == Some(true);
        (1..=count).filter(lost).collect()
    }

    /// Lets so many milliseconds pass.
    fn pass(&mut self, millis: u64) {
        let end = self.now.plus_millis(millis);
        while self.now < end {
            self.now = self.now.plus_millis(50);
            self.fleet.journal().set_durable(u64::MAX);
            self.turn();
        }
    }

    fn turn(&mut self) {
        let journal = self.fleet.journal();
        let mut known = self.history.last().map_or(0, |event| event.number);
        let mut new = Vec::new();
        journal.read(&mut known, usize::MAX, &mut new).unwrap();
        self.history.extend(new);
        loop {
            let read = self.originator.read();
            let at = self.history.partition_point(|event| event.number <= read);
            let end = (at + self.originator.room()).min(self.history.len());
            let last = self.history[..end].last().map_or(read, |event| event.number).max(read);
            self.originator.handle_events(self.history[at..end].to_vec(), last);
            let fleet = self.fleet.clone();
            let world = World { fleet: &fleet, wall: self.now };
            while let Some(id) = self.originator.poll(self.now, world) {
                let what = self.originator.what(id).expect("it is under way").clone();
                if self.answers {
                    self.arrive(what);
                }
                self.originator.handle_sent(id, Sent::Out, self.now);
                if self.answers {
                    self.originator.handle_acknowledged(id, self.now);
                }
            }
            if at == end {
                return;
            }
        }
    }

    fn arrive(&mut self, what: What) {
        match what {
            What::Summary(summary) => self.summaries.push(*summary),
            What::AuthenticationFailure | What::Test => {}
            What::Event(event) => {
                self.arrived.push((event.number, self.now));
                match event.kind {
                    EventKind::DeviceLost { device, .. } => {
                        self.lost.insert(device);
                    }
                    EventKind::DeviceReturned { device, .. } => {
                        self.lost.remove(&device);
                    }
                    EventKind::Started { .. } => self.starts += 1,
                    _ => {}
                }
            }
        }
    }

    fn save(&mut self) {
        self.bookmark = self.originator.take_unsaved().or(self.bookmark.take());
    }

    /// kill -9: what was not saved is gone.
    fn restart(&mut self) {
        let last = self.fleet.journal().last();
        let world = World { fleet: &self.fleet, wall: self.now };
        let target = self.originator.target().clone();
        self.originator = Originator::new(target, self.bookmark.as_ref(), last, self.now, world);
    }

    /// The most that arrived within a second.
    fn most_a_second(&self) -> usize {
        let within = |from: usize| {
            let (_, begin) = self.arrived[from];
            self.arrived[from..].iter().take_while(|(_, at)| at.since(begin) < 1000).count()
        };
        (0..self.arrived.len()).map(within).max().unwrap_or(0)
    }
}

#[test]
fn below_the_rate_each_event_is_told_once() {
    for inform in [false, true] {
        let mut one = Simulated::new(target(inform, 50), 20);
        for device in 1..=20 {
            one.set(device, true);
            one.pass(100);
        }
        one.pass(100_000);
        assert_eq!(one.arrived.len(), 20);
        assert!(one.arrived.is_sorted() && one.summaries.is_empty());
        assert_eq!(one.lost, one.truth());
        assert_eq!((one.originator.counts().told, one.originator.counts().withheld), (20, 0));
        assert_eq!(one.originator.cursor(), one.fleet.journal().last());
    }
}

#[test]
fn a_storm_ends_with_the_true_state() {
    for inform in [false, true] {
        let mut one = Simulated::new(target(inform, 50), 10_000);
        (1..=10_000).for_each(|device| one.set(device, true));
        one.pass(500);
        (1..=5000).for_each(|device| one.set(device * 2, false));
        one.pass(400_000);
        assert_eq!(one.lost, one.truth());
        assert_eq!(one.lost.len(), 5000);
        assert_eq!(one.summaries.len(), 1);
        let summary = &one.summaries[0];
        let single =
            one.arrived.iter().filter(|(number, _)| (1..summary.first).contains(number)).count() as u64;
        assert_eq!(summary.withheld() + single, 15_000, "each is told or counted");
        assert_eq!(summary.last, one.fleet.journal().last());
        assert_eq!(summary.of(Kind::DeviceReturned), 5000);
        assert!(one.most_a_second() <= 100, "{} in a second", one.most_a_second());
        assert_eq!(one.originator.cursor(), one.fleet.journal().last());
    }
}

#[test]
fn news_are_told_while_old_states_are() {
    let mut one = Simulated::new(target(false, 50), 10_001);
    (1..=10_000).for_each(|device| one.set(device, true));
    one.pass(10_000);
    one.set(10_001, true);
    let number = one.fleet.journal().last();
    one.pass(200);
    assert!(one.arrived.iter().any(|(told, _)| *told == number), "it does not wait for the others");
    assert!(one.lost.len() < 5000);
}

#[test]
fn informs_are_tried_again_and_then_given_up() {
    let mut one = Simulated::new(target(true, 50), 100);
    one.answers = false;
    (1..=40).for_each(|device| one.set(device, true));
    one.pass(10_000);
    assert_eq!(one.originator.counts().failed, 0, "1 + 2 + 4 + 8 seconds");
    let number = one.history[0].number;
    assert_eq!(one.originator.cursor(), number - 1, "none of them is told");
    one.pass(40_000);
    assert_eq!(one.originator.counts().failed, 40, "16 at a time");
    assert!(one.originator.is_silent());
    assert_eq!(one.originator.cursor(), one.fleet.journal().last(), "they are passed over");
    // Each of them is told again when it answers.
    one.answers = true;
    one.pass(120_000);
    assert_eq!(one.lost, one.truth());
    assert_eq!(one.lost.len(), 40);
    assert!(!one.originator.is_silent());
}

#[test]
fn what_a_target_could_not_read_is_sent_again_at_once_but_not_for_ever() {
    let mut one = Simulated::new(target(true, 50), 1);
    let fleet = one.fleet.clone();
    let test = one.originator.test(one.now);
    let (mut sent, began) = (Vec::new(), one.now);
    for _ in 0..1000 {
        one.now = one.now.plus_millis(50);
        while let Some(id) = one.originator.poll(one.now, World { fleet: &fleet, wall: one.now }) {
            sent.push(one.now.since(began) / 100);
            one.originator.handle_sent(id, Sent::Out, one.now);
            one.originator.handle_synchronised(one.now);
        }
    }
    assert_eq!(sent, [0, 0, 0, 10, 30, 70], "two more than its four tries");
    assert_eq!(one.originator.take_tested(), [(test, false)]);
}

#[test]
fn a_failure_to_authenticate_is_told_at_once_or_not_at_all() {
    let kinds = [Kind::DeviceLost, Kind::AuthenticationFailure].into_iter().collect();
    let told = |target, failures: usize| {
        let mut one = Simulated::new(target, 1);
        (0..failures).for_each(|_| one.originator.handle_failure(one.now));
        one.pass(100_000);
        (one.originator.counts().told, one.originator.cursor() == one.fleet.journal().last())
    };
    assert_eq!(told(Target { kinds, ..target(false, 50) }, 3), (3, true));
    assert_eq!(told(Target { kinds, ..target(true, 50) }, 100), (16, true), "as many as may be under way");
    assert_eq!(told(Target { kinds, ..target(false, 1) }, 100), (10, true), "what the rate allows");
    assert_eq!(told(target(false, 50), 3), (0, true), "it is not among the kinds");
}

#[test]
fn an_outage_between_two_tries_costs_nothing() {
    let mut one = Simulated::new(target(true, 50), 10);
    one.answers = false;
    (1..=10).for_each(|device| one.set(device, true));
    one.pass(5000);
    one.answers = true;
    one.pass(5000);
    assert_eq!(one.lost.len(), 10);
    assert_eq!((one.originator.counts().told, one.originator.counts().failed), (10, 0));
}

#[test]
fn of_one_device_the_second_waits_for_the_first() {
    let mut one = Simulated::new(target(true, 50), 10);
    one.answers = false;
    one.set(3, true);
    one.set(3, false);
    one.pass(2000);
    assert_eq!(one.originator.counts().told, 0);
    one.answers = true;
    one.pass(10_000);
    let numbers: Vec<_> = one.arrived.iter().map(|(number, _)| *number).collect();
    assert!(numbers.is_sorted() && numbers.len() == 2, "{numbers:?}");
    assert!(one.lost.is_empty());
}

#[test]
fn what_was_not_told_is_told_after_a_kill() {
    let mut one = Simulated::new(target(true, 50), 100);
    one.save();
    one.set(1, true);
    one.pass(1000);
    one.save();
    one.answers = false;
    (2..=5).for_each(|device| one.set(device, true));
    one.pass(1000);
    one.save();
    one.restart();
    one.answers = true;
    one.fleet.journal().append(one.now, EventKind::Started { cold: false });
    one.pass(10_000);
    assert_eq!(one.lost, one.truth());
    assert_eq!((one.arrived.len(), one.starts), (6, 1), "and the first one only once");
}

#[test]
fn a_new_target_begins_with_the_present() {
    let mut one = Simulated::new(target(false, 50), 10);
    (1..=5).for_each(|device| one.set(device, true));
    one.pass(1000);
    one.arrived.clear();
    one.bookmark = None;
    one.restart();
    one.pass(100_000);
    assert_eq!(one.arrived, []);
    one.set(1, false);
    one.pass(1000);
    assert_eq!(one.arrived.len(), 1);
}

#[test]
fn one_too_far_behind_gets_a_summary_and_the_present() {
    let mut one = Simulated::new(target(false, 50), 300);
    (1..=200).for_each(|device| one.set(device, true));
    one.fleet.journal().set_durable(u64::MAX);
    let last = one.fleet.journal().last();
    one.originator.handle_overrun(last, one.now);
    assert!(one.originator.cursor() < last);
    one.pass(60_000);
    assert_eq!(one.lost, one.truth());
    assert_eq!(one.lost.len(), 200);
    assert_eq!((one.summaries.len(), one.summaries[0].unread, one.summaries[0].last), (1, 200, last));
    assert_eq!(one.originator.cursor(), last);
}

#[test]
fn what_a_killed_run_may_have_told_is_in_doubt_when_it_is_skipped() {
    let mut one = Simulated::new(target(true, 50), 100);
    one.save();
    (1..=40).for_each(|device| one.set(device, true));
    one.pass(10_000);
    assert_eq!(one.lost.len(), 40);
    one.answers = false;
    (1..=40).for_each(|device| one.set(device, false));
    one.restart();
    one.pass(50);
    assert!(one.originator.may_skip(), "all are read, and most of them wait");
    one.originator.handle_overrun(one.fleet.journal().last(), one.now);
    one.answers = true;
    one.pass(120_000);
    assert!(one.lost.is_empty(), "{:?}", one.lost);
}

#[test]
fn filters() {
    let named = |device: &mut Simulated, number, site: &str| {
        let mut reports = Reports::default();
        reports.begin(SENSOR, "ignored", false);
        let text = reports.text(site);
        reports.push(Fact::Attribute { attribute: Attribute::Site, text });
        let resolved = fleetbridge::fleet::Resolved { device: number, report: 0, parent: 0 };
        device.fleet.absorb(&reports, &mut [resolved], device.now);
    };
    let kinds = [Kind::DeviceLost, Kind::AdapterDown].into_iter().collect();
    let mut one = Simulated::new(Target { sites: vec!["hall".into()], kinds, ..target(false, 50) }, 3);
    named(&mut one, 1, "hall");
    named(&mut one, 2, "yard");
    (1..=3).for_each(|device| one.set(device, true));
    one.fleet.journal().append(one.now, EventKind::Started { cold: true });
    one.pass(100_000);
    assert_eq!((&one.lost, one.starts), (&BTreeSet::from([1]), 0));
    (1..=3).for_each(|device| one.set(device, false));
    one.pass(100_000);
    assert_eq!(one.arrived.len(), 1, "returns are not told, and so not told again");
    assert_eq!(one.originator.cursor(), one.fleet.journal().last());
}

#[test]
fn devices_that_come_are_told_of_once_in_five_seconds() {
    let kinds = [Kind::ConfigChange].into_iter().collect();
    let mut one = Simulated::new(Target { kinds, ..target(false, 50) }, 3);
    for _ in 0..100 {
        one.fleet.journal().append(one.now, EventKind::DeviceLearned { device: 1 });
        one.pass(100);
    }
    one.pass(10_000);
    assert_eq!(one.arrived.len(), 3);
    assert_eq!(one.originator.cursor(), one.fleet.journal().last());
}

#[test]
fn a_test_is_told_whatever_the_filter() {
    for answers in [true, false] {
        let mut one = Simulated::new(Target { kinds: [].into_iter().collect(), ..target(true, 50) }, 1);
        one.answers = answers;
        let id = one.originator.test(one.now);
        one.pass(20_000);
        assert_eq!(one.originator.take_tested(), [(id, answers)]);
        assert_eq!(one.originator.take_tested(), []);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set(BTreeMap<DeviceNumber, bool>),
    Pass(u64),
    Answers(bool),
    Save,
    Kill,
    Overrun,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::btree_map(1u32..=200, any::<bool>(), 1..200).prop_map(Step::Set),
        4 => (1u64..20_000).prop_map(Step::Pass),
        2 => any::<bool>().prop_map(Step::Answers),
        2 => Just(Step::Save),
        1 => Just(Step::Kill),
        1 => Just(Step::Overrun),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens on the way, in the end the target knows who is lost.
    #[test]
    fn every_target_ends_with_the_true_state(
        inform: bool,
        rate in prop_oneof![Just(1u32), 5u32..100],
        steps in prop::collection::vec(steps(), 1..30),
    ) {
        let mut one = Simulated::new(target(inform, rate), 200);
        one.save();
        for step in steps {
            match step {
                Step::Set(devices) => devices.into_iter().for_each(|(device, lost)| one.set(device, lost)),
                Step::Pass(millis) => one.pass(millis),
                // A trap that nobody hears is told for all that the bridge knows.
                Step::Answers(answers) => one.answers = answers || !inform,
                Step::Save => one.save(),
                Step::Kill => one.restart(),
                Step::Overrun if !one.originator.may_skip() => one.pass(50),
                Step::Overrun => {
                    one.fleet.journal().set_durable(u64::MAX);
                    one.originator.handle_overrun(one.fleet.journal().last(), one.now);
                }
            }
            prop_assert!(one.originator.room() <= 256);
            prop_assert!(one.originator.cursor() <= one.fleet.journal().last());
        }
        one.answers = true;
        one.pass(600_000);
        prop_assert_eq!(&one.lost, &one.truth());
        prop_assert_eq!(one.originator.cursor(), one.fleet.journal().last());
        let counts = one.originator.counts();
        one.pass(200_000);
        prop_assert_eq!(one.originator.counts(), counts, "and then there is silence");
    }
}
