//! A profile as the fleet and both northbounds see it. How a payload becomes a report is the southbound's own part of
//! the profile file (`southbound::profile`), which compiles to these and to a decoder.

use serde::{Deserialize, Serialize};

use super::{PointType, SettingDef, Time};

/// Index into [`Profiles`]; valid for the life of the process (the stored id is [`Profile::stored_id`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ProfileId(pub u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PointKind {
    Gauge,
    Counter,
    State,
}

/// What a point is to a management tool beside a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    BatteryCharge,
    BatteryVoltage,
    BatteryCurrent,
    BatteryTemperature,
    /// What the device counts on its uplink.
    OctetsReceived,
    OctetsSent,
    PacketsReceived,
    PacketsSent,
    MemorySize,
    MemoryUsed,
    MemoryFree,
    ProcessorLoad,
    /// Whether it is connected.
    Antenna,
}

impl Role {
    pub const ALL: [(&'static str, Role); 13] = [
        ("battery-charge", Role::BatteryCharge),
        ("battery-voltage", Role::BatteryVoltage),
        ("battery-current", Role::BatteryCurrent),
        ("battery-temperature", Role::BatteryTemperature),
        ("octets-received", Role::OctetsReceived),
        ("octets-sent", Role::OctetsSent),
        ("packets-received", Role::PacketsReceived),
        ("packets-sent", Role::PacketsSent),
        ("memory-size", Role::MemorySize),
        ("memory-used", Role::MemoryUsed),
        ("memory-free", Role::MemoryFree),
        ("processor-load", Role::ProcessorLoad),
        ("antenna", Role::Antenna),
    ];

    pub fn is_of_battery(self) -> bool {
        matches!(
            self,
            Role::BatteryCharge | Role::BatteryVoltage | Role::BatteryCurrent | Role::BatteryTemperature
        )
    }
}

/// By what a device is connected: IANAifType.
pub const INTERFACES: [(&str, u16); 6] =
    [("virtual", 53), ("ethernet", 6), ("wifi", 71), ("cellular", 243), ("ieee802154", 259), ("other", 1)];

/// propVirtual: nobody knows what it is.
pub const UNKNOWN_INTERFACE: u16 = 53;

/// Something that a device measures or states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointDef {
    /// fbPointIndex: stored for (profile, name), never renumbered, never reused. 0 until the store has given it.
    pub number: u16,
    pub name: String,
    #[serde(rename = "type")]
    pub ty: PointType,
    pub kind: PointKind,
    /// As in the profile file, for example `celsius`; empty if none.
    pub unit: String,
    /// Value = integer x 10^-digits; 0 for all types but decimal.
    pub digits: i8,
    pub role: Option<Role>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SoftwareDef {
    pub component: String,
}

/// When a silent device is late and when it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PresenceRule {
    /// Milliseconds between two messages of a healthy device; 0: silence alone says nothing.
    pub interval: u64,
    /// So many intervals without a message make it lost.
    pub missed: u32,
}

impl PresenceRule {
    /// Milliseconds of silence after which the device is late; `None` if silence says nothing.
    pub fn late_after(&self) -> Option<u64> {
        (self.interval > 0).then_some(self.interval + self.interval / 2)
    }

    /// Milliseconds of silence after which the device is lost.
    pub fn lost_after(&self) -> Option<u64> {
        (self.interval > 0).then(|| self.interval.saturating_mul(u64::from(self.missed.max(1))))
    }

    /// Milliseconds after which a value is stale; `None`: values do not age.
    pub fn stale_after(&self) -> Option<u64> {
        self.lost_after()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    pub name: String,
    pub revision: String,
    /// The number of a shipped profile (fbShippedProfiles.N); `None` for a user's own (fbOwnProfiles.stored_id).
    pub product: Option<u32>,
    /// The row id in the store; 0 until the store has given it.
    pub stored_id: u32,
    pub class: String,
    /// ifType of its uplink, one of [`INTERFACES`].
    pub interface: u16,
    pub manufacturer: String,
    pub model: String,
    /// Sorted by number once the store has given numbers; the index here is the `slot` of reports and columns.
    pub points: Vec<PointDef>,
    /// Sorted by number as the points are.
    pub settings: Vec<SettingDef>,
    pub software: Vec<SoftwareDef>,
    pub presence: PresenceRule,
}

/// The profile of devices that were made before anybody knew what they are; no file can have this name.
pub const NO_PROFILE: &str = "-";

impl Profile {
    /// Nobody knows yet what its devices are.
    pub fn is_unknown(&self) -> bool {
        self.name == NO_PROFILE
    }

    /// A profile whose file is gone but whose devices are still known: they keep name and number, and show no points.
    pub fn forgotten(name: &str, stored_id: u32) -> Profile {
        Profile {
            name: name.to_owned(),
            revision: String::new(),
            product: None,
            stored_id,
            class: String::new(),
            interface: UNKNOWN_INTERFACE,
            manufacturer: String::new(),
            model: String::new(),
            points: Vec::new(),
            settings: Vec::new(),
            software: Vec::new(),
            presence: PresenceRule { interval: 0, missed: 0 },
        }
    }

    /// The slot of the point with this number.
    pub fn slot(&self, number: u16) -> Option<u16> {
        self.points.binary_search_by_key(&number, |point| point.number).ok().map(|slot| slot as u16)
    }

    /// The setting with this number.
    pub fn setting(&self, number: u16) -> Option<&SettingDef> {
        let at = self.settings.binary_search_by_key(&number, |setting| setting.number).ok()?;
        self.settings.get(at)
    }

    /// The age in milliseconds at `now` past which a value from `time` is stale.
    pub fn is_stale(&self, time: Time, now: Time) -> bool {
        self.presence.stale_after().is_some_and(|limit| now.since(time) > limit)
    }
}

/// All profiles of this process, in the order of their [`ProfileId`]s.
#[derive(Clone, Debug, Default)]
pub struct Profiles(Vec<Profile>);

impl Profiles {
    /// Sorts each profile's points and settings by number. At most 65,535 profiles.
    pub fn new(mut list: Vec<Profile>) -> Self {
        list.truncate(usize::from(u16::MAX));
        for profile in &mut list {
            profile.points.sort_by_key(|point| point.number);
            profile.settings.sort_by_key(|setting| setting.number);
        }
        Profiles(list)
    }

    pub fn by_name(&self, name: &str) -> Option<ProfileId> {
        self.0.iter().position(|profile| profile.name == name).map(|at| ProfileId(at as u16))
    }

    pub fn by_stored_id(&self, stored_id: u32) -> Option<ProfileId> {
        self.0.iter().position(|profile| profile.stored_id == stored_id).map(|at| ProfileId(at as u16))
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ProfileId, &Profile)> {
        self.0.iter().enumerate().map(|(at, profile)| (ProfileId(at as u16), profile))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::ops::Index<ProfileId> for Profiles {
    type Output = Profile;

    fn index(&self, id: ProfileId) -> &Profile {
        &self.0[usize::from(id.0)]
    }
}
