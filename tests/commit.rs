//! Commits in SQLite: confirmed ones, roll-back, numbers, audit, kill -9, and that validating what is touched is as good
//! as validating everything.

mod datastore_support;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use datastore_support::*;
use fleetbridge::{
    datastore::{rows::CommitState, *},
    model::{DeviceNumber, DeviceRecord, Profile, ProfileId, Profiles, Time},
    stats::Stats,
    store::{Store, StoreError},
    yang::Format,
};
use parking_lot::Mutex;
use proptest::prelude::*;

/// Another test that starts a process holds all our files for the moment between its fork and its exec, and with them a
/// lock that has been let go: that one is waited for.
fn open(folder: &Path) -> Arc<Store> {
    for _ in 0..500 {
        match Store::open(folder, NOW, Arc::new(Stats::default())) {
            Err(StoreError::Locked { pid, .. }) if pid == Some(std::process::id()) => {
                std::thread::sleep(Duration::from_millis(10));
            }
            opened => {
                let store = opened.unwrap().store;
                let mut profiles = vec![Profile::forgotten("test", 0)];
                let bound = store.bind_profiles(&mut profiles, &["x"]).unwrap();
                profiles.extend(bound);
                store.load_devices(&Profiles::new(profiles), |_| ()).unwrap();
                return Arc::new(store);
            }
        }
    }
    panic!("still locked by ourselves");
}

fn bench(folder: &Path) -> Bench {
    Bench::on(open(folder))
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

fn sql<T: rusqlite::types::FromSql>(folder: &Path, query: &str) -> T {
    let connection = rusqlite::Connection::open(folder.join("config.db")).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

fn confirmed(timeout: u32, persist: Option<&str>) -> CommitRequest {
    let confirmed = Confirmed { timeout, persist: persist.map(str::to_owned) };
    CommitRequest { confirmed: Some(confirmed), ..CommitRequest::default() }
}

fn after(seconds: u64) -> Time {
    NOW.plus_millis(seconds * 1000)
}

#[test]
fn rows_numbers_and_audit_are_one_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.learn(vec![record(1, "heard"), record(2, "quiet")]).wait().unwrap();
    let bench = Bench::on(store.clone());
    let fleet = format!(
        "{}{}",
        device("ahead", "<alias>x</alias><profile>test</profile>"),
        device("heard", "<alias>y</alias>")
    );
    let delta = bench.edit(&fleet).unwrap().delta.unwrap();
    assert_eq!(delta.commit, 1);
    let devices: Vec<_> =
        delta.devices.iter().map(|device| (device.number, device.numbered.new, device.was)).collect();
    assert_eq!(devices, [(3, true, false), (1, false, false)], "learned devices keep theirs");
    assert_eq!(delta.devices[0].profile.as_deref(), Some("test"));
    assert_eq!(bench.names(Source::Running), ["heard", "ahead"]);
    let audit: String = sql(
        folder.path(),
        "SELECT group_concat(operation || ' ' || path || ' ' || coalesce(value, ''), ';') FROM audit WHERE path LIKE '%heard%'",
    );
    assert!(audit.contains("fleetbridge:alias y"), "{audit}");
    let who: String =
        sql(folder.path(), "SELECT user || ' ' || address || ' ' || session || ' ' || face FROM commits");
    assert_eq!(who, "user1 192.0.2.1 1 1");

    // Aliases swap in one commit; a number comes back with its name; who was never heard is retired with its row.
    bench
        .edit(&format!("{}{}", device("ahead", "<alias>y</alias>"), device("heard", "<alias>x</alias>")))
        .unwrap();
    let error = bench.edit(&device("z", "<alias>x</alias>")).unwrap_err().swap_remove(0);
    assert_eq!(error.app_tag.as_deref(), Some("data-not-unique"));
    let gone = bench.edit("<device nc:operation=\"delete\"><name>ahead</name></device><device nc:operation=\"delete\"><name>heard</name></device>");
    let numbered: Vec<_> = gone
        .unwrap()
        .delta
        .unwrap()
        .devices
        .iter()
        .map(|device| (device.number, device.numbered.retired))
        .collect();
    assert_eq!(numbered, [(3, true), (1, false)]);
    let again = bench.edit(&device("ahead", "")).unwrap().delta.unwrap();
    assert_eq!((again.devices[0].number, again.devices[0].numbered.revived), (3, true));
    store.learn(vec![record(4, "next")]).wait().unwrap();
    assert_eq!(store.max_number(), 4);
    drop((bench, store));
    let bench = self::bench(folder.path());
    assert_eq!(bench.names(Source::Running), ["ahead"], "after a restart");
    assert_eq!(bench.datastore.last_commit(), 4);
}

#[test]
fn a_file_of_the_first_schema_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../src/store/schema/config-1.sql")).unwrap();
    old.execute_batch(
        "PRAGMA application_id = 0x66626366; PRAGMA user_version = 1; INSERT INTO profile VALUES (1, 'test', '', x'');
         INSERT INTO device VALUES (7, 'old', 1, 1, NULL, 0, NULL)",
    )
    .unwrap();
    drop(old);
    let bench = bench(folder.path());
    assert!(folder.path().join("config.db.v1.backup").exists());
    assert_eq!(bench.edit(&device("old", "")).unwrap().delta.unwrap().devices[0].number, 7);
    assert_eq!(bench.edit(&device("new", "")).unwrap().delta.unwrap().devices[0].number, 8);
}

