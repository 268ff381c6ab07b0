//! The store from outside: numbers that stay, full disks, kill -9.

mod copies;
mod damage;

use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use fleetbridge::{
    fleet::{DeviceState, PointState, StoredValue},
    journal::{Event, EventKind},
    model::*,
    stats::Stats,
    store::{Batch, Opened, Store, StoreError, inspect, row},
};

const NOW: Time = Time(1_795_398_917_000);

/// Another test that starts a process holds all our files for the moment between its fork and its exec, and with them a
/// lock that has been let go: that one is waited for.
fn open(folder: &Path) -> Opened {
    for _ in 0..500 {
        match Store::open(folder, NOW, Arc::new(Stats::default())) {
            Err(StoreError::Locked { pid, .. }) if pid == Some(std::process::id()) => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            opened => return opened.unwrap(),
        }
    }
    panic!("still locked by ourselves");
}

fn profile(name: &str, points: &[&str], settings: &[&str]) -> Profile {
    let mut profile = Profile::forgotten(name, 0);
    profile.revision = "2026-11-23".to_owned();
    profile.points = points
        .iter()
        .map(|&name| PointDef {
            number: 0,
            name: name.to_owned(),
            ty: PointType::Integer,
            kind: PointKind::Gauge,
            unit: String::new(),
            digits: 0,
            role: None,
        })
        .collect();
    profile.settings = settings.iter().map(|&name| SettingDef::named(name)).collect();
    profile
}

/// A store with the one profile `plug`, ready to learn.
fn ready(folder: &Path) -> (Opened, Vec<DeviceRecord>) {
    let opened = open(folder);
    let mut profiles = vec![profile("plug", &["power"], &[])];
    opened.store.bind_profiles(&mut profiles, &["x"]).unwrap();
    let mut records = Vec::new();
    opened.store.load_devices(&Profiles::new(profiles), |record| records.push(record)).unwrap();
    (opened, records)
}

fn record(number: DeviceNumber, name: &str) -> DeviceRecord {
    DeviceRecord {
        number,
        name: name.to_owned(),
        profile: ProfileId(0),
        adapter: 1,
        southbound_id: name.to_owned(),
        learned: NOW,
        retired: false,
    }
}

fn state(value: i64) -> DeviceState<'static> {
    DeviceState {
        presence: Presence::Online,
        presence_since: NOW,
        last_seen: NOW,
        attributes: vec![(Attribute::Firmware, "14.2.0")],
        points: vec![PointState {
            number: 1,
            value: StoredValue::Integer(value),
            time: NOW,
            discontinuity: Time::NEVER,
        }],
        ..DeviceState::default()
    }
}

fn batch(numbers: impl IntoIterator<Item = DeviceNumber>, value: i64) -> Batch {
    let mut batch = Batch::default();
    for number in numbers {
        batch.push(number, |out| row::encode_state(&state(value), out));
    }
    batch
}

fn event(number: u64) -> Event {
    Event { number, time: NOW, kind: EventKind::DeviceLearned { device: number as u32 } }
}

fn values(store: &Store) -> HashMap<DeviceNumber, i64> {
    let mut values = HashMap::new();
    store
        .load_state(|number, state| {
            if let [PointState { value: StoredValue::Integer(value), .. }] = state.points[..] {
                values.insert(number, value);
            }
        })
        .unwrap();
    values
}

#[test]
fn point_numbers_outlive_edits() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = |profiles: Vec<Profile>, hash: &str| {
        let mut profiles = profiles;
        let hashes = vec![hash; profiles.len()];
        open(folder.path()).store.bind_profiles(&mut profiles, &hashes).unwrap();
        let numbers: Vec<_> = profiles[0].points.iter().map(|point| point.number).collect();
        let settings: Vec<_> = profiles[0].settings.iter().map(|setting| setting.number).collect();
        (profiles[0].stored_id, numbers, settings)
    };
    let first =
        numbers(vec![profile("a", &["t", "h", "rssi"], &["s1", "s2"]), profile("b", &["t"], &[])], "1");
    assert_eq!((first.0, first.1, first.2), (1, vec![1, 2, 3], vec![1, 2]));
    // Reordered and shortened, and another profile before it.
    assert_eq!(numbers(vec![profile("a", &["rssi", "t"], &["s2"])], "1").1, [3, 1]);
    // Extended: neither the removed one's number nor a name's are given again.
    let longer = numbers(vec![profile("a", &["new", "t", "rssi"], &["s3", "s1"])], "2");
    assert_eq!((longer.1, longer.2), (vec![4, 1, 3], vec![3, 1]));
    assert_eq!(numbers(vec![profile("a", &["h"], &[])], "2").1, [2], "it comes back to its own number");
    assert_eq!(numbers(vec![profile("c", &["t"], &[])], "1").0, 3);
    assert_eq!(numbers(vec![profile("b", &["t"], &[])], "1").0, 2);
}

