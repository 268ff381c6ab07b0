//! Rows that administrators make by SET, beside those of the boot file, which cannot be set: users (RFC 3414), groups,
//! access entries and views (RFC 3415), targets, what they are told (RFC 3413), and communities (RFC 3584).
//!
//! `table` says what rows are made of, `kind` what their columns take, `index` what their indexes say, `change` what a SET
//! makes of them, `file` keeps them; `communities` and `targets` are what comes of them. They are few and seldom change: for
//! a change all are copied, written to the disk, and only then in force.

mod boot;
mod change;
mod communities;
mod file;
mod index;
mod kind;
mod table;
mod targets;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

pub use boot::{Boot, NOTIFIES, target_name};
pub use change::{By, Edit};
pub use communities::MadeCommunities;
pub use file::{MadeError, ROWS, Store};
pub use index::implied;
pub use kind::{UDP, UDP_IPV6};
pub use table::{Cell, MATCH, NOTIFY, STATUS, STORAGE, TYPE, Table, USER_ENTRY, Wanted};
pub use targets::{Around, Untold};

use super::{
    engine::EngineId,
    usm::{AuthProtocol, Key, Material, PrivProtocol, User},
    vacm::{Access, Family, Member, Rows},
};
use table::column;

/// The rows, by their indexes.
#[derive(Clone, Debug, Default)]
pub struct Made([BTreeMap<Vec<u32>, Row>; Table::ALL.len()]);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    status: Status,
    /// It does not outlive the process.
    volatile: bool,
    /// What has a value, by column.
    cells: BTreeMap<u32, Cell>,
    /// Of a user.
    keys: Keys,
}

/// RowStatus as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Active = 1,
    NotInService = 2,
    NotReady = 3,
}

/// Keys for the bridge's own engine, that of privacy as long as its protocol wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    pub auth: Option<Key>,
    pub private: Option<Key>,
}

impl Made {
    pub fn rows(&self, table: Table) -> impl Iterator<Item = (&[u32], &Row)> {
        self.0[table as usize].iter().map(|(index, row)| (index.as_slice(), row))
    }

    /// Leaves out what has come into the boot file since, and returns what that was.
    pub fn yield_to(&mut self, boot: &Boot, engine: &EngineId) -> Vec<String> {
        let mut gone = Vec::new();
        for table in Table::ALL {
            self.0[table as usize].retain(|index, _| {
                let has = boot.has(table, index, engine);
                gone.extend(has.then(|| table.describe(index)));
                !has
            });
        }
        gone
    }

    /// Users who were made for another engine: their keys are worth nothing here.
    pub fn foreign(&self, engine: &EngineId) -> usize {
        self.rows(Table::Users).filter(|(index, _)| !Table::Users.takes(index, engine.octets())).count()
    }

    /// The users of the engine that are active.
    pub fn users<'a>(&'a self, engine: &'a EngineId) -> impl Iterator<Item = Arc<User>> + 'a {
        self.active(Table::Users).filter_map(|(index, row)| {
            let (_, name) = index::user(index).filter(|(of, _)| *of == engine.octets())?;
            let own = |key: &Option<Key>| key.clone().map(Material::Own);
            let auth = row.auth_protocol().zip(own(&row.keys.auth));
            let private = row.priv_protocol().zip(own(&row.keys.private));
            Some(Arc::new(User::new(name, auth, private, engine)))
        })
    }

    /// Adds the groups, access entries and views that are active.
    pub fn enter(&self, rows: &mut Rows) {
        for (index, row) in self.active(Table::Groups) {
            let Some((model, name)) = index::member(index) else { continue };
            rows.members.push(Member { model, name, group: row.text(3) });
        }
        for (index, row) in self.active(Table::Access) {
            let Some((group, context, model, level)) = index::access(index) else { continue };
            let exact = row.integer(4) == 1;
            let [read, write, notify] = [5, 6, 7].map(|column| row.text(column));
            rows.access.push(Access { group, context, exact, model, level, read, write, notify });
        }
        for (index, row) in self.active(Table::Views) {
            let Some((view, subtree)) = index::subtree(index) else { continue };
            let mask = row.octets(3).to_vec();
            let included = row.integer(4) == 1;
            rows.families.push((view, Family { subtree: subtree.to_vec(), mask, included }));
        }
    }

    fn active(&self, table: Table) -> impl Iterator<Item = (&[u32], &Row)> {
        self.rows(table).filter(|(_, row)| row.is_active())
    }
}

impl Row {
    /// `engine`: the bridge's own.
    pub fn cell(&self, table: Table, index: &[u32], column: u32, engine: &[u8]) -> Cell {
        let (storage, status) = table.storage_and_status();
        match column {
            _ if column == status => Cell::Integer(self.status as i32),
            _ if column == storage => Cell::Integer(if self.volatile { 2 } else { 3 }),
            table::SECURITY_NAME if table == Table::Users => {
                index::user(index).map_or(Cell::Nothing, |(_, name)| Cell::text(&name))
            }
            _ if matches!(table.kind(column), Some(kind::Kind::Engine)) => Cell::Octets(engine.to_vec()),
            // Keys are never read (RFC 3414, KeyChange).
            _ if table.is_action(column) => Cell::text(""),
            _ => self.cells.get(&column).cloned().unwrap_or(Cell::Nothing),
        }
    }

    fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    fn octets(&self, column: u32) -> &[u8] {
        match self.cells.get(&column) {
            Some(Cell::Octets(octets)) => octets,
            _ => &[],
        }
    }

    fn text(&self, column: u32) -> String {
        String::from_utf8_lossy(self.octets(column)).into_owned()
    }

    fn integer(&self, column: u32) -> i32 {
        self.number(column).unwrap_or(0)
    }

    fn number(&self, column: u32) -> Option<i32> {
        match self.cells.get(&column) {
            Some(Cell::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    fn auth_protocol(&self) -> Option<AuthProtocol> {
        let oid = self.cells.get(&column::AUTH_PROTOCOL)?;
        AuthProtocol::ALL.into_iter().find(|protocol| *oid == Cell::Oid(protocol.oid()))
    }

    fn priv_protocol(&self) -> Option<PrivProtocol> {
        let oid = self.cells.get(&column::PRIV_PROTOCOL)?;
        PrivProtocol::ALL.into_iter().find(|protocol| *oid == Cell::Oid(protocol.oid()))
    }
}
