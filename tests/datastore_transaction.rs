//! A transaction, as a SET makes it, and a store that fails.

mod datastore_support;

use std::sync::Arc;

use datastore_support::*;
use fleetbridge::datastore::*;

#[test]
fn a_transaction_writes_as_a_set_does() {
    let bench = filled();
    let schema = bench.datastore.schema().clone();
    let interval = &["settings", "fleetbridge-profile-test:test", "interval"][..];
    let firmware = &["software", "firmware", "version"][..];
    let mut set = bench.datastore.begin(snmp()).unwrap();
    set.set("a", interval, Some("90")).unwrap();
    set.set("a", &["alias"], None).unwrap();
    set.set("a", firmware, Some("2.1")).unwrap();
    set.set("a", firmware, Some("2.2")).unwrap();
    set.create("b").unwrap();
    set.set("b", interval, Some("30")).unwrap();
    assert_eq!(set.set("c", interval, Some("30")).unwrap_err().tag, Tag::DataMissing);
    let error = set.set("a", interval, Some("5")).unwrap_err();
    assert_eq!((error.tag, error.app_tag.as_deref()), (Tag::InvalidValue, Some("interval-range")));
    for (wrong, tag) in [
        (&["name"][..], Tag::OperationNotSupported),
        (&["number"], Tag::OperationNotSupported),
        (&["label"], Tag::OperationNotSupported),
        (&["label", "x"], Tag::OperationNotSupported),
        (&["label", "x", "name"], Tag::OperationNotSupported),
        (&["label", "", "value"], Tag::InvalidValue),
        (&["group"], Tag::OperationNotSupported),
        (&["settings"], Tag::OperationNotSupported),
        (&["fleetbridge-profile-test:extra", "one"], Tag::OperationNotSupported),
        (&["alias", "more"], Tag::OperationNotSupported),
        (&["settings", "nobody"], Tag::UnknownElement),
    ] {
        assert_eq!(set.set("a", wrong, Some("1")).unwrap_err().tag, tag, "{wrong:?}");
    }
    assert_eq!(set.create("a b").unwrap_err().tag, Tag::InvalidValue);
    set.validate().unwrap();
    let delta = set.commit(Some("label".to_owned()), NOW).unwrap().unwrap();
    assert_eq!((delta.face, delta.devices.len()), (Face::Snmp, 2));
    let leaves: Vec<_> = delta.devices[0].nodes.iter().filter_map(|node| node.leaf(&schema)).collect();
    let set: [&[&str]; 3] = [&["alias"], firmware, &["settings", "test", "interval"]];
    assert_eq!(leaves, set);
    let row = bench.datastore.read("a", Source::Running).unwrap().unwrap();
    assert!(
        row.config.contains(r#""software":[{"component":"firmware","version":"2.2"}]"#),
        "{}",
        row.config
    );
    let mut found = Vec::new();
    bench
        .datastore
        .leaves(&row, |names, value| found.push((names.join("/"), value.unwrap().1.as_str().to_owned())))
        .unwrap();
    assert!(found.contains(&("software/firmware/version".to_owned(), "2.2".to_owned())), "{found:?}");
    assert_eq!(bench.row("b").unwrap(), "\"settings\":{\"fleetbridge-profile-test:test\":{\"interval\":30}}");
    assert_eq!(bench.datastore.commits(1).unwrap()[0].label.as_deref(), Some("label"));

    let mut set = bench.datastore.begin(snmp()).unwrap();
    set.set("a", firmware, None).unwrap();
    set.set("b", firmware, None).unwrap();
    let delta = set.commit(None, NOW).unwrap().unwrap();
    assert_eq!(delta.devices.len(), 1, "b had none");
    assert!(!bench.row("a").unwrap().contains("software"), "the entry goes with its only leaf");

    let mut set = bench.datastore.begin(snmp()).unwrap();
    set.delete("b").unwrap();
    assert_eq!(set.delete("c").unwrap_err().tag, Tag::DataMissing);
    drop(set);
    assert!(bench.row("b").is_some(), "dropped, it is nothing");
}

#[test]
fn a_store_that_fails_changes_nothing() {
    let memory = Arc::new(Memory::default());
    let bench = Bench::on(memory.clone());
    bench.stage(&device("a", "")).unwrap();
    memory.break_once();
    assert_eq!(tag(bench.commit()), Tag::OperationFailed);
    assert_eq!((bench.row("a"), bench.datastore.last_commit()), (None, 0));
    bench.commit().unwrap();
    assert_eq!((bench.row("a").is_some(), bench.datastore.last_commit()), (true, 1));
}
