//! The kinds of notifications, as the boot file names them.

use crate::{
    journal::EventKind,
    model::{DeviceNumber, Standing},
    snmp::{
        mib::{
            entity::CONFIG_CHANGE,
            fleetbridge::{
                ADAPTER_DOWN, ADAPTER_UP, DEVICE_LOST, DEVICE_RETURNED, SETTING_APPLIED, SETTING_FAILED,
            },
            snmpv2::{AUTHENTICATION_FAILURE, COLD_START, WARM_START},
        },
        oid::Prefix,
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Start,
    DeviceLost,
    DeviceReturned,
    AdapterDown,
    AdapterUp,
    SettingFailed,
    SettingApplied,
    /// Devices came or went, or what inventories keep of one has changed (entConfigChange).
    ConfigChange,
    /// Somebody asked who may not; no event of the journal.
    AuthenticationFailure,
}

impl Kind {
    pub const COUNT: usize = 9;

    pub const ALL: [Kind; Kind::COUNT] = [
        Kind::Start,
        Kind::DeviceLost,
        Kind::DeviceReturned,
        Kind::AdapterDown,
        Kind::AdapterUp,
        Kind::SettingFailed,
        Kind::SettingApplied,
        Kind::ConfigChange,
        Kind::AuthenticationFailure,
    ];

    /// `None`: an event that SNMP does not tell.
    pub fn of(event: &EventKind) -> Option<Kind> {
        match event {
            EventKind::Started { .. } => Some(Kind::Start),
            EventKind::DeviceLost { .. } => Some(Kind::DeviceLost),
            EventKind::DeviceReturned { .. } => Some(Kind::DeviceReturned),
            EventKind::AdapterDown { .. } => Some(Kind::AdapterDown),
            EventKind::AdapterUp { .. } => Some(Kind::AdapterUp),
            EventKind::SettingChanged { standing: Standing::InSync | Standing::Effective, .. } => {
                Some(Kind::SettingApplied)
            }
            EventKind::SettingChanged { .. } => Some(Kind::SettingFailed),
            EventKind::DeviceLearned { .. }
            | EventKind::DeviceRetired { .. }
            | EventKind::DeviceChanged { .. } => Some(Kind::ConfigChange),
            EventKind::Committed { .. }
            | EventKind::CommitSettled { .. }
            | EventKind::ConfirmedCommit { .. }
            | EventKind::SessionStarted { .. }
            | EventKind::SessionEnded { .. } => None,
        }
    }

    /// The value of snmpTrapOID.0 for an event.
    pub fn oid(event: &EventKind) -> Option<&'static Prefix> {
        Some(match Kind::of(event)? {
            Kind::Start if matches!(event, EventKind::Started { cold: true }) => &COLD_START,
            Kind::Start => &WARM_START,
            Kind::DeviceLost => &DEVICE_LOST.oid,
            Kind::DeviceReturned => &DEVICE_RETURNED.oid,
            Kind::AdapterDown => &ADAPTER_DOWN.oid,
            Kind::AdapterUp => &ADAPTER_UP.oid,
            Kind::SettingFailed => &SETTING_FAILED.oid,
            Kind::SettingApplied => &SETTING_APPLIED.oid,
            Kind::ConfigChange => &CONFIG_CHANGE,
            Kind::AuthenticationFailure => &AUTHENTICATION_FAILURE,
        })
    }

    /// The device that tells of an event. That devices come and go is told by the bridge: it is what changes then.
    pub fn device(event: &EventKind) -> Option<DeviceNumber> {
        match event {
            EventKind::DeviceLearned { .. } | EventKind::DeviceRetired { .. } => None,
            event => event.device(),
        }
    }

    /// The names of its notifications.
    pub const fn oids(self) -> &'static [&'static Prefix] {
        match self {
            Kind::Start => &[&COLD_START, &WARM_START],
            Kind::DeviceLost => &[&DEVICE_LOST.oid],
            Kind::DeviceReturned => &[&DEVICE_RETURNED.oid],
            Kind::AdapterDown => &[&ADAPTER_DOWN.oid],
            Kind::AdapterUp => &[&ADAPTER_UP.oid],
            Kind::SettingFailed => &[&SETTING_FAILED.oid],
            Kind::SettingApplied => &[&SETTING_APPLIED.oid],
            Kind::ConfigChange => &[&CONFIG_CHANGE],
            Kind::AuthenticationFailure => &[&AUTHENTICATION_FAILURE],
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Start => "start",
            Kind::DeviceLost => "device-lost",
            Kind::DeviceReturned => "device-returned",
            Kind::AdapterDown => "adapter-down",
            Kind::AdapterUp => "adapter-up",
            Kind::SettingFailed => "setting-failed",
            Kind::SettingApplied => "setting-applied",
            Kind::ConfigChange => "config-change",
            Kind::AuthenticationFailure => "authentication-failure",
        }
    }
}

/// A set of them; by default those that tell of trouble and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    pub fn has(self, kind: Kind) -> bool {
        self.0 >> kind as u8 & 1 == 1
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Default for Kinds {
    fn default() -> Self {
        Kind::ALL
            .into_iter()
            .filter(|kind| {
                !matches!(kind, Kind::SettingApplied | Kind::ConfigChange | Kind::AuthenticationFailure)
            })
            .collect()
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<T: IntoIterator<Item = Kind>>(kinds: T) -> Self {
        Kinds(kinds.into_iter().fold(0, |set, kind| set | 1 << kind as u8))
    }
}
