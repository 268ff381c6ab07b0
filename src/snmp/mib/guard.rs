//! Who may ask the agent, as managers see it: usmUserTable (RFC 3414), the tables of VACM (RFC 3415) and
//! snmpCommunityTable (RFC 3584). What stands in the boot file cannot be set; others can be made beside it.

use super::{
    Column, Context, Lone, Scalar,
    list::{List, Row},
    target,
};
use crate::snmp::{
    made::{Cell, MATCH, STATUS, STORAGE, TYPE, Table, USER_ENTRY, implied},
    notify::Wire,
    oid::{Prefix, ZERO_DOT_ZERO},
    set::Lock,
    syntax::{Access, Syntax, Value},
    usm::{AuthProtocol, NO_AUTH, NO_PRIV, PrivProtocol},
    view::Views,
};

const VIEWS: Views = Views::BRIDGE;

pub(super) const READ_ONLY: Cell = Cell::Integer(5);
pub(super) const ACTIVE: Cell = Cell::Integer(1);

/// read-create, as their modules have them.
pub(super) const fn column(number: u32, name: &'static str, syntax: Syntax) -> Column {
    Column::new(number, name, syntax, Access::ReadWrite)
}

/// usmUserSpinLock: who sends it with a SET knows that nobody has changed a key since it was read.
pub const USER_LOCK: Lone = Lone {
    object: &Prefix::new(&[1, 3, 6, 1, 6, 3, 15, 1, 2, 1]),
    views: VIEWS,
    scalar: Scalar::write(1, "usmUserSpinLock", Syntax::Integer32, |c| {
        Value::Integer(c.locks.of(Lock::Users))
    })
    .set(|_, given, edits| edits.lock(Lock::Users, given)),
};

pub const USERS: List = List {
    prefix: &USER_ENTRY,
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
    made: Some(Table::Users),
};

fn users(context: &Context<'_>) -> Vec<Row> {
    let empty = || Cell::Octets(Vec::new());
    let row = |user: &crate::snmp::usm::User| Row {
        index: user.index(&context.engine.of(None)),
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
    context.guards.boot().users.iter().map(|user| row(user)).collect()
}

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
        let boot = context.guards.boot();
        let members = boot.rows.members.iter().map(|member| Row {
            index: member.index(),
            cells: vec![Cell::text(&member.group), READ_ONLY, ACTIVE],
        });
        members.collect()
    },
    made: Some(Table::Groups),
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
        let boot = context.guards.boot();
        let entries = boot.rows.access.iter().map(|entry| Row {
            index: entry.index(),
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
    made: Some(Table::Access),
};

pub const VIEW_LOCK: Lone = Lone {
    object: &Prefix::new(&[1, 3, 6, 1, 6, 3, 16, 1, 5, 1]),
    views: VIEWS,
    scalar: Scalar::write(1, "vacmViewSpinLock", Syntax::Integer32, |c| {
        Value::Integer(c.locks.of(Lock::Views))
    })
    .set(|_, given, edits| edits.lock(Lock::Views, given)),
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
        let boot = context.guards.boot();
        let families = boot.rows.families.iter().map(|(view, family)| Row {
            index: family.index(view),
            cells: vec![
                Cell::Octets(family.mask.clone()),
                Cell::Integer(if family.included { 1 } else { 2 }),
                READ_ONLY,
                ACTIVE,
            ],
        });
        families.collect()
    },
    made: Some(Table::Views),
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
        let row = |security: &str, name: &[u8]| Row {
            index: implied(security),
            cells: vec![
                Cell::Octets(name.to_vec()),
                Cell::text(security),
                Cell::Octets(context.engine.id().to_vec()),
                Cell::Octets(Vec::new()),
                Cell::Octets(Vec::new()),
                READ_ONLY,
                ACTIVE,
            ],
        };
        let asks = context.guards.communities.named().map(|(security, name)| row(security, name));
        let told = target::each(context, |security, target| match &target.wire {
            Wire::V1 { community } | Wire::V2c { community } => {
                Some(row(security, community.expose().as_bytes()))
            }
            Wire::V3 { .. } => None,
        });
        asks.chain(told.into_iter().flatten()).collect()
    },
    made: Some(Table::Communities),
};
