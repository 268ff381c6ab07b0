//! Files that are damaged, lost, or none.

use super::*;

/// Overwrites a part of a file in place.
fn spoil(path: &Path, part: std::ops::Range<u64>) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    let end = file.metadata().unwrap().len().min(part.end);
    file.seek(SeekFrom::Start(part.start)).unwrap();
    file.write_all(&vec![0xa5; (end - part.start) as usize]).unwrap();
}

#[test]
fn a_damaged_config_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { store, .. }, _) = ready(folder.path());
    store.learn((1..=5000).map(|n| record(n, &format!("d{n}"))).collect()).wait().unwrap();
    drop(store);
    let whole = fs::read(folder.path().join("config.db")).unwrap();
    spoil(&folder.path().join("config.db"), 0..u64::MAX);
    let error = Store::open(folder.path(), NOW, Arc::default()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("put back your copy"), "{error}");

    // Further in: the start fails all the same, at the latest when the devices are read.
    fs::write(folder.path().join("config.db"), whole).unwrap();
    spoil(&folder.path().join("config.db"), 200_000..u64::MAX);
    let outcome = Store::open(folder.path(), NOW, Arc::default()).and_then(|opened| {
        let mut profiles = vec![profile("plug", &["power"], &[])];
        opened.store.bind_profiles(&mut profiles, &["x"])?;
        opened.store.load_devices(&Profiles::new(profiles), |_| ())
    });
    assert!(matches!(outcome, Err(StoreError::Damaged { .. })), "{outcome:?}");
}

fn damaged_files(folder: &Path) -> usize {
    let is_aside = |name: String| name.starts_with("state.db.damaged-2026") && !name.ends_with("-wal");
    fs::read_dir(folder)
        .unwrap()
        .filter(|entry| is_aside(entry.as_ref().unwrap().file_name().into_string().unwrap()))
        .count()
}

#[test]
fn a_damaged_state_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let state_db = folder.path().join("state.db");
    let (Opened { store, .. }, _) = ready(folder.path());
    store.learn((1..=20_000).map(|n| record(n, &format!("d{n}"))).collect()).wait().unwrap();
    let mut first = batch(1..=20_000, 1);
    first.events = vec![event(1), event(2)];
    store.flush(first).wait().unwrap();
    drop(store);

    // The header: seen when it is opened.
    spoil(&state_db, 0..u64::MAX);
    let Opened { store, cold, last_event, set_aside } = open(folder.path());
    assert!(cold && set_aside.is_some_and(|path| path.exists()));
    assert!(last_event >= 2, "no event number is given twice");
    assert!(values(&store).is_empty());
    assert_eq!(damaged_files(folder.path()), 1);
    let mut next = batch(1..=20_000, 2);
    next.events = vec![event(last_event + 1)];
    store.flush(next).wait().unwrap();
    drop(store);

    // The middle: seen when it is read.
    spoil(&state_db, 300_000..400_000);
    let Opened { store, set_aside, last_event: last, .. } = open(folder.path());
    assert!(set_aside.is_none() && last > last_event);
    let loaded = store.load_state(|_, _| ()).unwrap();
    assert!(loaded.set_aside.is_some() && loaded.rows < 20_000);
    assert_eq!(damaged_files(folder.path()), 2, "two in one second have two names");
    assert!(store.flush(batch(1..=20_000, 3)).wait().unwrap().anew);
    assert!(!store.flush(batch([1], 4)).wait().unwrap().anew);
    drop(store);
    assert_eq!(open(folder.path()).last_event, last);

    // While it runs.
    let Opened { store, .. } = open(folder.path());
    spoil(&state_db, 4096..u64::MAX);
    assert!(store.flush(batch(1..=20_000, 5)).wait().unwrap().anew);
    assert_eq!(values(&store).len(), 20_000);
    assert_eq!(damaged_files(folder.path()), 3);
}

#[test]
fn a_state_of_another_config_is_set_aside() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (Opened { store, .. }, _) = ready(folder.path());
    store.learn(vec![record(1, "one")]).wait().unwrap();
    store.flush(batch([1], 1)).wait().unwrap();
    drop(store);
    drop(ready(other.path()));
    fs::copy(other.path().join("config.db"), folder.path().join("config.db")).unwrap();
    let (Opened { store, cold, set_aside, .. }, records) = ready(folder.path());
    assert!(cold && records.is_empty() && values(&store).is_empty());
    assert!(set_aside.unwrap().to_string_lossy().contains("state.db.foreign-2026"));
    assert_eq!(store.max_number(), 1, "its numbers may have been seen");
}

#[test]
fn a_lost_config_is_not_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { store, .. }, _) = ready(folder.path());
    store.learn(vec![record(1, "one")]).wait().unwrap();
    drop(store);
    let config_db = folder.path().join("config.db");
    let copy = fs::read(&config_db).unwrap();
    for empty in [false, true] {
        fs::remove_file(&config_db).unwrap();
        if empty {
            fs::write(&config_db, "").unwrap();
        }
        let error = Store::open(folder.path(), NOW, Arc::default()).unwrap_err();
        assert!(matches!(error, StoreError::Forgotten { .. }), "{error}");
        assert!(error.to_string().contains("put back your copy"), "{error}");
        assert_eq!(fs::read(&config_db).unwrap_or_default(), b"", "nothing is begun");
        fs::write(&config_db, &copy).unwrap();
    }
    assert_eq!(ready(folder.path()).1, [record(1, "one")]);
}