#[test]
fn what_the_schema_does_not_know_any_more_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path());
    bench
        .edit(&device("a", "<site>s</site><settings><t:test><t:interval>60</t:interval></t:test></settings>"))
        .unwrap();
    let row = bench.datastore.read("a", Source::Running).unwrap().unwrap();
    drop(bench);
    // The profile's file is gone.
    let schema = Arc::new(fleetbridge::yang::Schema::load(&fleetbridge::yang::modules()).unwrap());
    let store = open(folder.path());
    let datastore = Datastore::open(schema, store.clone()).unwrap();
    let mut xml = Vec::new();
    datastore.write_xml(&row, |_| true, &mut xml).unwrap();
    assert_eq!(xml, b"<device><name>a</name><site>s</site><settings></settings></device>");
    let mut edit = datastore.begin(snmp()).unwrap();
    edit.set("a", &["site"], Some("t")).unwrap();
    edit.commit(None, NOW).unwrap();
    drop((datastore, store));
    // It is back, and so are its settings.
    let bench = self::bench(folder.path());
    let after = bench.datastore.read("a", Source::Running).unwrap().unwrap();
    assert_eq!(after.config, row.config.replace("\"site\":\"s\"", "\"site\":\"t\""));
    bench.datastore.rollback(&session(1), 1).unwrap();
    bench.commit().unwrap();
    assert_eq!(bench.datastore.read("a", Source::Running).unwrap().unwrap(), row);
}

/// One entry is too large; the next one is read as if nothing had happened.
#[test]
fn an_entry_of_too_many_elements() {
    let bench = Bench::new();
    let groups: String = (0..100_010).map(|at| format!("<group>{at}</group>")).collect();
    let config = config(&format!("{}{}", device("a", &groups), device("b", "<site>s</site>")));
    let edit = Edit { error_option: ErrorOption::ContinueOnError, ..Edit::new(config.as_bytes()) };
    let outcome = bench.datastore.edit(&session(1), Target::Running, &edit, NOW).unwrap();
    assert_eq!(outcome.errors.iter().map(|error| error.tag).collect::<Vec<_>>(), [Tag::TooBig]);
    assert_eq!(bench.names(Source::Running), ["b"]);
    assert_eq!(bench.row("b").unwrap(), "\"site\":\"s\"");
}

