//! What rows are made of: the columns that can be set, and what they may hold.

use crate::snmp::{
    oid::{Dotted, Prefix, read_counted},
    set::{Given, SetError},
    syntax::{Labels, Value},
    usm::{AuthProtocol, Level, NO_AUTH, NO_PRIV, PrivProtocol},
    vacm::{Model, Rows},
};

/// A table whose rows can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Users,
    Groups,
    Access,
    Views,
}

/// A value that is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// There is no instance.
    Nothing,
    Integer(i32),
    Octets(Vec<u8>),
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
    /// KeyChange (RFC 3414): `own` if only the user himself may.
    Key {
        private: bool,
        own: bool,
        change: Vec<u8>,
    },
}

/// What a column takes.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// SnmpAdminString of so many octets.
    Text(usize, usize),
    /// At most so many octets.
    Octets(usize),
    Label(Labels),
    Auth,
    Private,
    Clone,
    Key {
        private: bool,
        own: bool,
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
pub const MATCH: Labels = &[("exact", 1), ("prefix", 2)];
pub const TYPE: Labels = &[("included", 1), ("excluded", 2)];

/// usmUserEntry.
pub const USER_ENTRY: Prefix = Prefix::new(&[1, 3, 6, 1, 6, 3, 15, 1, 2, 2, 1]);
/// usmUserSecurityName, which a RowPointer to a user names.
pub(super) const SECURITY_NAME: u32 = 3;
/// Octets of a name of a user, group, context or view.
pub(super) const NAME: usize = 32;

pub(super) mod column {
    pub const CLONE_FROM: u32 = 4;
    pub const AUTH_PROTOCOL: u32 = 5;
    pub const PRIV_PROTOCOL: u32 = 8;
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

impl Table {
    pub const ALL: [Table; 4] = [Table::Users, Table::Groups, Table::Access, Table::Views];

    pub fn name(self) -> &'static str {
        match self {
            Table::Users => "usmUserTable",
            Table::Groups => "vacmSecurityToGroupTable",
            Table::Access => "vacmAccessTable",
            Table::Views => "vacmViewTreeFamilyTable",
        }
    }

    pub(super) fn fields(self) -> &'static [Field] {
        match self {
            Table::Users => USERS,
            Table::Groups => GROUPS,
            Table::Access => ACCESS,
            Table::Views => VIEWS,
        }
    }

    pub(super) fn kind(self, column: u32) -> Option<Kind> {
        self.fields().iter().find(|field| field.number == column).map(|field| field.kind)
    }

    /// Whether a column is only ever set.
    pub(super) fn is_action(self, column: u32) -> bool {
        matches!(self.kind(column), Some(Kind::Key { .. }))
    }

    /// The columns of StorageType and RowStatus.
    pub(super) fn storage_and_status(self) -> (u32, u32) {
        match self {
            Table::Users => (12, 13),
            Table::Groups => (4, 5),
            Table::Access => (8, 9),
            Table::Views => (5, 6),
        }
    }

    /// Whether there can be such a row on the engine.
    pub(super) fn takes(self, index: &[u32], engine: &[u8]) -> bool {
        self.can_be(index) && (self != Table::Users || user(index).is_some_and(|(of, _)| of == engine))
    }

    /// Whether there can be such a row on some engine.
    pub(super) fn can_be(self, index: &[u32]) -> bool {
        match self {
            Table::Users => user(index).is_some(),
            Table::Groups => member(index).is_some(),
            Table::Access => access(index).is_some(),
            Table::Views => subtree(index).is_some(),
        }
    }

    /// Whether the row would widen or narrow what a group or view of the boot file is: those stay as they are there, so that
    /// nobody locks its administrators out, or lets others in by their names.
    pub(super) fn is_of_boot(self, index: &[u32], boot: &Rows) -> bool {
        match self {
            Table::Users | Table::Groups => false,
            Table::Access => {
                access(index).is_some_and(|(group, ..)| boot.access.iter().any(|row| row.group == group))
            }
            Table::Views => {
                subtree(index).is_some_and(|(view, _)| boot.families.iter().any(|(name, _)| *name == view))
            }
        }
    }

    /// A row, for the log.
    pub(super) fn describe(self, index: &[u32]) -> String {
        let which = match self {
            Table::Users => user(index).map(|(_, name)| name),
            Table::Groups => member(index).map(|(model, name)| format!("{name} ({model:?})")),
            Table::Access => access(index).map(|(group, ..)| group),
            Table::Views => subtree(index).map(|(view, subtree)| format!("{view} {}", Dotted(subtree))),
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
        Ok(match self.kind(column).ok_or(SetError::NotWritable)? {
            Kind::Text(least, most) => {
                let text = given.text(most)?;
                if text.len() < least {
                    return Err(SetError::WrongLength);
                }
                Wanted::Cell(Cell::text(text))
            }
            Kind::Octets(most) => Wanted::Cell(Cell::Octets(given.octets(most)?.to_vec())),
            Kind::Label(labels) => Wanted::Cell(Cell::Integer(given.label(labels)?)),
            Kind::Auth => Wanted::Cell(Cell::Oid(one_of(given, auth_oid)?)),
            Kind::Private => Wanted::Cell(Cell::Oid(one_of(given, priv_oid)?)),
            Kind::Clone => {
                let arcs = given.oid()?;
                let index =
                    arcs.strip_prefix(USER_ENTRY.arcs()).and_then(|rest| rest.strip_prefix(&[SECURITY_NAME]));
                let (engine, name) = index.and_then(user).ok_or(SetError::InconsistentName)?;
                Wanted::Clone(engine, name)
            }
            Kind::Key { private, own } => Wanted::Key {
                private,
                own,
                change: given.octets(2 * AuthProtocol::Sha512.key_len())?.to_vec(),
            },
        })
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
            Cell::Oid(prefix) => Some(Value::Oid(prefix)),
        }
    }
}

