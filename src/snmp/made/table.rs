//! What rows are made of: the columns that can be set, and what they may hold.

use super::{
    index::{self, NAME},
    kind::Kind,
};
use crate::{
    secret::Secret,
    snmp::{
        oid::{Dotted, Prefix},
        set::{Given, SetError},
        syntax::{Labels, Value},
        usm::{AuthProtocol, NO_AUTH, NO_PRIV},
    },
};

/// A table whose rows can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Users,
    Groups,
    Access,
    Views,
    Addresses,
    Params,
    Notifies,
    Profiles,
    Filters,
    Communities,
}

/// A value that is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// There is no instance.
    Nothing,
    Integer(i32),
    Octets(Vec<u8>),
    /// A text that nobody but an administrator sees.
    Secret(Secret),
    Oid(&'static Prefix),
}

/// What a SET wants of an instance.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// RowStatus (RFC 2579).
    Status(i32),
    /// StorageType.
    Storage(i32),
    Cell(Cell),
    /// The user of that engine and name for a pattern.
    Clone(Vec<u8>, String),
    /// The bridge's own engine, or none at all.
    Engine(Vec<u8>),
    /// KeyChange (RFC 3414): `own` if only the user himself may.
    Key {
        private: bool,
        own: bool,
        change: Vec<u8>,
    },
}