#[test]
fn adapters_keep_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let store = open(folder.path()).store;
        assert_eq!(store.bind_adapter("plant", "mqtt").unwrap(), 1);
        assert_eq!(store.bind_adapter("yard", "mqtt").unwrap(), 2);
        assert_eq!(store.bind_adapter("plant", "http").unwrap(), 1);
    }
    assert_eq!(open(folder.path()).store.bind_adapter("new", "mqtt").unwrap(), 3);
}

#[test]
fn devices_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { store, cold, last_event, .. }, none) = ready(folder.path());
    assert!(cold && none.is_empty() && last_event == 0);
    let odd = DeviceRecord { southbound_id: "a/b".to_owned(), ..record(2, "a_b-1234567") };
    store.learn(vec![record(1, "one"), odd.clone()]).wait().unwrap();
    store.learn(vec![record(7, "seven")]).wait().unwrap();
    store.retire(7, NOW).wait().unwrap();
    store.retire(7, NOW).wait().unwrap();
    store.retire(1, NOW).wait().unwrap();
    store.revive(1).wait().unwrap();
    assert!(matches!(store.retire(3, NOW).wait(), Err(StoreError::NoDevice(3))));
    assert_eq!(store.max_number(), 7);
    drop(store);

    let (Opened { store, cold, .. }, records) = ready(folder.path());
    assert!(!cold);
    assert_eq!(records, [record(1, "one"), odd, DeviceRecord { retired: true, ..record(7, "seven") }]);
    // The profile's file is gone: its devices are not.
    let forgotten = store.bind_profiles(&mut [profile("other", &[], &[])], &["x"]).unwrap();
    assert_eq!(forgotten, [Profile::forgotten("plug", 1)]);
    let others = Profiles::new(vec![profile("other", &[], &[])]);
    assert!(matches!(store.load_devices(&others, |_| ()), Err(StoreError::UnknownProfile(1))));
}

#[test]
fn nothing_is_given_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { store, .. }, _) = ready(folder.path());
    store.learn(vec![record(1, "one")]).wait().unwrap();
    let taken_id = DeviceRecord { southbound_id: "one".to_owned(), ..record(2, "two") };
    let calls = [
        store.learn(vec![record(3, "three")]),
        store.learn(vec![record(4, "four"), record(1, "number")]),
        store.learn(vec![record(5, "one")]),
        store.learn(vec![taken_id]),
        store.learn(vec![record(MAX_DEVICE_NUMBER + 1, "beyond")]),
        store.learn(vec![DeviceRecord { profile: ProfileId(9), ..record(6, "six") }]),
        store.learn(vec![record(8, "One")]),
    ];
    let outcomes: Vec<_> = calls.into_iter().map(|call| call.wait().is_ok()).collect();
    assert_eq!(outcomes, [true, false, false, false, false, false, true]);
    drop(store);
    let (_, records) = ready(folder.path());
    let numbers: Vec<_> = records.iter().map(|record| record.number).collect();
    assert_eq!(numbers, [1, 3, 8], "a call that fails brings nothing, and spoils no other");
}

#[tokio::test]
async fn answers_can_be_awaited() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { store, .. }, _) = ready(folder.path());
    let calls: Vec<_> = (1..=3000).map(|n| store.learn(vec![record(n, &format!("d{n}"))])).collect();
    for call in calls {
        call.await.unwrap();
    }
    assert!(!store.flush(batch(1..=10, 5)).await.unwrap().anew);
    assert_eq!(store.max_number(), 3000);
    store.revive(1).wait().unwrap();
}