#[test]
fn a_damaged_row_is_an_error_and_no_more() {
    let bench = Bench::new();
    let settings = "<settings><t:test><t:interval>60</t:interval><t:flag/><t:password>ge\\h\"eim</t:password></t:test></settings>";
    bench
        .edit(&device(
            "a",
            &format!("<alias>ü</alias><group>g</group><label><name>k</name></label>{settings}"),
        ))
        .unwrap();
    let row = bench.datastore.read("a", Source::Running).unwrap().unwrap();
    let mut wanted = Vec::new();
    let note = |names: &[&str], value: Option<(_, &Raw<'_>)>| {
        wanted.push(format!("{} {}", names.join("/"), value.unwrap().1.as_str()));
    };
    bench.datastore.leaves(&row, note).unwrap();
    let settings = ["interval 60", "flag ", "password ge\\h\"eim"];
    let settings = settings.map(|setting| format!("settings/test/{setting}"));
    assert_eq!(wanted, [&["name a".to_owned(), "alias ü".to_owned()], &settings[..]].concat());

    let octets = row.config.as_bytes();
    for at in 0..octets.len() {
        for octet in b"\"\\{}[],:0x\xc3".iter().chain(&[0]) {
            let mut bent = octets.to_vec();
            bent[at] = *octet;
            let whole = String::from_utf8_lossy(&bent).into_owned();
            let cut = String::from_utf8_lossy(&octets[..at]).into_owned();
            for config in [whole, cut] {
                let row = Row { config, ..row.clone() };
                let _ = bench.datastore.write_xml(&row, |_| true, &mut Vec::new());
                let _ = bench.datastore.leaves(&row, |_, _| ());
                let _ = document::Document::read(&SCHEMA, bench.datastore.list(), &row.config);
            }
        }
    }
}

#[test]
fn a_unit_takes_the_device_that_was_made_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let bench = Bench::on(store.clone());
    bench.edit(&device("a", "<site>s</site>")).unwrap();
    let unit = DeviceRecord { southbound_id: "unit".to_owned(), ..record(1, "a") };
    store.claim(unit.clone()).wait().unwrap();
    assert!(matches!(store.claim(unit).wait(), Err(StoreError::NoDevice(1))), "only once");
    assert!(matches!(store.claim(record(2, "b")).wait(), Err(StoreError::NoDevice(2))));
    let gone = bench.edit("<device nc:operation=\"delete\"><name>a</name></device>").unwrap().delta.unwrap();
    assert!(!gone.devices[0].numbered.retired, "its unit stays learned");
}

#[test]
fn everything_is_replaced_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path());
    let many: String = (0..3000).map(|at| device(&format!("d{at}"), "<site>s</site>")).collect();
    bench.edit(&many).unwrap();
    let config = config(&format!("{}{}", device("d7", "<site>t</site>"), device("new", "")));
    let done =
        bench.datastore.copy_config(&session(1), Target::Running, config.as_bytes(), true, NOW).unwrap();
    assert_eq!(done.delta.unwrap().devices.len(), 3001);
    assert_eq!(bench.names(Source::Running), ["d7", "new"]);
    let record = bench.datastore.record(2, 1).unwrap().unwrap();
    assert_eq!((record.edits[0].operation, record.edits[0].path.as_str()), ("replace", "/fleetbridge:fleet"));
    bench.datastore.rollback(&session(1), 1).unwrap();
    bench.commit().unwrap();
    assert_eq!(bench.names(Source::Running).len(), 3000);
    assert_eq!(bench.row("d7").unwrap(), "\"site\":\"s\"");
}

#[test]
fn a_commit_of_too_many_devices_needs_to_be_confirmed() {
    let rows = Arc::new(Memory::default());
    let datastore = Datastore::open(SCHEMA.clone(), rows.clone()).unwrap().with_most_devices(2);
    let bench = Bench { datastore, rows };
    let many: String = (0..3).map(|at| device(&format!("d{at}"), "")).collect();
    assert_eq!(tag(bench.edit(&many)), Tag::ResourceDenied);
    bench.stage(&many).unwrap();
    assert_eq!(tag(bench.commit()), Tag::ResourceDenied);
    bench.datastore.commit(&session(1), confirmed(60, None), NOW).unwrap();
    bench.commit().unwrap();
    assert_eq!(bench.names(Source::Running).len(), 3);
}