/// What a column has until it is set (DEFVAL).
#[derive(Clone, Copy)]
pub(super) enum Default {
    /// Without it the row is not ready.
    Required,
    /// It never has a value.
    Action,
    Empty,
    Integer(i32),
    Oid(&'static Prefix),
}

pub(super) struct Field {
    pub number: u32,
    pub kind: Kind,
    pub default: Default,
}

pub const STORAGE: Labels =
    &[("other", 1), ("volatile", 2), ("nonVolatile", 3), ("permanent", 4), ("readOnly", 5)];
pub const STATUS: Labels = &[
    ("active", 1),
    ("notInService", 2),
    ("notReady", 3),
    ("createAndGo", 4),
    ("createAndWait", 5),
    ("destroy", 6),
];
/// snmpNotifyType.
pub const NOTIFY: Labels = &[("trap", 1), ("inform", 2)];
pub const MATCH: Labels = &[("exact", 1), ("prefix", 2)];
pub const TYPE: Labels = &[("included", 1), ("excluded", 2)];

/// usmUserEntry.
pub const USER_ENTRY: Prefix = Prefix::new(&[1, 3, 6, 1, 6, 3, 15, 1, 2, 2, 1]);
/// usmUserSecurityName, which a RowPointer to a user names.
pub(super) const SECURITY_NAME: u32 = 3;
/// SnmpMessageProcessingModel, SnmpSecurityModel and SnmpSecurityLevel (RFC 3411), as far as they are known here.
const PROCESSING: Labels = &[("SNMPv1", 0), ("SNMPv2c", 1), ("SNMPv3", 3)];
const SECURITY: Labels = &[("SNMPv1", 1), ("SNMPv2c", 2), ("USM", 3)];
const LEVEL: Labels = &[("noAuthNoPriv", 1), ("authNoPriv", 2), ("authPriv", 3)];

pub(super) mod column {
    // Of users.
    pub const CLONE_FROM: u32 = 4;
    pub const AUTH_PROTOCOL: u32 = 5;
    pub const PRIV_PROTOCOL: u32 = 8;
    // Of addresses.
    pub const DOMAIN: u32 = 2;
    pub const ADDRESS: u32 = 3;
    pub const TIMEOUT: u32 = 4;
    pub const RETRIES: u32 = 5;
    pub const TAGS: u32 = 6;
    pub const PARAMS: u32 = 7;
    // Of parameters.
    pub const PROCESSING: u32 = 2;
    pub const SECURITY_MODEL: u32 = 3;
    pub const SECURITY_LEVEL: u32 = 5;
    // Of communities.
    pub const COMMUNITY: u32 = 2;
    pub const CONTEXT: u32 = 5;
    pub const TRANSPORT_TAG: u32 = 6;
}

const USERS: &[Field] = &[
    Field { number: column::CLONE_FROM, kind: Kind::Clone, default: Default::Required },
    Field { number: column::AUTH_PROTOCOL, kind: Kind::Auth, default: Default::Oid(&NO_AUTH) },
    Field { number: 6, kind: Kind::Key { private: false, own: false }, default: Default::Action },
    Field { number: 7, kind: Kind::Key { private: false, own: true }, default: Default::Action },
    Field { number: column::PRIV_PROTOCOL, kind: Kind::Private, default: Default::Oid(&NO_PRIV) },
    Field { number: 9, kind: Kind::Key { private: true, own: false }, default: Default::Action },
    Field { number: 10, kind: Kind::Key { private: true, own: true }, default: Default::Action },
    Field { number: 11, kind: Kind::Octets(32), default: Default::Empty },
];

const GROUPS: &[Field] = &[Field { number: 3, kind: Kind::Text(1, NAME), default: Default::Required }];

const ACCESS: &[Field] = &[
    Field { number: 4, kind: Kind::Label(MATCH), default: Default::Integer(1) },
    Field { number: 5, kind: Kind::Text(0, NAME), default: Default::Empty },
    Field { number: 6, kind: Kind::Text(0, NAME), default: Default::Empty },
    Field { number: 7, kind: Kind::Text(0, NAME), default: Default::Empty },
];

const VIEWS: &[Field] = &[
    Field { number: 3, kind: Kind::Octets(16), default: Default::Empty },
    Field { number: 4, kind: Kind::Label(TYPE), default: Default::Integer(1) },
];

const ADDRESSES: &[Field] = &[
    Field { number: column::DOMAIN, kind: Kind::Domain, default: Default::Required },
    Field { number: column::ADDRESS, kind: Kind::Address, default: Default::Required },
    Field { number: column::TIMEOUT, kind: Kind::Count(i32::MAX), default: Default::Integer(1500) },
    Field { number: column::RETRIES, kind: Kind::Count(255), default: Default::Integer(3) },
    Field { number: column::TAGS, kind: Kind::Tags, default: Default::Empty },
    Field { number: column::PARAMS, kind: Kind::Text(1, NAME), default: Default::Required },
];

const PARAMS: &[Field] = &[
    Field { number: column::PROCESSING, kind: Kind::Label(PROCESSING), default: Default::Required },
    Field { number: column::SECURITY_MODEL, kind: Kind::Label(SECURITY), default: Default::Required },
    Field { number: 4, kind: Kind::Text(1, NAME), default: Default::Required },
    Field { number: column::SECURITY_LEVEL, kind: Kind::Label(LEVEL), default: Default::Required },
];

const NOTIFIES: &[Field] = &[
    Field { number: 2, kind: Kind::Tag, default: Default::Empty },
    Field { number: 3, kind: Kind::Label(NOTIFY), default: Default::Integer(1) },
];

const PROFILES: &[Field] = &[Field { number: 1, kind: Kind::Text(1, NAME), default: Default::Required }];

const FILTERS: &[Field] = &[
    Field { number: 2, kind: Kind::Octets(16), default: Default::Empty },
    Field { number: 3, kind: Kind::Label(TYPE), default: Default::Integer(1) },
];

const COMMUNITIES: &[Field] = &[
    Field { number: column::COMMUNITY, kind: Kind::Secret, default: Default::Required },
    Field { number: 3, kind: Kind::Text(1, NAME), default: Default::Required },
    Field { number: 4, kind: Kind::Engine, default: Default::Action },
    Field { number: column::CONTEXT, kind: Kind::Context, default: Default::Empty },
    Field { number: column::TRANSPORT_TAG, kind: Kind::Tag, default: Default::Empty },
];

impl Table {
    pub const ALL: [Table; 10] = [
        Table::Users,
        Table::Groups,
        Table::Access,
        Table::Views,
        Table::Addresses,
        Table::Params,
        Table::Notifies,
        Table::Profiles,
        Table::Filters,
        Table::Communities,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Table::Users => "usmUserTable",
            Table::Groups => "vacmSecurityToGroupTable",
            Table::Access => "vacmAccessTable",
            Table::Views => "vacmViewTreeFamilyTable",
            Table::Addresses => "snmpTargetAddrTable",
            Table::Params => "snmpTargetParamsTable",
            Table::Notifies => "snmpNotifyTable",
            Table::Profiles => "snmpNotifyFilterProfileTable",
            Table::Filters => "snmpNotifyFilterTable",
            Table::Communities => "snmpCommunityTable",
        }
    }