#[test]
fn an_inspection_finds_what_an_opening_refuses_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let found = || inspect(folder.path());
    let files = || {
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (fs::read(&path).unwrap(), path))
            .collect();
        files.sort();
        files
    };
    assert!(found().is_empty(), "there is no store yet");
    let (Opened { store, .. }, _) = ready(folder.path());
    store.learn((1..=5000).map(|n| record(n, &format!("d{n}"))).collect()).wait().unwrap();
    drop(store);
    let (config_db, state_db) = (folder.path().join("config.db"), folder.path().join("state.db"));
    let whole = fs::read(&config_db).unwrap();
    let before = files();
    assert!(found().is_empty());
    assert_eq!(files(), before);

    spoil(&config_db, 100_000..u64::MAX);
    let before = files();
    assert!(matches!(found()[..], [StoreError::Damaged { .. }]), "{:?}", found());
    assert_eq!(files(), before);
    fs::write(&config_db, "no database, whatever its name says").unwrap();
    assert!(matches!(found()[..], [StoreError::Damaged { .. }]), "{:?}", found());
    fs::remove_file(&config_db).unwrap();
    assert!(matches!(found()[..], [StoreError::Forgotten { .. }]), "{:?}", found());
    assert!(!config_db.exists());
    fs::create_dir(&config_db).unwrap();
    assert!(matches!(found()[..], [StoreError::NoFile { what: "no regular file", .. }]), "{:?}", found());
    fs::remove_dir(&config_db).unwrap();
    fs::write(folder.path().join("other"), &whole).unwrap();
    std::os::unix::fs::symlink("other", &config_db).unwrap();
    let opened = Store::open(folder.path(), NOW, Arc::default()).map(drop);
    assert!(matches!(opened, Err(StoreError::NoFile { what: "a symbolic link", .. })), "{opened:?}");
    assert!(matches!(found()[..], [StoreError::NoFile { what: "a symbolic link", .. }]), "{:?}", found());
    fs::remove_file(&config_db).unwrap();
    fs::write(&config_db, &whole).unwrap();

    // First in the log alone.
    let database = rusqlite::Connection::open(&state_db).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(found()[..], [StoreError::Newer { found: 99, .. }]), "{:?}", found());
    drop(database);
    assert!(matches!(found()[..], [StoreError::Newer { found: 99, .. }]), "{:?}", found());
}

/// Whatever stands in state.db, no number is taken from it, and none of it keeps a bridge from its start.
#[test]
fn no_number_is_believed_of_a_damaged_state() {
    let damages = [
        "UPDATE device SET number = 2097151 WHERE number = 2",
        "UPDATE device SET number = 4294967295 WHERE number = 2",
        "UPDATE device SET number = 3000000000000 WHERE number = 2",
        "UPDATE device SET number = -5 WHERE number = 2",
        "INSERT INTO meta VALUES ('numbers-told', 'abc')",
        "INSERT INTO setting VALUES (9000000000, '[]')",
        "UPDATE event SET number = 9223372036854775807",
        "UPDATE meta SET value = x'00' WHERE key = 'identity'",
        "DELETE FROM meta WHERE key = 'identity'",
        "DROP TABLE device",
        "DROP TABLE setting",
        "ALTER TABLE event RENAME number TO n",
    ];
    for damage in damages {
        let folder = tempfile::tempdir().unwrap();
        let (Opened { store, .. }, _) = ready(folder.path());
        store.learn(vec![record(1, "one"), record(2, "two")]).wait().unwrap();
        let mut told = batch([1, 2], 1);
        told.events = vec![event(1)];
        store.flush(told).wait().unwrap();
        store.settle_events().wait().unwrap();
        drop(store);
        let database = rusqlite::Connection::open(folder.path().join("state.db")).unwrap();
        database.execute_batch(damage).unwrap();
        drop(database);
        let state_is_damaged = |error: &StoreError| matches!(error, StoreError::Damaged { path, .. } if path.ends_with("state.db"));
        assert!(inspect(folder.path()).iter().all(state_is_damaged), "{damage}");
        let (Opened { store, last_event, .. }, records) = ready(folder.path());
        assert_eq!((records.len(), store.max_number(), last_event), (2, 2, 1), "{damage}");
        let _ = values(&store);
        store.load_settings(|_, _| ()).unwrap();
        let mut next = batch([1, 2], 2);
        next.events = vec![event(2)];
        store.flush(next).wait().unwrap();
        assert_eq!(store.events(1, 9).unwrap(), [event(2)], "{damage}");
        drop(store);
        assert_eq!(values(&ready(folder.path()).0.store).len(), 2, "{damage}");
    }
}