#[test]
fn copies_between_the_datastores() {
    let bench = Bench::new();
    let copy = |source, target| bench.datastore.copy(&session(1), source, target, NOW);
    bench.stage(&device("a", "")).unwrap();
    assert!(copy(Target::Candidate, Target::Running).unwrap().is_some());
    assert!(bench.row("a").is_some() && bench.datastore.show_candidate(9).staged.is_empty());
    bench.stage(&device("b", "")).unwrap();
    assert!(copy(Target::Running, Target::Candidate).unwrap().is_none());
    assert_eq!(bench.candidate("b"), None);
    assert_eq!(tag(copy(Target::Running, Target::Running)), Tag::InvalidValue);
    bench.stage(&device("c", "")).unwrap();
    bench.datastore.lock(&session(2), Target::Running, NOW).unwrap();
    assert_eq!(tag(copy(Target::Candidate, Target::Running)), Tag::InUse);
    assert!(bench.candidate("c").is_some());
}

#[test]
fn a_copy_is_undone_with_the_confirmed_commit_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path());
    bench.stage(&device("a", "")).unwrap();
    bench.datastore.commit(&session(1), confirmed(60, None), NOW).unwrap();
    bench.stage(&device("b", "")).unwrap();
    bench.datastore.copy(&session(1), Target::Candidate, Target::Running, NOW).unwrap();
    assert_eq!(bench.datastore.record(2, 1).unwrap().unwrap().editors.len(), 1);
    assert!(bench.datastore.handle_timeout(after(60)).unwrap().is_some());
    assert!(bench.names(Source::Running).is_empty());
}

/// A store whose disk is full now and then: a roll-back is tried again.
#[test]
fn a_roll_back_that_fails_is_tried_again() {
    let memory = Arc::new(Memory::default());
    let bench = Bench::on(memory.clone());
    bench.stage(&device("a", "")).unwrap();
    bench.datastore.commit(&session(1), confirmed(60, None), NOW).unwrap();
    memory.break_once();
    assert_eq!(bench.datastore.end_session(&session(1), after(5)).unwrap_err().tag, Tag::OperationFailed);
    assert_eq!(bench.datastore.poll_timeout(), Some(after(6)));
    assert_eq!(bench.edit_as(&snmp(), Target::Running, &device("b", "")).unwrap_err()[0].tag, Tag::InUse);
    assert!(bench.datastore.handle_timeout(after(6)).unwrap().is_some());
    assert_eq!(bench.row("a"), None);
}

/// Each once, with who took it (RFC 6470), behind the change that it makes.
#[test]
fn the_steps_of_a_confirmed_commit_are_told() {
    let memory = Arc::new(Memory::default());
    let listening = || {
        let (bench, news) = (Bench::on(memory.clone()), Arc::<Mutex<Vec<String>>>::default());
        let kept = news.clone();
        bench.datastore.listen(Box::new(move |news| {
            kept.lock().push(match news {
                News::Commit(delta) => format!("commit {}", delta.commit),
                News::Confirming(step, owner) => format!("{step:?} {}", owner.user),
            });
        }));
        (bench, move || std::mem::take(&mut *news.lock()))
    };
    let (bench, told) = listening();
    let (store, one) = (&bench.datastore, session(1));
    let begin = |site: &str| {
        bench.stage(&device("a", &format!("<site>{site}</site>"))).unwrap();
        store.commit(&one, confirmed(60, None), NOW).unwrap();
        assert_eq!(told()[1..], ["Start { timeout: 60 } user1"]);
    };
    bench.edit(&device("a", "")).unwrap();
    assert_eq!(told(), ["commit 1"]);
    begin("1");
    store.commit(&one, confirmed(90, None), NOW).unwrap();
    assert_eq!(told(), ["Extend { timeout: 90 } user1"]);
    bench.commit().unwrap();
    assert_eq!(told(), ["Complete user1"]);
    begin("2");
    store.cancel_commit(&one, None, NOW).unwrap();
    assert_eq!(told(), ["commit 4", "Cancel user1"]);
    begin("3");
    store.handle_timeout(after(60)).unwrap();
    assert_eq!(told(), ["commit 6", "Timeout system"]);
    begin("4");
    memory.break_once();
    store.end_session(&one, NOW).unwrap_err();
    assert_eq!(told(), [""; 0], "it still waits");
    store.handle_timeout(after(60)).unwrap();
    assert_eq!(told(), ["commit 8", "Cancel user1"]);
    begin("5");
    let (again, told) = listening();
    again.datastore.handle_timeout(NOW).unwrap();
    assert_eq!(told(), ["commit 10", "Cancel system"]);
}

