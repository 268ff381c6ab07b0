//! Random histories of a device, its connection and its managers, and what they end in.

use super::*;
use fleetbridge::store::{Batch, Store};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Desire(Option<i64>),
    /// By a commit that may be undone.
    TryOut(i64),
    Undo,
    Take,
    BrokerAcks,
    /// The device carries out what it was sent, and says so.
    Obeys,
    /// It carries it out and says nothing.
    ObeysSilently,
    Refuses,
    /// It says by itself what it has.
    Reports,
    /// Somebody changes it at the device.
    Turned(i64),
    Online(bool),
    Connection(bool),
    Wait(u64),
    Push,
    /// The process is killed and starts again.
    Killed,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => proptest::option::weighted(0.9, 0i64..3).prop_map(Step::Desire),
        1 => (0i64..3).prop_map(Step::TryOut),
        1 => Just(Step::Undo),
        6 => Just(Step::Take),
        5 => Just(Step::BrokerAcks),
        5 => Just(Step::Obeys),
        2 => Just(Step::ObeysSilently),
        1 => Just(Step::Refuses),
        2 => Just(Step::Reports),
        1 => (0i64..3).prop_map(Step::Turned),
        1 => any::<bool>().prop_map(Step::Online),
        1 => any::<bool>().prop_map(Step::Connection),
        3 => (1u64..15).prop_map(Step::Wait),
        1 => Just(Step::Push),
        1 => Just(Step::Killed),
    ]
}

thread_local! {
    /// One for all histories: a store takes longer to make than a history to happen.
    static STORE: (tempfile::TempDir, Store) = {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), START, Default::default()).unwrap().store;
        (folder, store)
    };
}

/// The outer world: what the device has and what is on its way to it.
struct World {
    bench: Bench,
    has: i64,
    wanted: Option<i64>,
    open: Option<Order>,
    online: bool,
    connected: bool,
}

impl World {
    fn new(reads: bool) -> World {
        let def = SettingDef { reads, ..setting(1, "a") };
        let bench = Bench::new(vec![def]);
        World { bench, has: 0, wanted: None, open: None, online: true, connected: true }
    }

    fn take(&mut self) {
        if !self.connected {
            return;
        }
        let Some(order) = self.bench.order() else { return };
        assert!(self.online, "sent to a device that is away");
        assert_eq!(self.open, None, "a second message while one is open");
        self.open = Some(order);
    }

    fn still_open(&mut self) {
        if self.open.as_ref().is_some_and(|order| !self.bench.fleet.order_stands(order)) {
            self.open = None;
        }
    }

    fn apply(&mut self, speak: bool) {
        let Some(order) = self.open.clone().filter(|_| self.online) else { return };
        if let Some(value) = written(&order) {
            self.has = value;
        }
        if speak && self.connected {
            self.bench.report(0, self.has);
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Desire(wanted) => {
                self.wanted = wanted;
                let value = wanted.map(SettingValue::Integer);
                self.bench.fleet.desire(self.bench.device, 1, value.as_ref(), 1, self.bench.now);
            }
            Step::TryOut(value) => {
                self.wanted = Some(value);
                let value = SettingValue::Integer(value);
                self.bench.fleet.try_out(self.bench.device, 1, &value, 1, self.bench.now);
            }
            Step::Undo => {
                self.wanted = None;
                self.bench.fleet.undo(self.bench.device, 1, 2, self.bench.now);
            }
            Step::Take => self.take(),
            Step::BrokerAcks => self.open.iter().for_each(|order| self.bench.ack(order)),
            Step::Obeys => self.apply(true),
            Step::ObeysSilently => self.apply(false),
            Step::Refuses if self.online && self.connected && self.open.is_some() => {
                self.bench.refuse("no", false);
            }
            Step::Refuses => {}
            Step::Reports if self.online && self.connected => self.bench.report(0, self.has),
            Step::Reports => {}
            Step::Turned(value) => self.has = value,
            Step::Online(online) => {
                if self.connected {
                    self.online = online;
                    self.bench.online(online);
                }
            }
            Step::Connection(up) => {
                let adapter = self.bench.fleet.adapters().find(1).unwrap();
                self.connected = up;
                match up {
                    true => self.bench.fleet.adapter_up(&adapter, self.bench.now),
                    false => self.bench.fleet.adapter_down(&adapter, "gone", self.bench.now),
                }
            }
            Step::Wait(secs) => self.bench.wait(secs),
            Step::Push => {
                self.bench.fleet.push(self.bench.device, 0, self.bench.now);
            }
            Step::Killed => self.restart(),
        }
        self.still_open();
    }