#[test]
fn telemetry_and_events_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { store, .. }, _) = ready(folder.path());
    store.learn((1..=3).map(|n| record(n, &format!("d{n}"))).collect()).wait().unwrap();
    store.flush(batch([1, 2, 3], 5)).wait().unwrap();
    let mut second = batch([2], -7);
    second.events = vec![event(1), event(2), event(3)];
    store.flush(second).wait().unwrap();
    assert_eq!(values(&store), HashMap::from([(1, 5), (2, -7), (3, 5)]));
    store.settle_events().wait().unwrap();
    drop(store);

    let Opened { store, last_event, cold, .. } = open(folder.path());
    assert_eq!((last_event, cold), (3, false), "a clean stop leaves no gap");
    assert_eq!(values(&store)[&2], -7);
    assert_eq!(store.events(1, 10).unwrap(), [event(2), event(3)]);
    assert_eq!(store.events(0, 1).unwrap(), [event(1)]);
}

#[test]
fn numbers_that_may_have_been_told_are_not_given_again() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { store, .. }, _) = ready(folder.path());
    let news = |number| {
        let mut batch = Batch::default();
        batch.events.push(event(number));
        batch
    };
    store.flush(news(1)).wait().unwrap();
    // Event 2 is told because state.db cannot be written, then the process is killed.
    let told = store.promised_events();
    assert!((2..=5000).contains(&told));
    drop(store);

    let Opened { store, last_event, .. } = open(folder.path());
    assert_eq!(last_event, told);
    store.flush(news(last_event + 1)).wait().unwrap();
    assert!(store.promised_events() > last_event);
    store.settle_events().wait().unwrap();
    drop(store);
    assert_eq!(open(folder.path()).last_event, last_event + 1);
}

#[test]
fn a_store_is_private() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("deep/store");
    let (Opened { store, .. }, _) = ready(&folder);
    store.flush(batch([1], 1)).wait().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 8, "{files:?}");
    for path in &files {
        assert_eq!(mode(path), 0o600, "{}", path.display());
    }
    // What somebody opened up is closed again.
    drop(store);
    fs::set_permissions(folder.join("config.db"), fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&folder));
    assert_eq!(mode(&folder.join("config.db")), 0o600);
}

#[test]
fn a_newer_schema_is_refused() {
    for file in ["config.db", "state.db"] {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()));
        let database = rusqlite::Connection::open(folder.path().join(file)).unwrap();
        database.pragma_update(None, "user_version", 99).unwrap();
        drop(database);
        let error = Store::open(folder.path(), NOW, Arc::default()).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    }
}

#[test]
fn another_programs_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let before = fs::read(&path).unwrap();
    let error = Store::open(folder.path(), NOW, Arc::default()).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// Runs the test `name` of this binary as a process of its own, which finds `folder` in its environment.
fn child(name: &str, folder: &Path, shell: &str) -> (Child, impl Iterator<Item = String>) {
    let mut child = Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$@\""), "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("FLEETBRIDGE_TEST_STORE", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    (child, lines)
}

fn told_folder() -> Option<std::path::PathBuf> {
    std::env::var_os("FLEETBRIDGE_TEST_STORE").map(Into::into)
}

/// Not a test: the process that the next one kills.
#[test]
fn helper_learns_for_ever() {
    let Some(folder) = told_folder() else { return };
    let (Opened { store, last_event, .. }, records) = ready(&folder);
    let mut number = records.last().map_or(0, |record| record.number);
    for last in last_event.. {
        let group: Vec<_> = (1..=1 + last as u32 % 5)
            .map(|step| record(number + step, &format!("p{}-{}", std::process::id(), number + step)))
            .collect();
        number += group.len() as u32;
        store.learn(group.clone()).wait().unwrap();
        let mut telemetry = batch(group.iter().map(|record| record.number), i64::from(number));
        telemetry.events = vec![event(last + 1)];
        store.flush(telemetry).wait().unwrap();
        for record in group {
            println!("ack {} {} {} {}", record.number, record.name, number, last + 1);
        }
    }
}