#[test]
fn a_device_made_ahead_is_loaded_as_any_other() {
    let folder = tempfile::tempdir().unwrap();
    bench(folder.path())
        .edit(&format!("{}{}", device("a", ""), device("b", "<profile>test</profile>")))
        .unwrap();
    let store = Store::open(folder.path(), NOW, Arc::default()).unwrap().store;
    let mut profiles = vec![Profile::forgotten("test", 0)];
    let bound = store.bind_profiles(&mut profiles, &["x"]).unwrap();
    assert_eq!(bound.iter().map(|profile| profile.name.as_str()).collect::<Vec<_>>(), ["-"]);
    profiles.extend(bound);
    let mut records = Vec::new();
    store
        .load_devices(&Profiles::new(profiles), |record| {
            records.push((record.number, record.name, record.adapter, record.profile.0))
        })
        .unwrap();
    assert_eq!(records, [(1, "a".to_owned(), 0, 1), (2, "b".to_owned(), 0, 0)]);
}

#[test]
fn a_confirmed_commit_is_confirmed_or_undone() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path());
    let store = &bench.datastore;
    let stage = |site: &str| bench.stage(&device("a", &format!("<site>{site}</site>"))).unwrap();
    let site = || bench.row("a").unwrap_or_default();
    let states = || store.commits(9).unwrap().iter().map(|commit| commit.state).collect::<Vec<_>>();
    bench.edit(&device("a", "<site>0</site>")).unwrap();

    // Confirmed in time.
    stage("1");
    assert_eq!(store.commit(&session(1), confirmed(60, None), NOW).unwrap().unwrap().commit, 2);
    assert_eq!(store.poll_timeout(), Some(after(60)));
    assert_eq!(states()[0], CommitState::Confirming);
    assert!(store.handle_timeout(after(59)).unwrap().is_none());
    assert!(bench.commit().unwrap().is_none());
    assert_eq!(
        (store.poll_timeout(), site().as_str(), states()[0]),
        (None, "\"site\":\"1\"", CommitState::Committed)
    );

    // Not confirmed: others are kept out, a second one extends and keeps the first one's backup, the time-out restores.
    stage("2");
    store.commit(&session(1), confirmed(60, None), NOW).unwrap();
    assert_eq!(bench.edit_as(&snmp(), Target::Running, &device("b", "")).unwrap_err()[0].tag, Tag::InUse);
    assert_eq!(store.begin(snmp()).err().unwrap().tag, Tag::InUse);
    assert_eq!(store.lock(&session(2), Target::Running, NOW).unwrap_err().info, [Info::SessionId(1)]);
    assert_eq!(tag(store.commit(&session(2), CommitRequest::default(), NOW)), Tag::InUse);
    assert_eq!(store.cancel_commit(&session(2), None, NOW).unwrap_err().tag, Tag::InUse);
    stage("3");
    bench.stage(&device("b", "")).unwrap();
    store.commit(&session(1), confirmed(600, None), after(30)).unwrap();
    bench.edit(&device("a", "<location>own edits are undone with it</location>")).unwrap();
    assert_eq!(store.poll_timeout(), Some(after(630)));
    let delta = store.handle_timeout(after(630)).unwrap().unwrap();
    assert!(delta.rolled_back && delta.user == "system" && delta.face == Face::System);
    assert_eq!((site().as_str(), bench.row("b")), ("\"site\":\"1\"", None));
    assert_eq!(
        states()[..4],
        [CommitState::Committed, CommitState::RolledBack, CommitState::RolledBack, CommitState::RolledBack]
    );

    // Undone at the end of the session, unless it persists.
    stage("4");
    store.commit(&session(1), confirmed(60, None), NOW).unwrap();
    assert!(store.end_session(&session(2), NOW).unwrap().is_none());
    assert!(store.end_session(&session(1), NOW).unwrap().is_some());
    assert_eq!(site(), "\"site\":\"1\"");
    stage("5");
    store.commit(&session(1), confirmed(60, Some("token")), NOW).unwrap();
    assert!(store.end_session(&session(1), NOW).unwrap().is_none());
    let with = |token: Option<&str>| CommitRequest {
        persist_id: token.map(str::to_owned),
        ..CommitRequest::default()
    };
    assert_eq!(tag(store.commit(&session(9), with(Some("other")), NOW)), Tag::InvalidValue);
    assert_eq!(tag(store.commit(&session(9), with(None), NOW)), Tag::InUse);
    assert_eq!(store.cancel_commit(&session(9), Some("other"), NOW).unwrap_err().tag, Tag::InvalidValue);
    store.commit(&session(9), with(Some("token")), NOW).unwrap();
    assert_eq!(site(), "\"site\":\"5\"");
    assert_eq!(
        tag(store.commit(&session(9), with(Some("token")), NOW)),
        Tag::InvalidValue,
        "none waits any more"
    );

    // Cancelled.
    stage("6");
    store.commit(&session(1), confirmed(60, Some("token")), NOW).unwrap();
    assert!(store.cancel_commit(&session(9), Some("token"), NOW).unwrap().is_some());
    assert_eq!(site(), "\"site\":\"5\"");
    assert_eq!(store.cancel_commit(&session(9), None, NOW).unwrap_err().tag, Tag::OperationFailed);
}

