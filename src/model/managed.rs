//! What managers say of a device besides its settings.

use serde::{Deserialize, Serialize};

use super::Attribute;

/// One thing that managers say of a device. It wins over what the device reports of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagedFact<'a> {
    /// Empty: nothing is said.
    Text(Attribute, &'a str),
    /// Whose it is; empty: nothing is said.
    AssetOwner(&'a str),
    /// The last day of its warranty, YYYY-MM-DD; empty: nothing is said.
    WarrantyUntil(&'a str),
    /// URIs that tell what it is (RFC 6933, entPhysicalUris), with spaces between them; empty: nothing is said.
    Uris(&'a str),
    /// The firmware that it is meant to run; empty: nothing is said.
    TargetFirmware(&'a str),
    /// The name of the device that it hangs on, which need not exist; empty: nothing is said.
    Parent(&'a str),
    AdminState(AdminState),
}

/// What a device is meant to do: a word among managers, the bridge itself acts alike in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum AdminState {
    #[default]
    InService = 0,
    /// Worked on.
    Maintenance = 1,
    /// Not in use.
    OutOfService = 2,
}

impl AdminState {
    pub const ALL: [AdminState; 3] =
        [AdminState::InService, AdminState::Maintenance, AdminState::OutOfService];

    pub fn as_str(self) -> &'static str {
        match self {
            AdminState::InService => "in-service",
            AdminState::Maintenance => "maintenance",
            AdminState::OutOfService => "out-of-service",
        }
    }

    pub fn from_word(word: &str) -> Option<AdminState> {
        AdminState::ALL.into_iter().find(|state| state.as_str() == word)
    }
}
