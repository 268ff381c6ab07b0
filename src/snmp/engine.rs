//! The SNMP engine (RFC 3411 section 3.1): its identifier, and how often it has booted, in a file of their own.

use std::{
    fmt, io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use crate::{
    model::{DeviceNumber, Time},
    secret,
};

/// 32473 with the first bit set, and format 5: octets of our own (RFC 3411, SnmpEngineID).
const HEAD: [u8; 5] = [0x80, 0x00, 0x7e, 0xd9, 0x05];
const ID_OCTETS: usize = HEAD.len() + 12;

#[derive(Clone, Debug)]
pub struct Engine {
    id: [u8; ID_OCTETS],
    boots: i32,
    started: Time,
    /// Milliseconds by which the clock has been set since.
    clock_set: Arc<AtomicI64>,
    /// Whether the boots are on disk: only then may v3 be spoken.
    saved: bool,
}

/// snmpEngineID of the bridge, or of a device at an address or port of its own: the bridge's and the device's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineId {
    octets: [u8; ID_OCTETS + 4],
    device: Option<DeviceNumber>,
}

impl EngineId {
    pub fn octets(&self) -> &[u8] {
        &self.octets[..ID_OCTETS + if self.device.is_some() { 4 } else { 0 }]
    }

    /// Whose engine it is, if not the bridge's.
    pub fn device(&self) -> Option<DeviceNumber> {
        self.device
    }
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("{path}: {source}")]
    Io { path: String, source: io::Error },
    #[error(
        "{path}: not an engine file: it has one line `engine-id = 80007ed905 and 24 more hexadecimal digits` and one \
         line `boots = N`. Restore it from a copy; a new one makes this bridge another engine to its managers"
    )]
    Malformed { path: String },
    #[error("the system gives no random octets: {0}")]
    Random(String),
}

impl Engine {
    /// Reads the file, or makes an engine if there is none, counts this start and writes it back before it returns.
    ///
    /// # Errors
    /// The file cannot be read or understood, or cannot be written: then nobody may rely on `boots`, and SNMPv3 must
    /// stay off. v1 and v2c can go on with [`Engine::unsaved`].
    pub fn load(path: &Path, now: Time) -> Result<Self, EngineError> {
        let io = |source| EngineError::Io { path: path.display().to_string(), source };
        let engine = match secret::open_regular(path).and_then(io::read_to_string) {
            Ok(text) => {
                let (id, boots) = parse(&text)
                    .ok_or_else(|| EngineError::Malformed { path: path.display().to_string() })?;
                // At the end they stay (RFC 3414 section 2.2.2).
                Engine {
                    id,
                    boots: boots.saturating_add(1),
                    started: now,
                    clock_set: Arc::default(),
                    saved: false,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::unsaved(now)?,
            Err(error) => return Err(io(error)),
        };
        engine.save(path).map_err(io)?;
        Ok(Engine { saved: true, ..engine })
    }

    /// A new engine, known only to this process.
    ///
    /// # Errors
    /// No random octets.
    pub fn unsaved(now: Time) -> Result<Self, EngineError> {
        let mut id = [0; ID_OCTETS];
        let (head, own) = id.split_at_mut(HEAD.len());
        head.copy_from_slice(&HEAD);
        getrandom::fill(own).map_err(|error| EngineError::Random(error.to_string()))?;
        Ok(Engine { id, boots: 1, started: now, clock_set: Arc::default(), saved: false })
    }

    /// snmpEngineID.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// Whether SNMPv3 may be spoken.
    pub fn is_saved(&self) -> bool {
        self.saved
    }

    /// The engine that answers for a device at its own address or port, or for the bridge.
    pub fn of(&self, device: Option<DeviceNumber>) -> EngineId {
        let mut octets = [0; ID_OCTETS + 4];
        octets[..ID_OCTETS].copy_from_slice(&self.id);
        octets[ID_OCTETS..].copy_from_slice(&device.unwrap_or(0).to_be_bytes());
        EngineId { octets, device }
    }

    /// snmpEngineBoots.
    pub fn boots(&self) -> i32 {
        self.boots
    }

    /// snmpEngineTime: seconds since the start.
    pub fn time(&self, now: Time) -> i32 {
        i32::try_from(now.since(self.started()) / 1000).unwrap_or(i32::MAX)
    }

    /// By the clock as it is now.
    pub fn started(&self) -> Time {
        self.started.shifted(self.clock_set.load(Ordering::Relaxed))
    }

    /// The clock has been set by so many milliseconds since the start: what has run for some time has still.
    pub fn set_clock(&self, millis: i64) {
        self.clock_set.store(millis, Ordering::Relaxed);
    }

    fn save(&self, path: &Path) -> io::Result<()> {
        let text = format!(
            "engine-id = {self}
boots = {}
",
            self.boots
        );
        secret::replace_file(path, text.as_bytes())
    }
}

/// Its identifier in hexadecimal digits.
impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// Where the salts of encrypted messages begin: none is to come again after a start.
///
/// # Errors
/// No random octets.
pub fn random_salt() -> Result<u64, EngineError> {
    getrandom::u64().map_err(|error| EngineError::Random(error.to_string()))
}

fn parse(text: &str) -> Option<([u8; ID_OCTETS], i32)> {
    let mut lines = text.lines();
    let id = lines.next()?.strip_prefix("engine-id = ")?;
    let boots = lines.next()?.strip_prefix("boots = ")?.parse().ok().filter(|boots| *boots >= 1)?;
    if lines.next().is_some()
        || id.len() != 2 * ID_OCTETS
        || !id.bytes().all(|digit| digit.is_ascii_hexdigit())
    {
        return None;
    }
    let mut octets = [0; ID_OCTETS];
    for (octet, digits) in octets.iter_mut().zip(id.as_bytes().chunks(2)) {
        *octet = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    octets.starts_with(&HEAD).then_some((octets, boots))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn boots_count_up_and_the_id_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snmp-engine");
        let first = Engine::load(&path, Time::from_secs(10)).unwrap();
        assert!(first.id().starts_with(&[0x80, 0, 0x7e, 0xd9, 5]) && first.id().len() == 17);
        assert_eq!((first.boots(), first.time(Time::from_secs(73))), (1, 63));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // What a crash in the middle of a write leaves does no harm.
        fs::write(folder.path().join("snmp-engine.new"), "half").unwrap();
        let second = Engine::load(&path, Time::from_secs(20)).unwrap();
        assert_eq!((second.id(), second.boots()), (first.id(), 2));
    }

    #[test]
    fn boots_stay_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snmp-engine");
        let text = format!("engine-id = 80007ed905{}\nboots = 2147483647\n", "0a".repeat(12));
        fs::write(&path, &text).unwrap();
        assert_eq!(Engine::load(&path, Time::NEVER).unwrap().boots(), i32::MAX);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_damaged_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snmp-engine");
        for text in ["", "engine-id = 80\nboots = 1\n", "boots = 1", "engine-id = 8\u{fc}\nboots = 0"] {
            fs::write(&path, text).unwrap();
            assert!(
                matches!(Engine::load(&path, Time::NEVER), Err(EngineError::Malformed { .. })),
                "{text:?}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let nowhere = folder.path().join("none/snmp-engine");
        let error = Engine::load(&nowhere, Time::NEVER).unwrap_err().to_string();
        assert!(error.contains("none/snmp-engine"), "{error}");
    }
}
