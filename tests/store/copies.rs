//! A config.db that is put back from a copy, or saved from damage: `numbers` knows what was given since.

use super::*;

fn config_db(folder: &Path) -> std::path::PathBuf {
    folder.join("config.db")
}

/// Changes config.db as a damaged page or a copy would; none of its triggers is asked.
fn change(folder: &Path, sql: &str) {
    let database = rusqlite::Connection::open(config_db(folder)).unwrap();
    let triggers: Vec<String> = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for trigger in triggers {
        database.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    database.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    database.execute_batch(sql).unwrap();
}

/// What was numbered after the copy was made is forgotten, and its numbers are still its own.
#[test]
fn a_copy_gives_no_number_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { store, .. }, _) = ready(folder.path());
    store.learn(vec![record(1, "one")]).wait().unwrap();
    drop(store);
    let copy = fs::read(config_db(folder.path())).unwrap();
    let (Opened { store, .. }, _) = ready(folder.path());
    store.learn(vec![record(2, "two"), record(3, "three")]).wait().unwrap();
    store.flush(batch([1, 3], 1)).wait().unwrap();
    // Of the fourth state.db has heard nothing when the process is killed.
    store.learn(vec![record(4, "four")]).wait().unwrap();
    drop(store);
    for again in [true, false, true] {
        if again {
            fs::write(config_db(folder.path()), &copy).unwrap();
            let found = inspect(folder.path());
            assert!(
                matches!(&found[..], [StoreError::Incomplete { what, .. }] if what.contains("1 of 4")),
                "{found:?}"
            );
        }
        let (Opened { store, .. }, records) = ready(folder.path());
        assert_eq!((records.len(), store.max_number()), (1, 4));
        assert_eq!(values(&store).len(), 1, "of the others nothing is known");
    }
    // A state.db that is lost as well changes nothing.
    fs::remove_file(folder.path().join("state.db")).unwrap();
    let (Opened { store, .. }, _) = ready(folder.path());
    assert_eq!(store.max_number(), 4);
    store.learn(vec![record(5, "five")]).wait().unwrap();
    drop(store);
    assert_eq!(ready(folder.path()).1.len(), 2);
}

#[test]
fn a_copy_gives_no_event_number_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { store, .. }, _) = ready(folder.path());
    store.settle_events().wait().unwrap();
    drop(store);
    let copy = fs::read(config_db(folder.path())).unwrap();
    let (Opened { store, .. }, _) = ready(folder.path());
    let mut told = Batch::default();
    told.events = vec![event(1), event(2)];
    store.flush(told).wait().unwrap();
    store.settle_events().wait().unwrap();
    drop(store);
    fs::write(config_db(folder.path()), &copy).unwrap();
    fs::remove_file(folder.path().join("state.db")).unwrap();
    assert_eq!(open(folder.path()).last_event, 2);
}

type Numbers = (u32, Vec<u16>, Vec<u16>);

fn bound(store: &Store, name: &str, points: &[&str], settings: &[&str], revision: &str) -> Numbers {
    let mut profiles = [profile(name, points, settings)];
    profiles[0].revision = revision.to_owned();
    store.bind_profiles(&mut profiles, &[revision]).unwrap();
    let [profile] = profiles;
    (
        profile.stored_id,
        profile.points.iter().map(|point| point.number).collect(),
        profile.settings.iter().map(|setting| setting.number).collect(),
    )
}

