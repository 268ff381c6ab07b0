//! What is known of a device besides its points.

use serde::{Deserialize, Serialize};

use super::{ProfileId, Time};

/// A device's number for ever: SNMP index, SQLite rowid and order of all lists. 1..=[`MAX_DEVICE_NUMBER`].
pub type DeviceNumber = u32;

pub const MAX_DEVICE_NUMBER: DeviceNumber = 2_097_151;

/// The stored number of an adapter (fbAdapterIndex), from 1.
pub type AdapterId = u16;

/// Whether a device is heard. The discriminants are those of FbPresence in FLEETBRIDGE-MIB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Presence {
    /// It has a number and has not been heard yet.
    #[default]
    NeverSeen = 1,
    Online = 2,
    /// Its interval has passed, its missed count has not.
    Late = 3,
    Lost = 4,
    /// It said that it sleeps.
    Sleeping = 5,
    /// Its parent is lost.
    Unreachable = 6,
    Retired = 7,
}

impl Presence {
    pub const ALL: [Presence; 7] = [
        Presence::NeverSeen,
        Presence::Online,
        Presence::Late,
        Presence::Lost,
        Presence::Sleeping,
        Presence::Unreachable,
        Presence::Retired,
    ];

    pub fn from_code(code: u8) -> Option<Presence> {
        Presence::ALL.get(usize::from(code).wrapping_sub(1)).copied()
    }

    /// Missing = lost and unreachable; never-seen is counted apart.
    pub fn is_missing(self) -> bool {
        matches!(self, Presence::Lost | Presence::Unreachable)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Presence::NeverSeen => "never-seen",
            Presence::Online => "online",
            Presence::Late => "late",
            Presence::Lost => "lost",
            Presence::Sleeping => "sleeping",
            Presence::Unreachable => "unreachable",
            Presence::Retired => "retired",
        }
    }
}

/// The discriminants are those of FbHealth in FLEETBRIDGE-MIB. Unknown until alarms exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Health {
    Ok = 1,
    Warning = 2,
    Failing = 3,
    Unknown = 4,
}

/// A text that is known of a device. The discriminants are stored: never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Attribute {
    Manufacturer = 0,
    Model = 1,
    Serial = 2,
    Mac = 3,
    /// The device's own IP address as it reports it, in text.
    Address = 4,
    HardwareRevision = 5,
    Firmware = 6,
    Software = 7,
    Site = 8,
    Location = 9,
    Alias = 10,
    AssetTag = 11,
}

impl Attribute {
    pub const COUNT: usize = 12;
    pub const ALL: [Attribute; Attribute::COUNT] = [
        Attribute::Manufacturer,
        Attribute::Model,
        Attribute::Serial,
        Attribute::Mac,
        Attribute::Address,
        Attribute::HardwareRevision,
        Attribute::Firmware,
        Attribute::Software,
        Attribute::Site,
        Attribute::Location,
        Attribute::Alias,
        Attribute::AssetTag,
    ];

    /// What management tools keep of a device that is a host there.
    pub fn is_of_host(self) -> bool {
        use Attribute::*;
        !matches!(self, Mac | Address)
    }

    /// The key in a profile's `[identity]`.
    pub fn as_str(self) -> &'static str {
        match self {
            Attribute::Manufacturer => "manufacturer",
            Attribute::Model => "model",
            Attribute::Serial => "serial",
            Attribute::Mac => "mac",
            Attribute::Address => "address",
            Attribute::HardwareRevision => "hardware-revision",
            Attribute::Firmware => "firmware",
            Attribute::Software => "software",
            Attribute::Site => "site",
            Attribute::Location => "location",
            Attribute::Alias => "alias",
            Attribute::AssetTag => "asset-tag",
        }
    }
}

/// What makes a device this device; durable (synchronous=FULL) before any manager sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRecord {
    pub number: DeviceNumber,
    pub name: String,
    pub profile: ProfileId,
    /// 0 if no adapter is configured for it any more.
    pub adapter: AdapterId,
    /// How the adapter knows it; unique within (adapter, profile).
    pub southbound_id: String,
    pub learned: Time,
    pub retired: bool,
}

/// The device name for a southbound id: the id itself where it is a legal name (1..64 of `[A-Za-z0-9_.:-]`, not
/// starting with `.`, `:` or `-`), else every other character becomes `_` and a hash of the id is appended, so that two ids never
/// become one name by accident and the same id always becomes the same name.
pub fn name_from_id(id: &str) -> std::borrow::Cow<'_, str> {
    let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b':' | b'-');
    let first_legal = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    if (1..=64).contains(&id.len()) && id.bytes().all(legal) && id.bytes().next().is_some_and(first_legal) {
        return id.into();
    }
    let mut name: String =
        id.chars().take(55).map(|c| if c.is_ascii() && legal(c as u8) { c } else { '_' }).collect();
    if !name.bytes().next().is_some_and(first_legal) {
        name.insert(0, '_');
    }
    name.push_str(&format!("-{:07x}", fnv1a(id.as_bytes()) & 0xfff_ffff));
    name.into()
}

/// FNV-1a: stable for ever, unlike the standard library's hasher.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_ids() {
        assert_eq!(name_from_id("plug-0042"), "plug-0042");
        assert_eq!(name_from_id("00:11:22"), "00:11:22");
        for odd in ["", "-x", "a b", "süd", &"x".repeat(65), "a/b"] {
            let name = name_from_id(odd);
            assert!((1..=64).contains(&name.len()), "{odd} -> {name}");
            assert_eq!(name_from_id(&name), name, "a made name is legal");
        }
        assert_ne!(name_from_id("a b"), name_from_id("a/b"));
    }

    #[test]
    fn codes_round_trip() {
        for presence in Presence::ALL {
            assert_eq!(Presence::from_code(presence as u8), Some(presence));
        }
        assert_eq!(Presence::from_code(0), None);
        assert_eq!(Presence::from_code(8), None);
    }
}
