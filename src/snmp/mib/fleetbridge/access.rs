//! fbAccessTable: who may ask, and what of, as the boot file says it.

use super::ENTERPRISE;
use crate::snmp::{
    made::Cell,
    mib::{
        Column,
        list::{List, Row},
    },
    oid::{Prefix, counted},
    syntax::{Labels, Syntax},
    view::Views,
};

/// Who has access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// By a password or a key.
    User = 1,
    /// By its name, which is a secret: it is called as in snmpCommunityTable.
    Community = 2,
    /// How a community's name and a device's make one.
    Pattern = 3,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accessor {
    pub kind: AccessKind,
    pub name: String,
    /// Of a pattern none.
    pub role: &'static str,
    /// The devices that are seen by SNMP, as a filter; empty: all.
    pub scope: String,
    /// From where; empty: from everywhere.
    pub sources: String,
    /// By what: `snmp`, `netconf`.
    pub faces: String,
}

/// The kinds as managers read them.
const KIND: Labels = &[("user", 1), ("community", 2), ("pattern", 3)];

pub const PREFIX: Prefix = Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 1, 9]);

pub const ACCESS: List = List {
    prefix: &Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 1, 9, 1]),
    views: Views::BRIDGE,
    columns: &[
        Column::index(1, "fbAccessKind", Syntax::Enumeration(KIND)),
        Column::index(2, "fbAccessName", Syntax::Octets),
        Column::read(3, "fbAccessRole", Syntax::Octets),
        Column::read(4, "fbAccessScope", Syntax::Octets),
        Column::read(5, "fbAccessSources", Syntax::Octets),
        Column::read(6, "fbAccessFaces", Syntax::Octets),
    ],
    rows: |context| {
        let row = |accessor: &Accessor| Row {
            index: [accessor.kind as u32].into_iter().chain(counted(accessor.name.as_bytes())).collect(),
            cells: vec![
                Cell::text(accessor.role),
                Cell::text(&accessor.scope),
                Cell::text(&accessor.sources),
                Cell::text(&accessor.faces),
            ],
        };
        context.system.access.iter().map(row).collect()
    },
    made: None,
};