#[test]
fn kill_9_takes_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (mut names, mut telemetry, mut newest_event) = (HashMap::new(), HashMap::new(), 0);
    for round in 0..20 {
        let (mut process, lines) = child("helper_learns_for_ever", folder.path(), "");
        let mut acknowledge = |line: String| {
            let mut words = line.split(' ').skip_while(|&word| word != "ack").skip(1);
            let mut word = || words.next();
            let (Some(number), Some(name), Some(value), Some(event)) = (word(), word(), word(), word())
            else {
                return false;
            };
            let Ok(event) = event.parse::<u64>() else { return false };
            let number: u32 = number.parse().unwrap();
            assert_eq!(names.insert(number, name.to_owned()), None, "number {number} twice");
            telemetry.insert(number, value.parse::<i64>().unwrap());
            newest_event = event;
            true
        };
        let mut lines = lines;
        let mut count = 0;
        while count < 3 + round * 11 {
            count += usize::from(acknowledge(lines.next().expect("it runs until it is killed")));
        }
        process.kill().unwrap();
        // A last line may have been cut short; what was told is told.
        lines.for_each(|line| {
            acknowledge(line);
        });
        process.wait().unwrap();

        let (Opened { store, last_event, .. }, records) = ready(folder.path());
        assert!(last_event >= newest_event);
        let stored: HashMap<_, _> =
            records.iter().map(|record| (record.number, record.name.clone())).collect();
        assert_eq!(stored.len(), records.len());
        for (number, name) in &names {
            assert_eq!(stored.get(number), Some(name), "number {number} after kill {round}");
        }
        let values = values(&store);
        for (number, value) in &telemetry {
            assert_eq!(values.get(number), Some(value), "telemetry of {number} after kill {round}");
        }
        // Learned and not acknowledged: theirs for ever as well.
        names = stored.into_iter().collect();
        telemetry = values;
        newest_event = last_event;
    }
}

/// Not a test: holds the store until it is killed.
#[test]
fn helper_holds_the_lock() {
    let Some(folder) = told_folder() else { return };
    let _store = ready(&folder);
    println!("held by {}", std::process::id());
    let _ = std::io::stdin().read(&mut [0]);
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn the_lock_names_its_holder_and_dies_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, mut lines) = child("helper_holds_the_lock", folder.path(), "");
    lines.find(|line| line.contains("held by")).unwrap();
    let error = Store::open(folder.path(), NOW, Arc::default()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { pid: Some(pid), .. } if pid == process.id()), "{error}");
    process.kill().unwrap();
    process.wait().unwrap();
    drop(open(folder.path()));
}

/// Not a test: meets a limit on file sizes, says so, and goes on when it is lifted.
#[test]
fn helper_meets_a_full_disk() {
    let Some(folder) = told_folder() else { return };
    let stats = Arc::new(Stats::default());
    let store = Store::open(&folder, NOW, stats.clone()).unwrap().store;
    let mut profiles = vec![profile("plug", &["power"], &[])];
    store.bind_profiles(&mut profiles, &["x"]).unwrap();
    store.load_devices(&Profiles::new(profiles), |_| ()).unwrap();
    let name = |number| format!("a-long-name-that-fills-the-disk-sooner-{number}");
    let fill = |range: std::ops::Range<u32>| store.learn(range.map(|n| record(n, &name(n))).collect()).wait();
    let mut next = 1;
    while fill(next..next + 1000).is_ok() {
        next += 1000;
    }
    let mut value = 0;
    while store.flush(batch(1..next, value)).wait().is_ok() && value < 1000 {
        value += 1;
    }
    assert!(stats.store.errors.value() >= 1 && next > 1);
    let mut count = 0;
    let profiles = vec![Profile::forgotten("plug", 1)];
    store.load_devices(&Profiles::new(profiles), |_| count += 1).unwrap();
    assert_eq!(count, next - 1, "what is there can be read");
    println!("full at {next}");
    while fill(next..next + 1000).is_err() {
        std::thread::sleep(Duration::from_millis(20));
    }
    store.flush(batch(1..next, -1)).wait().unwrap();
    assert_eq!(values(&store).len(), next as usize - 1);
    println!("recovered with {}", next + 999);
}

