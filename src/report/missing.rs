//! Devices that should be heard and are not: lost, or behind a gateway that is lost. Never-seen ones are no loss.

use super::{Cell, Report};
use crate::{fleet::Which, model::Attribute};

pub(super) static REPORT: Report = Report {
    name: "missing",
    about: "Devices that are lost, or unreachable behind a lost gateway",
    columns: &[
        "device",
        "number",
        "profile",
        "site",
        "location",
        "presence",
        "since",
        "last-seen",
        "silent-seconds",
        "parent-number",
    ],
    which: Which::Missing,
    instant: |row| row.presence_since(),
    lines: |row, now, line| {
        line(&[
            Cell::Text(row.name()),
            Cell::Number(row.number().into()),
            Cell::Text(&row.profile().name),
            Cell::Text(row.attribute(Attribute::Site)),
            Cell::Text(row.attribute(Attribute::Location)),
            Cell::Text(row.presence().as_str()),
            Cell::Instant(row.presence_since()),
            Cell::Instant(row.last_seen()),
            row.silent_seconds(now).map_or(Cell::Unknown, Cell::Number),
            Cell::parent(row),
        ]);
    },
};
