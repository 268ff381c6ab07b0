//! Holds `mibs/*.txt` against the code, object by object: identifier, name, syntax, enumeration and access; and what
//! the notifications carry. Read with mib-rs, which knows nothing of ours.

use std::collections::BTreeMap;

use fleetbridge::snmp::{
    mib::{
        self, Object,
        fleetbridge::{BRIDGE, NOTIFICATIONS, notification_objects},
    },
    oid::Dotted,
    syntax::{Access, Syntax},
};
use mib_rs::{BaseType, Kind, Loader, Mib};

const MODULES: [&str; 4] = ["FLEETBRIDGE-SMI", "FLEETBRIDGE-MIB", "SNMPv2-MIB", "SNMP-FRAMEWORK-MIB"];

/// Modules whose texts are not ours: tests/interop holds what the agent serves of them against what is published.
const PUBLISHED: [&[u32]; 10] = [
    &[1, 3, 6, 1, 2, 1, 2],
    &[1, 3, 6, 1, 2, 1, 25],
    &[1, 3, 6, 1, 2, 1, 31],
    &[1, 3, 6, 1, 2, 1, 33],
    &[1, 3, 6, 1, 2, 1, 47],
    &[1, 3, 6, 1, 2, 1, 92],
    &[1, 3, 6, 1, 2, 1, 99],
    &[1, 3, 6, 1, 2, 1, 131],
    &[1, 3, 6, 1, 2, 1, 233],
    &[1, 3, 6, 1, 4, 1, 22695],
];

fn texts() -> Mib {
    let root = env!("CARGO_MANIFEST_DIR");
    let folder = |name: &str| mib_rs::source::dir(format!("{root}/{name}")).expect("a folder of MIB texts");
    let mib =
        Loader::new().source(folder("mibs")).source(folder("tests/support/mibs")).modules(MODULES).load();
    let mib = mib.expect("the texts load");
    // `load` gives what it could make of broken texts too.
    let severe: Vec<_> =
        mib.diagnostics().iter().filter(|found| found.severity <= mib_rs::Severity::Error).collect();
    assert!(severe.is_empty(), "{severe:#?}");
    mib
}

/// What either side says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    name: String,
    syntax: String,
    access: &'static str,
}

fn in_code() -> BTreeMap<String, Said> {
    let served = mib::all();
    let objects = served.iter().flat_map(|subtree| subtree.objects()).chain(notification_objects());
    let objects = objects.filter(|object| !PUBLISHED.iter().any(|module| object.oid.starts_with(module)));
    objects.map(|object| (Dotted(&object.oid).to_string(), said(&object))).collect()
}

fn said(object: &Object) -> Said {
    let syntax = match object.column.syntax {
        Syntax::Enumeration(labels) => {
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}({value})")).collect();
            labels.join(" ")
        }
        other => format!("{other:?}"),
    };
    let access = match object.column.access {
        Access::NotAccessible => "not-accessible",
        Access::Notify => "accessible-for-notify",
        Access::ReadOnly => "read-only",
        Access::ReadWrite => "read-write",
    };
    Said { name: object.column.name.to_owned(), syntax, access }
}

/// Scalars and columns of a module.
fn in_text(mib: &Mib, module: &str) -> BTreeMap<String, Said> {
    let mut all = BTreeMap::new();
    for object in mib.module(module).expect("loaded").objects() {
        if !matches!(object.kind(), Kind::Scalar | Kind::Column) {
            continue;
        }
        let ty = object.ty().expect("a type");
        let labels: Vec<_> = object
            .effective_enums()
            .iter()
            .map(|label| format!("{}({})", label.label, label.value))
            .collect();
        let syntax = match ty.effective_base() {
            BaseType::Integer32 if !labels.is_empty() => labels.join(" "),
            BaseType::Integer32 => "Integer32".to_owned(),
            BaseType::OctetString => "Octets".to_owned(),
            BaseType::ObjectIdentifier => "Oid".to_owned(),
            other => format!("{other:?}"),
        };
        let access = match object.access() {
            mib_rs::Access::NotAccessible => "not-accessible",
            mib_rs::Access::AccessibleForNotify => "accessible-for-notify",
            mib_rs::Access::ReadOnly => "read-only",
            mib_rs::Access::ReadWrite => "read-write",
            _ => "of another kind",
        };
        let oid = object.node().expect("a place in the tree").oid().to_string();
        all.insert(oid, Said { name: object.name().to_owned(), syntax, access });
    }
    all
}

#[test]
fn every_object_of_our_text_is_served_as_it_says_and_no_other() {
    let text = in_text(&texts(), "FLEETBRIDGE-MIB");
    let root = format!("{}.", mib::fleetbridge::MIB);
    let code: BTreeMap<_, _> = in_code().into_iter().filter(|(oid, _)| oid.starts_with(&root)).collect();
    assert!(text.len() > 50, "{} objects in the text", text.len());
    for (oid, said) in &text {
        assert_eq!(code.get(oid), Some(said), "{oid}");
    }
    for (oid, said) in &code {
        assert!(text.contains_key(oid), "{oid} {said:?} is in the code only");
    }
}

#[test]
fn standard_objects_are_as_their_modules_say() {
    let mib = texts();
    let mut text = in_text(&mib, "SNMPv2-MIB");
    text.extend(in_text(&mib, "SNMP-FRAMEWORK-MIB"));
    let code = in_code();
    let compared = text.iter().filter(|(oid, _)| code.contains_key(*oid)).count();
    assert!(compared >= 20, "{compared} objects in both");
    for (oid, said) in &text {
        if let Some(own) = code.get(oid) {
            assert_eq!(own, said, "{oid}");
        }
    }
}

#[test]
fn notifications_carry_what_the_text_says() {
    let mib = texts();
    let text: BTreeMap<String, (String, Vec<String>)> = mib
        .notifications()
        .filter(|one| one.module().is_some_and(|module| module.name() == "FLEETBRIDGE-MIB"))
        .map(|notification| {
            let objects =
                notification.objects().map(|object| object.node().expect("a place").oid().to_string());
            let oid = notification.node().expect("a place").oid().to_string();
            (oid, (notification.name().to_owned(), objects.collect()))
        })
        .collect();
    let code: BTreeMap<String, (String, Vec<String>)> = NOTIFICATIONS
        .iter()
        .map(|notification| {
            let objects = notification.objects.iter().map(|(parent, number)| format!("{parent}.{number}"));
            (notification.oid.to_string(), (notification.name.to_owned(), objects.collect()))
        })
        .collect();
    assert_eq!(code, text);
}

#[test]
fn products_are_registered() {
    let mib = texts();
    assert_eq!(mib.resolve_oid("fbBridge").expect("in FLEETBRIDGE-SMI").to_string(), BRIDGE.to_string());
}