#[test]
fn a_restart_undoes_what_was_not_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    for persist in [None, Some("token")] {
        let bench = bench(folder.path());
        bench.edit(&device("a", "<site>before</site>")).unwrap();
        bench.stage(&device("a", "<site>after</site>")).unwrap();
        bench.stage(&device("b", "")).unwrap();
        bench.datastore.commit(&session(1), confirmed(600, persist), NOW).unwrap();
        drop(bench);
        let bench = self::bench(folder.path());
        assert!(bench.row("b").is_some());
        let delta = bench.datastore.handle_timeout(NOW).unwrap().unwrap();
        assert_eq!(delta.devices.len(), 2);
        assert_eq!((bench.row("a").unwrap().as_str(), bench.row("b")), ("\"site\":\"before\"", None));
        assert_eq!((bench.datastore.poll_timeout(), bench.candidate("a")), (None, bench.row("a")));
        drop(bench);
        let again = self::bench(folder.path());
        assert!(again.datastore.handle_timeout(after(9999)).unwrap().is_none(), "once");
    }
}

#[test]
fn roll_back_to_a_commit_and_forget_the_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path());
    for step in 1..=5 {
        bench.edit(&device("a", &format!("<site>{step}</site>"))).unwrap();
    }
    bench.edit(&device("b", "")).unwrap();
    bench.datastore.rollback(&session(1), 2).unwrap();
    assert_eq!((bench.candidate("a").unwrap().as_str(), bench.candidate("b")), ("\"site\":\"2\"", None));
    bench.commit().unwrap();
    assert_eq!(bench.names(Source::Running), ["a"]);
    assert_eq!(bench.row("a").unwrap(), "\"site\":\"2\"");
    bench.datastore.rollback(&session(1), 0).unwrap();
    bench.commit().unwrap();
    assert!(bench.names(Source::Running).is_empty());
    assert_eq!(bench.datastore.rollback(&session(1), 99).unwrap_err().tag, Tag::InvalidValue);

    for step in 0..110 {
        bench.edit(&device("a", &format!("<site>{step}</site>"))).unwrap();
    }
    let commits = bench.datastore.commits(1000).unwrap();
    assert_eq!((commits.len(), commits[0].id), (100, 118));
    assert_eq!(bench.datastore.rollback(&session(1), 17).unwrap_err().tag, Tag::DataMissing);
    bench.datastore.rollback(&session(1), 18).unwrap();
    assert_eq!(bench.candidate("a").unwrap(), "\"site\":\"9\"");
    assert_eq!(sql::<i64>(folder.path(), "SELECT count(*) FROM inverse"), 100);
}

