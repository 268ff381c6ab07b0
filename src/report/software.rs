//! What runs where: one line for each device and component. Targets are added when software policies exist.

use super::{Cell, Report};
use crate::{
    fleet::{Row, Which},
    model::Attribute,
};

pub(super) static REPORT: Report = Report {
    name: "software",
    about: "Installed versions, one line for each device and component",
    columns: &[
        "device",
        "number",
        "profile",
        "manufacturer",
        "model",
        "site",
        "component",
        "installed",
        "presence",
        "last-seen",
    ],
    which: Which::Live,
    instant: |row| row.last_seen(),
    lines: |row, _, line| {
        for (component, attribute) in [("firmware", Attribute::Firmware), ("software", Attribute::Software)] {
            let installed = row.attribute(attribute);
            if installed.is_empty() && !declares(row, component) {
                continue;
            }
            line(&[
                Cell::Text(row.name()),
                Cell::Number(row.number().into()),
                Cell::Text(&row.profile().name),
                Cell::Text(row.attribute(Attribute::Manufacturer)),
                Cell::Text(row.attribute(Attribute::Model)),
                Cell::Text(row.attribute(Attribute::Site)),
                Cell::Text(component),
                Cell::Text(installed),
                Cell::Text(row.presence().as_str()),
                Cell::Instant(row.last_seen()),
            ]);
        }
    },
};

/// Firmware is a component of everything, also while its version is unknown.
fn declares(row: &Row<'_>, component: &str) -> bool {
    component == "firmware" || row.profile().software.iter().any(|software| software.component == component)
}