#[test]
fn a_full_disk_passes() {
    let folder = tempfile::tempdir().unwrap();
    let limit = "trap '' XFSZ; ulimit -S -f 2048;";
    let (mut process, mut lines) = child("helper_meets_a_full_disk", folder.path(), limit);
    lines.find(|line| line.contains("full at")).expect("it meets the limit");
    let lifted = Command::new("prlimit")
        .args(["--pid", &process.id().to_string(), "--fsize=unlimited"])
        .status()
        .unwrap();
    assert!(lifted.success());
    let told = lines.find(|line| line.contains("recovered")).expect("it goes on");
    let devices: usize = told.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(lines.count() < 100 && process.wait().unwrap().success());
    assert_eq!(ready(folder.path()).1.len(), devices);
}

/// `cargo test --release --test store -- --ignored --nocapture`: what a million devices of 8 points cost.
#[test]
#[ignore = "figures, not a check"]
fn figures() {
    const DEVICES: u32 = 1_000_000;
    let folder = tempfile::tempdir().unwrap();
    let figure = |name: &str, started: std::time::Instant, count: u32| {
        let spent = started.elapsed();
        println!("{name}: {:.2} s, {} ns each", spent.as_secs_f64(), spent.as_nanos() / u128::from(count));
    };
    let mut full = state(0);
    full.attributes.push((Attribute::Serial, "SN-00012345678"));
    full.points = (1..=8)
        .map(|number| PointState {
            number,
            value: StoredValue::Integer(i64::from(number) * 215),
            time: NOW,
            discontinuity: Time::NEVER,
        })
        .collect();
    let flush = |store: &Store, name: &str, numbers: &mut dyn Iterator<Item = u32>, value: i64| {
        let started = std::time::Instant::now();
        let (mut count, mut pending) = (0, None);
        loop {
            let mut batch = Batch::default();
            for number in numbers.take(16_384) {
                full.points[0].value = StoredValue::Integer(value);
                batch.push(number, |out| row::encode_state(&full, out));
            }
            if let Some(former) = pending.take() {
                let _: fleetbridge::store::Flushed = fleetbridge::store::Pending::wait(former).unwrap();
            }
            if batch.is_empty() {
                break;
            }
            count += batch.rows() as u32;
            pending = Some(store.flush(batch));
        }
        figure(name, started, count);
    };
    let mut flush = flush;

    let (Opened { store, .. }, _) = ready(folder.path());
    let started = std::time::Instant::now();
    for first in (1..=DEVICES).step_by(1024) {
        let group =
            (first..(first + 1024).min(DEVICES + 1)).map(|n| record(n, &format!("device-{n:07}"))).collect();
        store.learn(group).wait().unwrap();
    }
    figure("learned, 1,024 a commit", started, DEVICES);
    flush(&store, "flushed for the first time", &mut (1..=DEVICES), 1);
    flush(&store, "flushed again, in order", &mut (1..=DEVICES), 2_000_000);
    flush(&store, "every seventh in order", &mut (1..=DEVICES).step_by(7), 3);
    let mut random = (0..100_000u64).map(|n| (n * 2_654_435_761 % u64::from(DEVICES)) as u32 + 1);
    flush(&store, "100,000 in random order", &mut random, 3);
    let started = std::time::Instant::now();
    drop(store);
    figure("closed", started, 1);
    for file in ["config.db", "state.db"] {
        println!("{file}: {} MiB", fs::metadata(folder.path().join(file)).unwrap().len() >> 20);
    }
    let started = std::time::Instant::now();
    let (Opened { store, .. }, records) = ready(folder.path());
    figure("devices loaded", started, DEVICES);
    assert_eq!(records.len(), DEVICES as usize);
    let started = std::time::Instant::now();
    let mut points = 0;
    store.load_state(|_, state| points += state.points.len()).unwrap();
    figure("telemetry loaded", started, DEVICES);
    assert_eq!(points, 8 * DEVICES as usize);
}