#[test]
fn writers_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let bench = &bench;
            scope.spawn(move || {
                for step in 0..25 {
                    let fleet = device(
                        "shared",
                        &format!("<label><name>{thread}</name><value>{step}</value></label>"),
                    );
                    bench.edit_as(&session(thread), Target::Running, &fleet).unwrap();
                    assert!(
                        bench
                            .row("shared")
                            .unwrap()
                            .contains(&format!("{{\"name\":\"{thread}\",\"value\":\"{step}\"}}"))
                    );
                }
            });
        }
    });
    assert_eq!(bench.datastore.last_commit(), 100);
    assert_eq!(bench.row("shared").unwrap().matches("\"value\":\"24\"").count(), 4, "nothing is lost");
}

/// A process writes commits of many devices and says each that was acknowledged; it is killed at some moment.
#[test]
fn kill_9_leaves_whole_commits_only() {
    if let Some(folder) = std::env::var_os("FLEETBRIDGE_TEST_COMMIT") {
        return write_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill_9_leaves_whole_commits_only", "--nocapture"])
            .env("FLEETBRIDGE_TEST_COMMIT", folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut said = lines.by_ref().filter_map(|line| line.strip_prefix("commit ")?.parse::<u64>().ok());
        for _ in 0..3 + round {
            acknowledged = said.next().expect("the child writes");
        }
        std::thread::sleep(Duration::from_micros(700 * round));
        child.kill().unwrap();
        acknowledged = said.last().unwrap_or(acknowledged);
        child.wait().unwrap();

        let bench = bench(folder.path());
        let last = bench.datastore.last_commit();
        assert!(last == acknowledged || last == acknowledged + 1, "{last} after {acknowledged}");
        let mut count = 0;
        let mut cursor = Some(Cursor::default());
        while let Some(from) = cursor.take() {
            cursor = bench
                .datastore
                .for_each(from, 1000, Source::Running, |row| {
                    count += 1;
                    assert!(row.config.contains(&format!("\"site\":\"{last}\"")), "{} at {last}", row.config);
                })
                .unwrap();
        }
        assert_eq!(count, 50);
        for query in [
            "SELECT count(DISTINCT id) FROM commits",
            "SELECT count(DISTINCT commit_id) FROM inverse",
            "SELECT count(DISTINCT commit_id) FROM audit",
        ] {
            assert_eq!(sql::<i64>(folder.path(), query).min(100), last.min(100) as i64, "{query}");
        }
    }
}

fn write_until_killed(folder: &Path) {
    let bench = bench(folder);
    loop {
        let next = bench.datastore.last_commit() + 1;
        let fleet: String =
            (0..50).map(|at| device(&format!("d{at}"), &format!("<site>{next}</site>"))).collect();
        bench.edit(&fleet).unwrap();
        println!("commit {next}");
    }
}

#[test]
fn a_thousand_devices_are_one_short_commit() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path());
    let fleet: String = (0..1000)
        .map(|at| device(&format!("d{at}"), &format!("<alias>alias {at}</alias><site>s</site><group>g</group><settings><t:test><t:interval>60</t:interval></t:test></settings>")))
        .collect();
    let start = Instant::now();
    let staged = bench.stage(&fleet).unwrap();
    let delta = bench.commit().unwrap().unwrap();
    let took = start.elapsed();
    assert!(staged.errors.is_empty() && delta.devices.len() == 1000);
    println!("1,000 devices created: {took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}; 0.3 s is the aim");
}

