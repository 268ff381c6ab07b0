//! `device list`: every device and whether it is heard.

use super::{Cell, Report};
use crate::{fleet::Which, model::Attribute};

/// Not among [`super::REPORTS`]: it is the list of devices itself.
pub static DEVICES: Report = Report {
    name: "devices",
    about: "Every device and whether it is heard",
    columns: &["device", "number", "profile", "site", "presence", "since", "last-seen", "silent-seconds"],
    which: Which::Live,
    instant: |row| row.last_seen(),
    lines: |row, now, line| {
        line(&[
            Cell::Text(row.name()),
            Cell::Number(row.number().into()),
            Cell::Text(&row.profile().name),
            Cell::Text(row.attribute(Attribute::Site)),
            Cell::Text(row.presence().as_str()),
            Cell::Instant(row.presence_since()),
            Cell::Instant(row.last_seen()),
            row.silent_seconds(now).map_or(Cell::Unknown, Cell::Number),
        ]);
    },
};