#[test]
fn names_have_their_numbers_back_after_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let Opened { store, .. } = open(folder.path());
    assert_eq!(bound(&store, "acme", &["power"], &["s1"], "1"), (1, vec![1], vec![1]));
    assert_eq!(store.bind_adapter("local", "mqtt").unwrap(), 1);
    drop(store);
    let copy = fs::read(config_db(folder.path())).unwrap();
    let Opened { store, .. } = open(folder.path());
    bound(&store, "acme", &["power", "volt"], &["s1", "s2"], "2");
    bound(&store, "beta", &["t"], &[], "1");
    bound(&store, "gamma", &["t"], &[], "1");
    assert_eq!(store.bind_adapter("north", "mqtt").unwrap(), 2);
    drop(store);
    for damaged in [false, true] {
        if damaged {
            // What a damaged page may take: nothing of it is in what was saved.
            change(
                folder.path(),
                "DELETE FROM profile; DELETE FROM point; DELETE FROM adapter; DELETE FROM setting",
            );
        } else {
            fs::write(config_db(folder.path()), &copy).unwrap();
        }
        assert!(
            matches!(&inspect(folder.path())[..], [StoreError::Incomplete { what, .. }] if what.contains("names"))
        );
        let Opened { store, .. } = open(folder.path());
        // In another order than the one in which they were given.
        assert_eq!(bound(&store, "gamma", &["new", "t"], &[], "2"), (3, vec![2, 1], vec![]));
        let acme = bound(&store, "acme", &["amp", "volt", "power"], &["s3", "s2"], "3");
        assert_eq!(acme, (1, vec![3, 2, 1], vec![3, 2]));
        assert_eq!(bound(&store, "delta", &["t"], &[], "1").0, 4);
        assert_eq!(store.bind_adapter("south", "mqtt").unwrap(), 3);
        assert_eq!(store.bind_adapter("north", "mqtt").unwrap(), 2);
        drop(store);
        assert!(inspect(folder.path()).is_empty());
    }
}

/// Neither config.db nor `numbers` knows any more what the devices are.
#[test]
fn devices_of_a_lost_profile_are_not_given_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { store, .. }, _) = ready(folder.path());
    store.learn(vec![record(1, "one")]).wait().unwrap();
    drop(store);
    change(folder.path(), "DELETE FROM profile");
    fs::remove_file(folder.path().join("numbers")).unwrap();
    assert!(
        matches!(&inspect(folder.path())[..], [StoreError::Incomplete { what, .. }] if what.contains("1 profiles"))
    );
    let Opened { store, .. } = open(folder.path());
    let mut other = [profile("other", &["power"], &[])];
    let forgotten = store.bind_profiles(&mut other, &["x"]).unwrap();
    assert_eq!(forgotten, [Profile::forgotten("lost-1", 1)]);
    assert_eq!(other[0].stored_id, 2);
}

#[test]
fn a_config_that_lost_its_identity_keeps_its_state() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { store, .. }, _) = ready(folder.path());
    store.learn(vec![record(1, "one")]).wait().unwrap();
    let mut told = batch([1], 1);
    told.events = vec![event(1)];
    store.flush(told).wait().unwrap();
    drop(store);
    change(folder.path(), "DELETE FROM meta");
    assert!(
        matches!(&inspect(folder.path())[..], [StoreError::Incomplete { what, .. }] if what.contains("identity"))
    );
    let (Opened { store, last_event, cold, set_aside, .. }, _) = ready(folder.path());
    assert!(!cold && set_aside.is_none() && last_event >= 1);
    assert_eq!(values(&store).len(), 1);
    drop(store);
    assert!(inspect(folder.path()).is_empty());
}

#[test]
fn numbers_that_are_damaged_stop_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = folder.path().join("numbers");
    let (Opened { store, .. }, _) = ready(folder.path());
    store.learn(vec![record(1, "one"), record(2, "two")]).wait().unwrap();
    drop(store);
    let whole = fs::read(&numbers).unwrap();
    for rubbish in
        [&b"device 2097151 0\ndevice 18446744073709551616\n\xff\xff\n"[..], &whole[..whole.len() / 2], b""]
    {
        fs::write(&numbers, rubbish).unwrap();
        let damaged = inspect(folder.path());
        assert_eq!(damaged.len(), usize::from(!rubbish.is_empty()), "{damaged:?}");
        assert!(damaged.iter().all(|error| matches!(error, StoreError::Damaged { .. })), "{damaged:?}");
        let (Opened { store, set_aside, .. }, records) = ready(folder.path());
        assert_eq!((records.len(), store.max_number(), set_aside), (2, 2, None));
    }
    fs::remove_file(&numbers).unwrap();
    for link in ["numbers", "lock"] {
        let (link, other) = (folder.path().join(link), folder.path().join("other"));
        let _ = fs::remove_file(&link);
        fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        let found = inspect(folder.path());
        assert!(matches!(found[..], [StoreError::NoFile { what: "a symbolic link", .. }]), "{found:?}");
        let opened = Store::open(folder.path(), NOW, Arc::default()).map(drop);
        assert!(matches!(opened, Err(StoreError::NoFile { .. })), "{opened:?}");
        assert_eq!(fs::read(&other).unwrap(), b"precious");
        fs::remove_file(&link).unwrap();
    }
}