fn one_of(
    given: &Given<'_>,
    known: fn(&[u32]) -> Option<&'static Prefix>,
) -> Result<&'static Prefix, SetError> {
    known(&given.oid()?).ok_or(SetError::WrongValue)
}

/// The name of an authentication protocol, or of none.
pub(super) fn auth_oid(arcs: &[u32]) -> Option<&'static Prefix> {
    let all = AuthProtocol::ALL.map(AuthProtocol::oid).into_iter().chain([&NO_AUTH]);
    all.into_iter().find(|oid| oid.arcs() == arcs)
}

/// The name of a privacy protocol, or of none.
pub(super) fn priv_oid(arcs: &[u32]) -> Option<&'static Prefix> {
    let all = PrivProtocol::ALL.map(PrivProtocol::oid).into_iter().chain([&NO_PRIV]);
    all.into_iter().find(|oid| oid.arcs() == arcs)
}

/// A counted name of `least` to 32 octets, and what follows it.
fn name(index: &[u32], least: usize) -> Option<(String, &[u32])> {
    let (octets, rest) = read_counted(index)?;
    let name = String::from_utf8(octets).ok()?;
    ((least..=NAME).contains(&name.len()) && !name.chars().any(char::is_control)).then_some((name, rest))
}

fn model(number: u32) -> Option<Model> {
    [Model::Any, Model::V1, Model::V2c, Model::Usm].into_iter().find(|model| *model as u32 == number)
}

/// A user's engine and name.
pub(super) fn user(index: &[u32]) -> Option<(Vec<u8>, String)> {
    let (engine, rest) = read_counted(index)?;
    let (name, rest) = name(rest, 1)?;
    rest.is_empty().then_some((engine, name))
}

pub(super) fn member(index: &[u32]) -> Option<(Model, String)> {
    let (number, rest) = index.split_first()?;
    let model = model(*number).filter(|model| *model != Model::Any)?;
    let (name, rest) = name(rest, 1)?;
    rest.is_empty().then_some((model, name))
}

/// Group, context, and the least that is asked for.
pub(super) fn access(index: &[u32]) -> Option<(String, String, Model, Level)> {
    let (group, rest) = name(index, 1)?;
    let (context, rest) = name(rest, 0)?;
    let [number, level] = rest else { return None };
    let levels = [Level::NoAuthNoPriv, Level::AuthNoPriv, Level::AuthPriv];
    let level = levels.into_iter().find(|known| *known as u32 == *level)?;
    Some((group, context, model(*number)?, level))
}

/// The view's name, and a subtree.
pub(super) fn subtree(index: &[u32]) -> Option<(String, &[u32])> {
    let (view, rest) = name(index, 1)?;
    let (len, subtree) = rest.split_first()?;
    (usize::try_from(*len).ok()? == subtree.len()).then_some((view, subtree))
}
