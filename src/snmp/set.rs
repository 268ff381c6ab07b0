//! What a SET asks for (RFC 3416 section 4.2.5): values are checked and collected, and then written all or not at all.

use std::sync::atomic::{AtomicI32, Ordering};

use crate::{
    datastore::{Datastore, Error, Owner, Tag, Transaction},
    fleet::Fleet,
    model::{DeviceNumber, Time},
};

use super::{
    ber::{Binding, tag},
    made::{Edit, Table},
    oid,
    syntax::Labels,
    usm::Level,
};

/// Why a binding cannot be set: the error status of RFC 3416.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError {
    NoAccess = 6,
    WrongType = 7,
    WrongLength = 8,
    WrongEncoding = 9,
    WrongValue = 10,
    NoCreation = 11,
    InconsistentValue = 12,
    ResourceUnavailable = 13,
    CommitFailed = 14,
    NotWritable = 17,
    InconsistentName = 18,
}

impl SetError {
    /// As v1 says it (RFC 3584 section 4.4): badValue, noSuchName or genErr.
    pub fn of_v1(self) -> i32 {
        match self {
            SetError::WrongType
            | SetError::WrongLength
            | SetError::WrongEncoding
            | SetError::WrongValue
            | SetError::InconsistentValue => 3,
            SetError::NoAccess
            | SetError::NoCreation
            | SetError::NotWritable
            | SetError::InconsistentName => 2,
            SetError::ResourceUnavailable | SetError::CommitFailed => 5,
        }
    }
}

/// A value that came.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    tag: u8,
    octets: &'a [u8],
}

impl<'a> Given<'a> {
    pub fn new(binding: &Binding<'a>) -> Self {
        Given { tag: binding.value_tag, octets: binding.value }
    }

    /// UTF-8 of at most `most` octets.
    pub fn text(&self, most: usize) -> Result<&'a str, SetError> {
        let text = str::from_utf8(self.octets(most)?).map_err(|_| SetError::WrongValue)?;
        if text.chars().any(char::is_control) { Err(SetError::WrongValue) } else { Ok(text) }
    }

    /// Words of UTF-8, of at most `most` octets with the white space around them; here with one space between two.
    pub fn words(&self, most: usize) -> Result<String, SetError> {
        let text = str::from_utf8(self.octets(most)?).map_err(|_| SetError::WrongValue)?;
        Ok(text.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Any octets, at most `most`.
    pub fn octets(&self, most: usize) -> Result<&'a [u8], SetError> {
        match self.tag {
            tag::OCTETS if self.octets.len() <= most => Ok(self.octets),
            tag::OCTETS => Err(SetError::WrongLength),
            _ => Err(SetError::WrongType),
        }
    }

    /// The arcs of an object identifier.
    pub fn oid(&self) -> Result<Vec<u32>, SetError> {
        if self.tag != tag::OID {
            return Err(SetError::WrongType);
        }
        let mut arcs = Vec::new();
        oid::decode(self.octets, &mut arcs).map_err(|_| SetError::WrongEncoding)?;
        Ok(arcs)
    }

    pub fn integer(&self) -> Result<i32, SetError> {
        if self.tag != tag::INTEGER {
            return Err(SetError::WrongType);
        }
        let Some((first, _)) = self.octets.split_first() else { return Err(SetError::WrongEncoding) };
        if self.octets.len() > 4 {
            return Err(SetError::WrongLength);
        }
        let sign = if first & 0x80 != 0 { -1 } else { 0 };
        Ok(self.octets.iter().fold(sign, |value, octet| value << 8 | i32::from(*octet)))
    }

    /// One of an enumeration.
    pub fn label(&self, labels: Labels) -> Result<i32, SetError> {
        let value = self.integer()?;
        labels.iter().any(|(_, known)| *known == value).then_some(value).ok_or(SetError::WrongValue)
    }
}

/// What is to be written, with the place of the binding that wants it, from 0.
#[derive(Debug)]
pub struct Edits {
    leaves: Vec<(usize, Leaf)>,
    /// Of rows that administrators make.
    rows: Vec<(usize, Edit)>,
    /// As they were read.
    locks: Vec<(usize, Lock, i32)>,
    /// Of the binding that is looked at.
    at: usize,
    level: Level,
}

/// A number by which managers that share the agent keep out of each other's way (TestAndIncr of RFC 2579).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// snmpSetSerialNo.
    Serial,
    /// usmUserSpinLock.
    Users,
    /// vacmViewSpinLock.
    Views,
    /// snmpTargetSpinLock.
    Targets,
}

#[derive(Debug)]
pub struct Locks([AtomicI32; 4]);

impl Locks {
    /// They begin anywhere: what was read before a restart is not what is there after it.
    pub fn new(seed: u64) -> Locks {
        Locks([0, 16, 32, 48].map(|by| AtomicI32::new((seed.rotate_left(by) as i32) & i32::MAX)))
    }

    pub fn of(&self, lock: Lock) -> i32 {
        self.0[lock as usize].load(Ordering::Relaxed)
    }

    fn count(&self, lock: Lock) {
        self.0[lock as usize].store(self.of(lock).checked_add(1).unwrap_or(0), Ordering::Relaxed);
    }
}

/// A leaf of a device in running.
#[derive(Debug, PartialEq, Eq)]
struct Leaf {
    device: DeviceNumber,
    path: Vec<String>,
    /// `None`: it goes.
    value: Option<String>,
}

impl Edits {
    pub fn new(level: Level) -> Edits {
        Edits { leaves: Vec::new(), rows: Vec::new(), locks: Vec::new(), at: 0, level }
    }

    /// The bindings that follow are those of this place.
    pub fn turn(&mut self, at: usize) {
        self.at = at;
    }

