//! Who may ask the agent, as managers see it: usmUserTable (RFC 3414), the tables of VACM (RFC 3415) and
//! snmpCommunityTable (RFC 3584). They stand in the boot file, and so cannot be set.

use super::{
    Column, Context,
    list::{Cell, List, Row, counted},
    snmpv2::ZERO_DOT_ZERO,
};
use crate::snmp::{
    oid::Prefix,
    syntax::{Access, Labels, Syntax},
    usm::{AuthProtocol, NO_AUTH, NO_PRIV, PrivProtocol},
    vacm::Family,
    view::Views,
};

const VIEWS: Views = Views::BRIDGE;

const STORAGE: Labels =
    &[("other", 1), ("volatile", 2), ("nonVolatile", 3), ("permanent", 4), ("readOnly", 5)];
const STATUS: Labels = &[
    ("active", 1),
    ("notInService", 2),
    ("notReady", 3),
    ("createAndGo", 4),
    ("createAndWait", 5),
    ("destroy", 6),
];
const READ_ONLY: Cell = Cell::Integer(5);
const ACTIVE: Cell = Cell::Integer(1);

const MATCH: Labels = &[("exact", 1), ("prefix", 2)];
const TYPE: Labels = &[("included", 1), ("excluded", 2)];

/// read-create, as their modules have them.
const fn column(number: u32, name: &'static str, syntax: Syntax) -> Column {
    Column::new(number, name, syntax, Access::ReadWrite)
}

pub const USERS: List = List {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 15, 1, 2, 2, 1]),
    views: VIEWS,
    columns: &[
        Column::index(1, "usmUserEngineID", Syntax::Octets),
        Column::index(2, "usmUserName", Syntax::Octets),
        Column::read(3, "usmUserSecurityName", Syntax::Octets),
        column(4, "usmUserCloneFrom", Syntax::Oid),
        column(5, "usmUserAuthProtocol", Syntax::Oid),
        column(6, "usmUserAuthKeyChange", Syntax::Octets),
        column(7, "usmUserOwnAuthKeyChange", Syntax::Octets),
        column(8, "usmUserPrivProtocol", Syntax::Oid),
        column(9, "usmUserPrivKeyChange", Syntax::Octets),
        column(10, "usmUserOwnPrivKeyChange", Syntax::Octets),
        column(11, "usmUserPublic", Syntax::Octets),
        column(12, "usmUserStorageType", Syntax::Enumeration(STORAGE)),
        column(13, "usmUserStatus", Syntax::Enumeration(STATUS)),
    ],
    rows: users,
};

fn users(context: &Context<'_>) -> Vec<Row> {
    let empty = || Cell::Octets(Vec::new());
    let row = |user: &crate::snmp::usm::User| Row {
        index: counted(context.engine.id()).chain(counted(user.name.as_bytes())).collect(),
        cells: vec![
            Cell::text(&user.name),
            Cell::Oid(&ZERO_DOT_ZERO),
            Cell::Oid(user.auth_protocol().map_or(&NO_AUTH, AuthProtocol::oid)),
            // Keys are never read (RFC 3414, KeyChange).
            empty(),
            empty(),
            Cell::Oid(user.priv_protocol().map_or(&NO_PRIV, PrivProtocol::oid)),
            empty(),
            empty(),
            empty(),
            READ_ONLY,
            ACTIVE,
        ],
    };
    context.guards.usm.users().all().map(row).collect()
}

pub const CONTEXTS: List = List {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 16, 1, 1, 1]),
    views: VIEWS,
    columns: &[Column::read(1, "vacmContextName", Syntax::Octets)],
    // Those that are no device's.
    rows: |_| {
        let row =
            |name: &str| Row { index: counted(name.as_bytes()).collect(), cells: vec![Cell::text(name)] };
        vec![row(""), row("+fleet")]
    },
};

pub const GROUPS: List = List {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 16, 1, 2, 1]),
    views: VIEWS,
    columns: &[
        Column::index(1, "vacmSecurityModel", Syntax::Integer32),
        Column::index(2, "vacmSecurityName", Syntax::Octets),
        column(3, "vacmGroupName", Syntax::Octets),
        column(4, "vacmSecurityToGroupStorageType", Syntax::Enumeration(STORAGE)),
        column(5, "vacmSecurityToGroupStatus", Syntax::Enumeration(STATUS)),
    ],
    rows: |context| {
        let policy = context.guards.policy();
        let members = policy.rows().members.iter().map(|member| Row {
            index: [member.model as u32].into_iter().chain(counted(member.name.as_bytes())).collect(),
            cells: vec![Cell::text(&member.group), READ_ONLY, ACTIVE],
        });
        members.collect()
    },
};

