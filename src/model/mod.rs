//! Plain data that every part shares: what a device, a point, a profile and a report *are*.
//!
//! Nothing here knows a socket, a clock, a database or a protocol.

mod device;
mod managed;
mod profile;
mod report;
mod session;
mod setting;
mod time;
mod unit;
mod value;

pub use device::{
    AdapterId, Attribute, DeviceNumber, DeviceRecord, Health, MAX_DEVICE_NUMBER, Presence, fnv1a,
    name_from_id,
};
pub use managed::{AdminState, ManagedFact};
pub use profile::{
    INTERFACES, NO_PROFILE, PointDef, PointKind, PresenceRule, Profile, ProfileId, Profiles, Role,
    SoftwareDef, UNKNOWN_INTERFACE,
};
pub use report::{Availability, Fact, Report, Reports, Scalar, Span};
pub use session::{Confirming, Termination, Who};
pub use setting::{SettingDef, SettingType, SettingValue, Standing};
pub use time::Time;
pub use unit::{Quantity, UnitScale, prefixed};
pub use value::{Decimal, PointType, Quality, write_decimal};
