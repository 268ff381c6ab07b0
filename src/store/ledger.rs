//! Which numbers were given, in a file of its own: a config.db that is put back from a copy, or saved from damage, learns
//! from it what it does not know any more.
//!
//! ```text
//! store IDENTITY              of config.db
//! device N                    no number above has been given
//! event N                     no number above has been given
//! adapter N NAME, profile N NAME, point PROFILE N NAME, setting PROFILE N NAME
//! ```
//! Each line ends with its checksum, and one that is damaged or was cut short is not believed. Lines are appended and synced
//! before anybody can see what they tell; a file that has grown is written anew, whole or not at all.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{StoreError, database};
use crate::model::{DeviceNumber, MAX_DEVICE_NUMBER, fnv1a};

pub(super) const FILE: &str = "numbers";

/// Octets that are read: far more than all names of 65,535 points.
const LONGEST: u64 = 64 << 20;
/// Octets by which a file grows beyond what it tells, until it is written anew.
const SLACK: u64 = 64 << 10;
/// No event comes near this number.
pub(super) const MOST_EVENTS: u64 = 1 << 53;

/// What has a name and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Adapter,
    Profile,
    /// Of the profile with this number.
    Point(u32),
    Setting(u32),
}

pub(super) type Names = BTreeMap<(Subject, String), u32>;

/// What the file tells.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub identity: Option<String>,
    /// 0: none.
    pub devices: DeviceNumber,
    pub events: Option<u64>,
    pub names: Names,
    /// How many lines are not believed.
    pub damaged: usize,
}

#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    /// `None`: there is no file yet.
    file: Option<File>,
    told: Told,
    /// Lines that are not in the file yet.
    pending: String,
    /// The file may end in the middle of a line.
    torn: bool,
    length: u64,
    /// Longer, it is written anew.
    limit: u64,
}

impl Ledger {
    /// # Errors
    /// The file cannot be read or written, or is none.
    pub fn open(folder: &Path) -> Result<Ledger, StoreError> {
        let path = folder.join(FILE);
        let found = read(&path)?;
        let mut ledger = Ledger {
            path,
            file: None,
            told: Told::default(),
            pending: String::new(),
            torn: true,
            length: 0,
            limit: 0,
        };
        if let Some((told, length)) = found {
            ledger.told = told;
            ledger.length = length;
            ledger.limit = ledger.text().len() as u64 + SLACK;
            let open = || {
                database::restrict(&ledger.path)?;
                OpenOptions::new().append(true).open(&ledger.path)
            };
            ledger.file = Some(open().map_err(|error| StoreError::io(&ledger.path, &error))?);
        }
        Ok(ledger)
    }

    pub fn is_new(&self) -> bool {
        self.file.is_none()
    }

    pub fn told(&self) -> &Told {
        &self.told
    }

    /// The names are another store's; the highest numbers are kept, for they may have been seen.
    pub fn belong_to(&mut self, identity: &str) {
        if self.told.identity.as_deref().is_some_and(|other| other != identity) {
            self.told.names.clear();
            self.file = None;
        }
        if self.told.identity.as_deref() != Some(identity) {
            self.told.identity = Some(identity.to_owned());
            self.add(&format!("store {identity}"));
        }
    }

    /// See [`keep`](Ledger::keep), as for all that is noted.
    pub fn note_name(&mut self, subject: Subject, name: &str, number: u32) {
        let known = self.told.names.get(&(subject, name.to_owned()));
        // No line could hold such a name, and none of ours is like that.
        if known != Some(&number) && !name.contains('\n') {
            self.told.names.insert((subject, name.to_owned()), number);
            self.add(&name_line(subject, name, number));
        }
    }

    pub fn note_events(&mut self, last: u64) {
        if self.told.events.is_none_or(|told| last > told) {
            self.told.events = Some(last);
            self.add(&format!("event {last}"));
        }
    }

    pub fn note_devices(&mut self, highest: DeviceNumber) {
        if highest > self.told.devices {
            self.told.devices = highest;
            self.add(&format!("device {highest}"));
        }
    }

    /// Makes durable what was noted; costs nothing if that is nothing.
    ///
    /// # Errors
    /// The disk's; what was noted waits for the next call.
    pub fn keep(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() && self.file.is_some() {
            return Ok(());
        }
        let grown = self.length + self.pending.len() as u64 > self.limit;
        if grown && self.rewrite().is_ok() {
            return Ok(());
        }
        let written = if self.file.is_some() { self.append() } else { self.rewrite() };
        written.map_err(|error| StoreError::io(&self.path, &error))
    }

    /// Takes back the numbers of events above `last`, which nobody has seen.
    ///
    /// # Errors
    /// The disk's; they stay promised then.
    pub fn settle_events(&mut self, last: u64) -> Result<(), StoreError> {
        let former = self.told.events.replace(last);
        if former == Some(last) {
            return self.keep();
        }
        self.rewrite().map_err(|error| {
            self.told.events = former;
            StoreError::io(&self.path, &error)
        })
    }

    fn add(&mut self, line: &str) {
        self.pending.push_str(&checked(line));
    }

