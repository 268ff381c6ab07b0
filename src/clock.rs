//! The only reader of the system clock. Everything else takes `now` as a parameter.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::Time;

/// The wall clock in UTC.
#[allow(clippy::disallowed_methods, reason = "this is the one reader")]
pub fn now() -> Time {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(since_epoch.as_millis() as u64)
}