    /// Through what the store keeps, into a new fleet.
    fn restart(&mut self) {
        let mut batch = Batch::default();
        self.bench.fleet.row(self.bench.device, |row| batch.push_settings(&row)).unwrap();
        let defs = self.bench.fleet.profiles()[ProfileId(0)].settings.clone();
        let fresh = Bench { now: self.bench.now, ..Bench::new(defs) };
        fresh.online(false);
        STORE.with(|(_, store)| {
            store.flush(batch).wait().unwrap();
            store.load_settings(|device, settings| fresh.fleet.restore_settings(device, settings)).unwrap();
        });
        let former = self.row();
        self.bench = fresh;
        self.open = None;
        let (was, is) = (former, self.row());
        assert_eq!(was, is);
        if self.online {
            self.bench.online(true);
        }
        if !self.connected {
            let adapter = self.bench.fleet.adapters().find(1).unwrap();
            self.bench.fleet.adapter_down(&adapter, "gone", self.bench.now);
        }
    }

    fn row(&self) -> Option<(Option<SettingValue>, Option<SettingValue>)> {
        let values = |row: fleetbridge::fleet::Row<'_>| {
            row.setting(1).map(|setting| (setting.desired(), setting.reported()))
        };
        // What is only still on its way and wanted no longer need not be kept.
        self.bench.fleet.row(self.bench.device, values)?.filter(|row| *row != (None, None))
    }

    /// Everything works from now on: ends at rest.
    fn settle(&mut self, refuse: bool) {
        self.step(&Step::Connection(true));
        self.step(&Step::Online(true));
        for _ in 0..400 {
            self.take();
            self.step(&Step::BrokerAcks);
            match refuse && self.open.as_ref().is_some_and(|order| order.value.is_some()) {
                true => self.step(&Step::Refuses),
                false => self.step(&Step::Obeys),
            }
            self.step(&Step::Wait(1));
        }
        self.step(&Step::Reports);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Never two messages at a time, never one to a device that is away; a device that obeys ends with what is wanted.
    #[test]
    fn every_history_of_a_device_that_obeys_ends_well(
        reads in any::<bool>(),
        history in prop::collection::vec(step(), 0..60),
    ) {
        let mut world = World::new(reads);
        history.iter().for_each(|step| world.step(step));
        world.settle(false);
        let Some(wanted) = world.wanted else {
            let desired = world.row().and_then(|(desired, _)| desired);
            prop_assert_eq!(desired, None);
            return Ok(());
        };
        let standing = world.bench.standing(1).unwrap();
        // What it refused, or was turned by hand, stays so until somebody pushes.
        if matches!(standing, Standing::Failed | Standing::Drifted) {
            world.step(&Step::Push);
            world.settle(false);
        }
        let standing = world.bench.standing(1).unwrap();
        prop_assert!(matches!(standing, Standing::Effective | Standing::InSync), "{:?}", standing);
        prop_assert_eq!(world.has, wanted);
        prop_assert!(world.bench.order().is_none());
        let progress = world.bench.fleet.commit_progress(1);
        prop_assert_eq!((progress.outstanding, progress.failed), (0, 0));
    }

    #[test]
    fn a_device_that_refuses_ends_failed(reads in any::<bool>(), history in prop::collection::vec(step(), 0..30)) {
        let mut world = World::new(reads);
        history.iter().for_each(|step| world.step(step));
        world.settle(true);
        // A value that it never had.
        world.step(&Step::Desire(Some(9)));
        world.settle(true);
        prop_assert_eq!(world.bench.standing(1), Some(Standing::Failed));
        prop_assert_eq!(world.bench.error(1), "no");
    }

    #[test]
    fn while_a_device_is_away_its_settings_are_pending(history in prop::collection::vec(step(), 0..30)) {
        let mut world = World::new(true);
        history.iter().for_each(|step| world.step(step));
        world.step(&Step::Connection(true));
        world.step(&Step::Online(false));
        world.step(&Step::Desire(Some(9)));
        world.step(&Step::Wait(100));
        prop_assert_eq!(world.bench.standing(1), Some(Standing::Pending));
        world.take();
        prop_assert!(world.open.is_none());
    }
}