    fn append(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let start = if self.torn { "\n" } else { "" };
        self.torn = true;
        file.write_all(format!("{start}{}", self.pending).as_bytes())?;
        file.sync_data()?;
        self.torn = false;
        self.length += (start.len() + self.pending.len()) as u64;
        self.pending.clear();
        Ok(())
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let text = self.text();
        let new = database::with_suffix(&self.path, ".new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        self.file = Some(file);
        self.torn = false;
        self.pending.clear();
        self.length = text.len() as u64;
        self.limit = self.length + SLACK;
        database::sync_folder(self.path.parent().unwrap_or(Path::new(".")))
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let Told { identity, devices, events, names, .. } = &self.told;
        let mut add = |line: &str| text.push_str(&checked(line));
        if let Some(identity) = identity {
            add(&format!("store {identity}"));
        }
        if *devices > 0 {
            add(&format!("device {devices}"));
        }
        if let Some(events) = events {
            add(&format!("event {events}"));
        }
        for ((subject, name), number) in names {
            add(&name_line(*subject, name, *number));
        }
        text
    }
}

/// What the file tells, and how long it is. `None`: there is none.
///
/// # Errors
/// It cannot be read, or is no regular file.
pub(super) fn read(path: &Path) -> Result<Option<(Told, u64)>, StoreError> {
    database::regular_file(path)?;
    let failed = |error| StoreError::io(path, &error);
    let file = match File::open(path) {
        // Nor is there one in what is no folder; whoever opens the store there says so.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        other => other.map_err(failed)?,
    };
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
    let mut told = Told::default();
    for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        if str::from_utf8(line).ok().and_then(|line| told.believe(line)).is_none() {
            told.damaged += 1;
        }
    }
    Ok(Some((told, bytes.len() as u64)))
}

/// # Errors
/// Some of it is not believed; it cannot be read, or is no regular file.
pub(super) fn inspect(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(FILE);
    match read(&path)? {
        Some((Told { damaged, .. }, _)) if damaged > 0 => {
            Err(StoreError::Damaged { path, reason: format!("{damaged} of its lines") })
        }
        _ => Ok(()),
    }
}

impl Told {
    fn believe(&mut self, line: &str) -> Option<()> {
        let (body, checksum) = line.rsplit_once(' ')?;
        if checksum != format!("{:016x}", fnv1a(body.as_bytes())) {
            return None;
        }
        let (subject, rest) = body.split_once(' ')?;
        match subject {
            "store" => self.identity = Some(rest.to_owned()),
            "device" => {
                let number = rest.parse().ok().filter(|number| (1..=MAX_DEVICE_NUMBER).contains(number))?;
                self.devices = self.devices.max(number);
            }
            "event" => {
                self.events = self.events.max(Some(rest.parse().ok().filter(|last| *last <= MOST_EVENTS)?));
            }
            "adapter" => self.name(Subject::Adapter, rest)?,
            "profile" => self.name(Subject::Profile, rest)?,
            "point" | "setting" => {
                let (profile, rest) = rest.split_once(' ')?;
                let profile = profile.parse().ok()?;
                let subject =
                    if subject == "point" { Subject::Point(profile) } else { Subject::Setting(profile) };
                self.name(subject, rest)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn name(&mut self, subject: Subject, rest: &str) -> Option<()> {
        let (number, name) = rest.split_once(' ')?;
        self.names.insert((subject, name.to_owned()), number.parse().ok()?);
        Some(())
    }
}

fn name_line(subject: Subject, name: &str, number: u32) -> String {
    match subject {
        Subject::Adapter => format!("adapter {number} {name}"),
        Subject::Profile => format!("profile {number} {name}"),
        Subject::Point(profile) => format!("point {profile} {number} {name}"),
        Subject::Setting(profile) => format!("setting {profile} {number} {name}"),
    }
}

fn checked(line: &str) -> String {
    let mut text = line.to_owned();
    let _ = writeln!(text, " {:016x}", fnv1a(line.as_bytes()));
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn filled(folder: &Path) -> Ledger {
        let mut ledger = Ledger::open(folder).unwrap();
        ledger.belong_to("abc");
        ledger.note_name(Subject::Profile, "plug", 1);
        ledger.note_name(Subject::Point(1), "power now", 2);
        ledger.note_events(4096);
        ledger.note_devices(7);
        ledger.keep().unwrap();
        ledger
    }

    #[test]
    fn what_was_noted_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut ledger = filled(folder.path());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for number in 8..5000 {
            ledger.note_devices(number);
            ledger.note_devices(3);
            ledger.keep().unwrap();
        }
        assert!(fs::metadata(&path).unwrap().len() < 2 * SLACK);
        drop(ledger);
        let mut ledger = Ledger::open(folder.path()).unwrap();
        let told = ledger.told();
        assert_eq!((told.devices, told.events, told.damaged), (4999, Some(4096), 0));
        assert_eq!(told.identity.as_deref(), Some("abc"));
        assert_eq!(told.names[&(Subject::Point(1), "power now".to_owned())], 2);
        ledger.settle_events(5).unwrap();
        assert_eq!(Ledger::open(folder.path()).unwrap().told().events, Some(5));
        ledger.belong_to("other");
        ledger.keep().unwrap();
        let ledger = Ledger::open(folder.path()).unwrap();
        assert_eq!((ledger.told().devices, ledger.told().names.len()), (4999, 0));
    }

    #[test]
    fn a_flipped_bit_is_never_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        drop(filled(folder.path()));
        let whole = fs::read(&path).unwrap();
        for bit in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bytes).unwrap();
            let (told, _) = read(&path).unwrap().unwrap();
            assert!(told.damaged > 0, "bit {bit}");
            assert!([0, 7].contains(&told.devices) && told.events.is_none_or(|last| last == 4096));
            assert!(told.names.values().all(|number| [1, 2].contains(number)));
        }
    }

    #[test]
    fn a_line_that_was_cut_short_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        drop(filled(folder.path()));
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend(b"device 9");
        fs::write(&path, &bytes).unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        assert_eq!((ledger.told().devices, ledger.told().damaged), (7, 1));
        ledger.note_devices(8);
        ledger.keep().unwrap();
        assert_eq!(Ledger::open(folder.path()).unwrap().told().devices, 8);
    }
}
