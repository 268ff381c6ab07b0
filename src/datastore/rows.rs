//! What the datastore asks of whoever keeps it: rows, and commits that are whole or not there.

use super::{error::Failed, observe::Record};
use crate::model::{DeviceNumber, Time, Who};

/// The keeper of running. Reads see a state between two commits; only the datastore writes.
pub trait Rows: Send + Sync {
    /// What a start finds.
    fn load(&self) -> Result<Kept, Failed>;
    fn row(&self, name: &str) -> Result<Option<Row>, Failed>;
    /// Rows with numbers above `after`, in their order.
    fn rows(&self, after: DeviceNumber, limit: usize) -> Result<Vec<Row>, Failed>;
    /// Who has this alias.
    fn alias(&self, alias: &str) -> Result<Option<String>, Failed>;
    /// Writes one commit, durable when this returns.
    fn write(&self, commit: Commit) -> Result<Written, Failed>;
    /// The newest commits, newest first.
    fn commits(&self, limit: usize) -> Result<Vec<Committed>, Failed>;
    /// One commit and at most so many of its edits; `None` if it is not kept any more.
    fn record(&self, commit: u64, limit: usize) -> Result<Option<Record>, Failed>;
    /// What every device changed since was right after that commit; `None` if that is not kept any more.
    fn inverse(&self, commit: u64) -> Result<Option<Vec<Inverse>>, Failed>;
    /// The newest commit of each device, as far as commits can be rolled back.
    fn touched(&self) -> Result<Vec<Touched>, Failed>;
}

/// One device as it stands in running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// 0 in candidate, if it has none yet.
    pub number: DeviceNumber,
    pub name: String,
    /// JSON of the list entry.
    pub config: String,
}

/// Through which face somebody writes. The numbers are stored: never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Face {
    Netconf = 1,
    Snmp = 2,
    Control = 3,
    System = 4,
}

impl Face {
    pub fn as_str(self) -> &'static str {
        match self {
            Face::Netconf => "netconf",
            Face::Snmp => "snmp",
            Face::Control => "control",
            Face::System => "system",
        }
    }

    pub fn from_code(code: u8) -> Option<Face> {
        [Face::Netconf, Face::Snmp, Face::Control, Face::System].into_iter().find(|face| *face as u8 == code)
    }
}

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Of NETCONF; 0 for all others, who can hold no lock.
    pub session: u32,
    pub face: Face,
    pub user: String,
    /// From where, for the audit.
    pub address: String,
}

impl Owner {
    pub(super) fn system() -> Owner {
        Owner { session: 0, face: Face::System, user: "system".to_owned(), address: String::new() }
    }
}

impl From<&Owner> for Who {
    fn from(owner: &Owner) -> Who {
        Who { user: owner.user.clone(), session: owner.session, address: owner.address.clone() }
    }
}

/// One transaction of the store. Without changes it gets no id and only `pending` is kept.
#[derive(Clone, Debug)]
pub struct Commit {
    pub time: Time,
    pub owner: Owner,
    /// Who staged it, if that was not the owner alone.
    pub editors: Vec<String>,
    pub label: Option<String>,
    pub changes: Vec<Change>,
    pub audit: Vec<Audit>,
    /// The confirmed commit that is under way after this one.
    pub pending: Option<Pending>,
    /// All commits above this one are undone by this one.
    pub rolled_back: Option<u64>,
}

/// One device's row. What it was, its keeper knows, and keeps for a roll-back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub name: String,
    /// It stands in running before.
    pub was: bool,
    /// Its row from now on; `None`: it does not stand in running any more.
    pub after: Option<String>,
    /// As in `after`.
    pub alias: Option<String>,
    /// The pinned one, else the only one that it has settings of.
    pub profile: Option<String>,
}

/// One edit, for the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    pub path: String,
    /// One of [`Audit::OPERATIONS`]; `overwrite` names a leaf that somebody else changed meanwhile.
    pub operation: &'static str,
    /// A secret as keyed hash.
    pub value: Option<String>,
}

impl Audit {
    pub const OPERATIONS: [&str; 5] = ["create", "merge", "delete", "replace", "overwrite"];
}

/// A confirmed commit that waits (RFC 6241 8.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// What is restored: the state right after this commit.
    pub base: u64,
    pub session: u32,
    pub persist: Option<String>,
    pub deadline: Time,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Id of the newest commit, 0 before the first.
    pub last: u64,
    pub pending: Option<Pending>,
    /// Devices in running.
    pub managed: u32,
    /// Key of the hashes that stand for secrets in the audit.
    pub audit_key: Vec<u8>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Of this commit; without changes of the newest before.
    pub id: u64,
    /// In the order of the changes.
    pub devices: Vec<Numbered>,
}

/// What became of a device's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbered {
    pub number: DeviceNumber,
    /// The name has got its number by this commit: no unit of it has been heard.
    pub new: bool,
    /// It was retired and is in service again.
    pub revived: bool,
    /// No unit was ever heard and it has left running: it is retired.
    pub retired: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CommitState {
    Confirming = 1,
    Committed = 2,
    RolledBack = 3,
}

impl CommitState {
    pub fn as_str(self) -> &'static str {
        match self {
            CommitState::Confirming => "confirming",
            CommitState::Committed => "committed",
            CommitState::RolledBack => "rolled-back",
        }
    }
}

/// An entry of `/fleet/commit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub id: u64,
    pub time: Time,
    pub user: String,
    pub face: Face,
    pub label: Option<String>,
    pub state: CommitState,
    /// Rows changed.
    pub devices: u32,
}

/// The newest commit that changed a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touched {
    pub device: DeviceNumber,
    pub commit: u64,
    /// It undid a confirmed commit.
    pub rolled_back: bool,
}

/// What a device was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inverse {
    pub name: String,
    pub config: Option<String>,
}
