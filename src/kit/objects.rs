//! The objects that templates read, by their names in the MIB modules: those of the agent, from its own definitions.

use std::sync::LazyLock;

use crate::snmp::{
    mib::{self, Object},
    oid::Dotted,
    syntax::{Labels, Syntax},
};

/// All that the agent serves, in every view, in order of object identifiers.
static OBJECTS: LazyLock<Vec<Object>> = LazyLock::new(|| {
    let mut objects: Vec<Object> = mib::all().iter().flat_map(|subtree| subtree.objects()).collect();
    objects.sort_by(|one, other| one.oid.cmp(&other.oid));
    // The views of bridge and device have a system group each.
    objects.dedup_by(|one, other| one.oid == other.oid);
    objects
});

/// Of an object of the agent.
pub fn find(name: &str) -> Option<&'static Object> {
    OBJECTS.iter().find(|object| object.column.name == name)
}

/// The identifier of a column or scalar, dotted, without instance: `1.3.6.1.2.1.1.5` of `sysName`. Empty for a name that
/// is none, which the test of each kit refuses.
pub fn oid(name: &str) -> String {
    find(name).map(|object| Dotted(&object.oid).to_string()).unwrap_or_default()
}

/// As [`oid`], of a scalar with its instance: `1.3.6.1.2.1.1.5.0`.
pub fn scalar(name: &str) -> String {
    format!("{}.0", oid(name))
}

/// The columns of the table, or the scalars of the group, that this object is one of.
pub fn siblings(name: &str) -> impl Iterator<Item = &'static Object> {
    let stem = find(name).and_then(|object| object.oid.split_last()).map(|(_, stem)| stem);
    OBJECTS.iter().filter(move |object| {
        stem.is_some_and(|stem| object.oid.split_last().is_some_and(|(_, rest)| rest == stem))
    })
}

/// The names of an enumeration's values; empty of other objects.
pub fn labels(name: &str) -> Labels {
    match find(name).map(|object| object.column.syntax) {
        Some(Syntax::Enumeration(labels)) => labels,
        _ => &[],
    }
}