pub const ACCESS: List = List {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 16, 1, 4, 1]),
    views: VIEWS,
    columns: &[
        Column::index(1, "vacmAccessContextPrefix", Syntax::Octets),
        Column::index(2, "vacmAccessSecurityModel", Syntax::Integer32),
        Column::index(3, "vacmAccessSecurityLevel", Syntax::Integer32),
        column(4, "vacmAccessContextMatch", Syntax::Enumeration(MATCH)),
        column(5, "vacmAccessReadViewName", Syntax::Octets),
        column(6, "vacmAccessWriteViewName", Syntax::Octets),
        column(7, "vacmAccessNotifyViewName", Syntax::Octets),
        column(8, "vacmAccessStorageType", Syntax::Enumeration(STORAGE)),
        column(9, "vacmAccessStatus", Syntax::Enumeration(STATUS)),
    ],
    rows: |context| {
        let policy = context.guards.policy();
        let entries = policy.rows().access.iter().map(|entry| Row {
            index: counted(entry.group.as_bytes())
                .chain(counted(entry.context.as_bytes()))
                .chain([entry.model as u32, entry.level as u32])
                .collect(),
            cells: vec![
                Cell::Integer(if entry.exact { 1 } else { 2 }),
                Cell::text(&entry.read),
                Cell::text(&entry.write),
                Cell::text(&entry.notify),
                READ_ONLY,
                ACTIVE,
            ],
        });
        entries.collect()
    },
};

pub const TREES: List = List {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 16, 1, 5, 2, 1]),
    views: VIEWS,
    columns: &[
        Column::index(1, "vacmViewTreeFamilyViewName", Syntax::Octets),
        Column::index(2, "vacmViewTreeFamilySubtree", Syntax::Oid),
        column(3, "vacmViewTreeFamilyMask", Syntax::Octets),
        column(4, "vacmViewTreeFamilyType", Syntax::Enumeration(TYPE)),
        column(5, "vacmViewTreeFamilyStorageType", Syntax::Enumeration(STORAGE)),
        column(6, "vacmViewTreeFamilyStatus", Syntax::Enumeration(STATUS)),
    ],
    rows: |context| {
        let policy = context.guards.policy();
        let families = policy.rows().families.iter().map(|(view, family)| {
            let Family { subtree, mask, included } = family;
            Row {
                index: counted(view.as_bytes())
                    .chain([subtree.len() as u32])
                    .chain(subtree.iter().copied())
                    .collect(),
                cells: vec![
                    Cell::Octets(mask.clone()),
                    Cell::Integer(if *included { 1 } else { 2 }),
                    READ_ONLY,
                    ACTIVE,
                ],
            }
        });
        families.collect()
    },
};

pub const COMMUNITIES: List = List {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 18, 1, 1, 1]),
    views: VIEWS,
    columns: &[
        Column::index(1, "snmpCommunityIndex", Syntax::Octets),
        column(2, "snmpCommunityName", Syntax::Octets),
        column(3, "snmpCommunitySecurityName", Syntax::Octets),
        column(4, "snmpCommunityContextEngineID", Syntax::Octets),
        column(5, "snmpCommunityContextName", Syntax::Octets),
        column(6, "snmpCommunityTransportTag", Syntax::Octets),
        column(7, "snmpCommunityStorageType", Syntax::Enumeration(STORAGE)),
        column(8, "snmpCommunityStatus", Syntax::Enumeration(STATUS)),
    ],
    rows: |context| {
        let rows = context.guards.communities.named().map(|(security, name)| Row {
            // IMPLIED: no length.
            index: security.bytes().map(u32::from).collect(),
            cells: vec![
                Cell::Octets(name.to_vec()),
                Cell::text(security),
                Cell::Octets(context.engine.id().to_vec()),
                Cell::Octets(Vec::new()),
                Cell::Octets(Vec::new()),
                READ_ONLY,
                ACTIVE,
            ],
        });
        rows.collect()
    },
};