    /// Whether nobody could read the request on its way: a secret may be in it.
    pub fn is_private(&self) -> bool {
        self.level == Level::AuthPriv
    }

    /// As [`leaf`](Edits::leaf), of one that has no value rather than an empty one.
    pub fn text(&mut self, device: DeviceNumber, path: &[&str], text: &str) -> Result<(), SetError> {
        self.leaf(device, path, Some(text).filter(|text| !text.is_empty()))
    }

    /// Wants a leaf of a device, named as in its YANG module, to have a value, or to go.
    pub fn leaf(&mut self, device: DeviceNumber, path: &[&str], value: Option<&str>) -> Result<(), SetError> {
        let path: Vec<_> = path.iter().map(|step| (*step).to_owned()).collect();
        let value = value.map(str::to_owned);
        let same = |(_, leaf): &&(usize, Leaf)| leaf.device == device && leaf.path == path;
        // One name twice, or a row's Desired and its Override: which would win?
        if self.leaves.iter().find(same).is_some_and(|(_, leaf)| leaf.value != value) {
            return Err(SetError::InconsistentValue);
        }
        self.leaves.push((self.at, Leaf { device, path, value }));
        Ok(())
    }

    /// Wants an instance of a row that administrators make to be this.
    pub fn row(
        &mut self,
        table: Table,
        index: &[u32],
        column: u32,
        given: &Given<'_>,
    ) -> Result<(), SetError> {
        let wanted = table.want(column, given)?;
        self.rows.push((self.at, Edit { table, index: index.to_vec(), column, wanted }));
        Ok(())
    }

    /// The place of the first binding that is of such a row.
    pub fn first_row(&self) -> Option<usize> {
        self.rows.first().map(|(at, _)| *at)
    }

    /// The place of the first that others could have read on its way, or made; a new key of one's own is hidden in itself.
    pub fn first_open_row(&self) -> Option<usize> {
        let is_open = |(_, edit): &&(usize, Edit)| !self.is_private() && !edit.is_own_key();
        self.rows.iter().find(is_open).map(|(at, _)| *at)
    }

    /// Wants a lock to be as it was read, and then counts it on.
    pub fn lock(&mut self, lock: Lock, given: &Given<'_>) -> Result<(), SetError> {
        match given.integer()? {
            count @ 0.. => {
                self.locks.push((self.at, lock, count));
                Ok(())
            }
            _ => Err(SetError::WrongValue),
        }
    }

    /// Writes all of it, which is durable when this returns: devices as one commit, or rows by `change`. The two are kept
    /// apart, so that neither can fail behind the other.
    ///
    /// # Errors
    /// Why not, and the place of the binding.
    pub fn write(
        &self,
        locks: &Locks,
        devices: impl FnOnce() -> Result<(), (usize, SetError)>,
        change: impl FnOnce(&[(usize, Edit)]) -> Result<(), (usize, SetError)>,
    ) -> Result<(), (usize, SetError)> {
        if let Some((at, ..)) = self.locks.iter().find(|(_, lock, given)| locks.of(*lock) != *given) {
            return Err((*at, SetError::InconsistentValue));
        }
        match (self.leaves.first(), self.rows.first()) {
            (Some((leaf, _)), Some((row, _))) => {
                return Err((*leaf.max(row), SetError::ResourceUnavailable));
            }
            (Some(_), None) => devices()?,
            (None, Some(_)) => change(&self.rows)?,
            (None, None) => {}
        }
        self.locks.iter().for_each(|(_, lock, _)| locks.count(*lock));
        Ok(())
    }

    /// Writes what is wanted of devices as one commit.
    ///
    /// # Errors
    /// Why not, and the place of the binding.
    pub fn commit(
        &self,
        datastore: &Datastore,
        fleet: &Fleet,
        owner: Owner,
        now: Time,
    ) -> Result<(), (usize, SetError)> {
        let Some((first, _)) = self.leaves.first() else { return Ok(()) };
        let mut transaction = datastore.begin(owner).map_err(|error| (*first, status(&error)))?;
        for (at, leaf) in &self.leaves {
            stage(&mut transaction, fleet, leaf).map_err(|error| (*at, error))?;
        }
        transaction.commit(None, now).map(drop).map_err(|errors| {
            let error = errors.first().map_or(SetError::CommitFailed, status);
            (*first, error)
        })
    }
}

/// A device that was only heard comes into running with the first thing that is said of it.
fn stage(transaction: &mut Transaction<'_>, fleet: &Fleet, leaf: &Leaf) -> Result<(), SetError> {
    let name = fleet.row(leaf.device, |row| row.name().to_owned()).ok_or(SetError::NoCreation)?;
    let path: Vec<_> = leaf.path.iter().map(String::as_str).collect();
    let value = leaf.value.as_deref();
    let staged = match transaction.set(&name, &path, value) {
        Err(error) if error.tag == Tag::DataMissing => match value {
            None => Ok(()),
            Some(_) => transaction.create(&name).and_then(|()| transaction.set(&name, &path, value)),
        },
        staged => staged,
    };
    staged.map_err(|error| status(&error))
}

fn status(error: &Error) -> SetError {
    match error.tag {
        Tag::InvalidValue => SetError::WrongValue,
        Tag::UnknownElement | Tag::OperationNotSupported => SetError::NoCreation,
        Tag::TooBig | Tag::ResourceDenied => SetError::ResourceUnavailable,
        Tag::OperationFailed if error.app_tag.is_none() => SetError::CommitFailed,
        // Somebody has locked running, a confirmed commit waits, or what would then stand there is no valid whole.
        _ => SetError::InconsistentValue,
    }
}