    pub(super) fn fields(self) -> &'static [Field] {
        match self {
            Table::Users => USERS,
            Table::Groups => GROUPS,
            Table::Access => ACCESS,
            Table::Views => VIEWS,
            Table::Addresses => ADDRESSES,
            Table::Params => PARAMS,
            Table::Notifies => NOTIFIES,
            Table::Profiles => PROFILES,
            Table::Filters => FILTERS,
            Table::Communities => COMMUNITIES,
        }
    }

    pub(super) fn kind(self, column: u32) -> Option<Kind> {
        self.fields().iter().find(|field| field.number == column).map(|field| field.kind)
    }

    /// Whether a column stays as it is while its row is active (RFC 3413, snmpTargetAddrRowStatus and
    /// snmpTargetParamsRowStatus).
    pub(super) fn rests(self, column: u32) -> bool {
        match self {
            Table::Addresses => [column::DOMAIN, column::ADDRESS].contains(&column),
            Table::Params => self.kind(column).is_some(),
            _ => false,
        }
    }

    /// Whether a column is only ever set.
    pub(super) fn is_action(self, column: u32) -> bool {
        matches!(self.kind(column), Some(Kind::Key { .. }))
    }

    /// The columns of StorageType and RowStatus.
    pub(super) fn storage_and_status(self) -> (u32, u32) {
        match self {
            Table::Users => (12, 13),
            Table::Groups | Table::Notifies | Table::Filters => (4, 5),
            Table::Access | Table::Addresses => (8, 9),
            Table::Views => (5, 6),
            Table::Params => (6, 7),
            Table::Profiles => (2, 3),
            Table::Communities => (7, 8),
        }
    }

    /// Whether there can be such a row on the engine.
    pub(super) fn takes(self, index: &[u32], engine: &[u8]) -> bool {
        self.can_be(index) && (self != Table::Users || index::user(index).is_some_and(|(of, _)| of == engine))
    }

    /// Whether there can be such a row on some engine.
    pub(super) fn can_be(self, index: &[u32]) -> bool {
        match self {
            Table::Users => index::user(index).is_some(),
            Table::Groups => index::member(index).is_some(),
            Table::Access => index::access(index).is_some(),
            Table::Views => index::subtree(index).is_some(),
            Table::Filters => index::filter(index).is_some(),
            _ => index::lone(index).is_some(),
        }
    }

    /// A row, for the log.
    pub(super) fn describe(self, index: &[u32]) -> String {
        let which = match self {
            Table::Users => index::user(index).map(|(_, name)| name),
            Table::Groups => index::member(index).map(|(model, name)| format!("{name} ({model:?})")),
            Table::Access => index::access(index).map(|(group, ..)| group),
            Table::Views => {
                index::subtree(index).map(|(view, subtree)| format!("{view} {}", Dotted(subtree)))
            }
            Table::Filters => {
                index::filter(index).map(|(profile, subtree)| format!("{profile} {}", Dotted(subtree)))
            }
            _ => index::lone(index),
        };
        format!("{} {}", self.name(), which.unwrap_or_default())
    }

    /// What is given to a column.
    ///
    /// # Errors
    /// It cannot be set, or not to that.
    pub fn want(self, column: u32, given: &Given<'_>) -> Result<Wanted, SetError> {
        let (storage, status) = self.storage_and_status();
        if column == status {
            return match given.label(STATUS)? {
                // It is only ever read.
                3 => Err(SetError::WrongValue),
                status => Ok(Wanted::Status(status)),
            };
        }
        if column == storage {
            return match given.label(STORAGE)? {
                storage @ (2 | 3) => Ok(Wanted::Storage(storage)),
                _ => Err(SetError::WrongValue),
            };
        }
        match self.kind(column).ok_or(SetError::NotWritable)? {
            Kind::Engine => Ok(Wanted::Engine(given.octets(32)?.to_vec())),
            Kind::Clone => {
                let arcs = given.oid()?;
                let index =
                    arcs.strip_prefix(USER_ENTRY.arcs()).and_then(|rest| rest.strip_prefix(&[SECURITY_NAME]));
                let (engine, name) = index.and_then(index::user).ok_or(SetError::InconsistentName)?;
                Ok(Wanted::Clone(engine, name))
            }
            Kind::Key { private, own } => {
                let change = given.octets(2 * AuthProtocol::Sha512.key_len())?.to_vec();
                Ok(Wanted::Key { private, own, change })
            }
            kind => kind.cell(given).map(Wanted::Cell),
        }
    }
}

impl Cell {
    pub fn text(text: &str) -> Cell {
        Cell::Octets(text.as_bytes().to_vec())
    }

    pub fn value(&self) -> Option<Value<'_>> {
        match self {
            Cell::Nothing => None,
            Cell::Integer(value) => Some(Value::Integer(*value)),
            Cell::Octets(octets) => Some(Value::Octets(octets)),
            Cell::Secret(text) => Some(Value::Octets(text.expose().as_bytes())),
            Cell::Oid(prefix) => Some(Value::Oid(prefix)),
        }
    }
}