/// One random edit of a small fleet.
fn change() -> impl Strategy<Value = String> {
    let extra =
        |content: String| format!("<extra xmlns=\"urn:fleetbridge:yang:profile:test\">{content}</extra>");
    let content = prop_oneof![
        (0..4u8).prop_map(|alias| format!("<alias>{alias}</alias>")),
        Just("<alias nc:operation=\"remove\"/>".to_owned()),
        (0..4i8).prop_map(move |low| extra(format!("<low>{low}</low>"))),
        (0..4i8).prop_map(move |high| extra(format!("<high>{high}</high>"))),
        (0..3u8, 0..3u8, 0..2u8).prop_map(move |(slot, tag, vlans)| {
            let vlans: String = (0..=vlans * 2).map(|vlan| format!("<vlan>{vlan}</vlan>")).collect();
            extra(format!(
                "<port><slot>{slot}</slot><number>1</number><tag>{tag}</tag><needed>n</needed>{vlans}</port>"
            ))
        }),
        (0..3u8).prop_map(move |slot| extra(format!(
            "<port><slot>{slot}</slot><number>1</number><needed nc:operation=\"remove\"/></port>"
        ))),
        Just(extra("<port nc:operation=\"remove\"><slot>0</slot><number>1</number></port>".to_owned())),
    ];
    (0..4u8, prop::collection::vec(content, 1..3), 0..10u8).prop_map(|(name, content, kind)| match kind {
        0 => format!("<device nc:operation=\"remove\"><name>d{name}</name></device>"),
        1 => format!("<device nc:operation=\"replace\"><name>d{name}</name>{}</device>", content[0]),
        // Repeated elements are refused before validation, which is not what is compared here.
        _ => device(&format!("d{name}"), &content[0]),
    })
}

fn whole_tree(bench: &Bench, source: Source) -> String {
    let mut devices = Vec::new();
    let mut cursor = Some(Cursor::default());
    while let Some(from) = cursor.take() {
        cursor =
            bench.datastore.for_each(from, 1000, source, |row| devices.push(row.config.clone())).unwrap();
    }
    format!("{{\"fleetbridge:fleet\":{{\"device\":[{}]}}}}", devices.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A commit, which validates the devices touched one by one and looks up aliases, is accepted exactly when libyang
    /// accepts the whole tree.
    #[test]
    fn validating_what_is_touched_is_validating_everything(commits in prop::collection::vec(prop::collection::vec(change(), 1..4), 1..8)) {
        let bench = Bench::new();
        for changes in commits {
            let config = config(&changes.concat());
            let edit = Edit { test_option: TestOption::Set, ..Edit::new(config.as_bytes()) };
            if bench.datastore.edit(&session(1), Target::Candidate, &edit, NOW).is_err() {
                continue;
            }
            let candidate = whole_tree(&bench, Source::Candidate);
            let whole = SCHEMA.validate(&candidate, Format::Json);
            let split = bench.commit();
            prop_assert_eq!(whole.is_ok(), split.is_ok(), "{:?} {:?} {}", whole, split, candidate);
            if split.is_err() {
                bench.datastore.discard(&session(1)).unwrap();
            } else {
                prop_assert_eq!(whole_tree(&bench, Source::Running).len(), candidate.len());
            }
            prop_assert!(SCHEMA.validate(&whole_tree(&bench, Source::Running), Format::Json).is_ok());
        }
    }

    /// However a fleet came to be, rolling back restores it.
    #[test]
    fn a_roll_back_restores_every_former_state(commits in prop::collection::vec(prop::collection::vec(change(), 1..4), 1..8)) {
        let bench = Bench::new();
        let mut states = vec![whole_tree(&bench, Source::Running)];
        for changes in commits {
            let _ = bench.edit(&changes.concat());
            if bench.datastore.last_commit() as usize == states.len() {
                states.push(whole_tree(&bench, Source::Running));
            }
        }
        for (commit, state) in states.iter().enumerate().rev() {
            bench.datastore.rollback(&session(1), commit as u64).unwrap();
            bench.commit().unwrap();
            prop_assert_eq!(&whole_tree(&bench, Source::Running), state);
        }
    }
}
