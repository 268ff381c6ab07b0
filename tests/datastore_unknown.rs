//! Rows that hold what the schema does not know any more, because the file of a profile is gone or has a setting less:
//! nothing of it is shown, and nothing of it is lost.

mod datastore_support;

use std::sync::Arc;

use datastore_support::*;
use fleetbridge::{
    datastore::*,
    yang::{self, Schema, Source as Module},
};

const SETTINGS: &str =
    "<settings><t:test><t:interval>60</t:interval><t:enabled>true</t:enabled></t:test></settings>";

/// With the profile as it was, with one that has no `interval`, and without any.
fn schemas() -> [Arc<Schema>; 3] {
    let text = include_str!("datastore_support/test-profile.yang");
    let (before, after) = text.split_once("      leaf interval {").unwrap();
    let shorter = before.to_owned() + &after[after.find("      leaf calibration").unwrap()..];
    let mut modules = yang::modules();
    let none = Arc::new(Schema::load(&modules).unwrap());
    modules.push(Module::served("fleetbridge-profile-test", "2026-11-23", &shorter));
    [SCHEMA.clone(), Arc::new(Schema::load(&modules).unwrap()), none]
}

fn with(bench: &Bench, schema: &Arc<Schema>) -> Bench {
    Bench {
        datastore: Datastore::open(schema.clone(), bench.rows.clone()).unwrap(),
        rows: bench.rows.clone(),
    }
}

#[test]
fn an_edit_of_something_else_keeps_it() {
    let [all, shorter, none] = schemas();
    for schema in [&shorter, &none] {
        let bench = Bench::new();
        bench.edit(&device("a", &format!("<alias>one</alias>{SETTINGS}"))).unwrap();
        let less = with(&bench, schema);
        less.edit(&device("a", "<alias>two</alias><label><name>k</name></label>")).unwrap();
        less.stage(&device("a", "<site>s</site>")).unwrap();
        less.commit().unwrap();
        less.datastore.validate(Source::Running).unwrap();
        assert_eq!(less.rows.record(3, 9).unwrap().unwrap().edits.len(), 1, "it is no edit");
        let mut shown = Vec::new();
        let row = less.datastore.read("a", Source::Running).unwrap().unwrap();
        less.datastore.write_xml(&row, |_| true, &mut shown).unwrap();
        assert!(!String::from_utf8(shown).unwrap().contains("interval"));
        let again = with(&bench, &all);
        // Where in its container it stands is all that may differ.
        let row = again.datastore.read("a", Source::Running).unwrap().unwrap();
        let mut leaves = Vec::new();
        let note = |names: &[&str], value: Option<(_, &Raw<'_>)>| {
            leaves.push(format!("{}={}", names.join("/"), value.unwrap().1.as_str()));
        };
        again.datastore.leaves(&row, note).unwrap();
        leaves.sort();
        let kept = ["settings/test/enabled=true", "settings/test/interval=60", "site=s"];
        assert_eq!(leaves, [&["alias=two", "name=a"][..], &kept].concat());
        again
            .edit(&device("a", "<settings><t:test><t:interval>61</t:interval></t:test></settings>"))
            .unwrap();
        again.datastore.validate(Source::Running).unwrap();
    }
}

#[test]
fn it_goes_with_what_it_stands_in_and_the_audit_says_so() {
    let [all, shorter, none] = schemas();
    for (schema, gone) in [(&shorter, "<settings><t:test nc:operation=\"delete\"/></settings>"), (&none, "")]
    {
        let bench = Bench::new();
        bench.edit(&device("a", SETTINGS)).unwrap();
        let less = with(&bench, schema);
        match gone {
            "" => less.edit("<device nc:operation=\"replace\"><name>a</name></device>").unwrap(),
            gone => less.edit(&device("a", gone)).unwrap(),
        };
        let edits = less.rows.record(2, 9).unwrap().unwrap().edits;
        let deleted = |edit: &rows::Audit| edit.operation == "delete" && edit.path.contains("test");
        assert!(edits.iter().any(deleted), "{edits:?}");
        assert_eq!(with(&bench, &all).row("a").unwrap(), "");
    }
}

#[test]
fn who_rolls_back_to_it_is_told() {
    let [_, _, none] = schemas();
    let bench = Bench::new();
    bench.edit(&device("a", SETTINGS)).unwrap();
    bench.edit("<device nc:operation=\"delete\"><name>a</name></device>").unwrap();
    let less = with(&bench, &none);
    let refused = less.datastore.rollback(&session(1), 1).unwrap_err();
    assert!(refused.message.contains("put that profile back"), "{}", refused.message);
    assert!(less.datastore.show_candidate(9).staged.is_empty());
    // What is undone by the server itself goes by whole rows.
    let bench = Bench::new();
    bench.edit(&device("a", SETTINGS)).unwrap();
    let before = bench.row("a").unwrap();
    let less = with(&bench, &none);
    less.stage("<device nc:operation=\"delete\"><name>a</name></device>").unwrap();
    let confirmed = CommitRequest {
        confirmed: Some(Confirmed { timeout: 600, persist: None }),
        ..CommitRequest::default()
    };
    less.datastore.commit(&session(1), confirmed, NOW).unwrap();
    less.datastore.end_session(&session(1), NOW).unwrap();
    assert_eq!(with(&bench, &SCHEMA).row("a").unwrap(), before);
}
