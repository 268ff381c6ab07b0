//! What there is: make, model, serial, revisions and place of every device.

use super::{Cell, Report};
use crate::{fleet::Which, model::Attribute};

pub(super) static REPORT: Report = Report {
    name: "inventory",
    about: "Make, model, serial, revisions and place of every device",
    columns: &[
        "device",
        "number",
        "profile",
        "class",
        "manufacturer",
        "model",
        "serial",
        "mac",
        "address",
        "hardware-revision",
        "firmware",
        "software",
        "site",
        "location",
        "alias",
        "asset-tag",
        "presence",
        "last-seen",
    ],
    which: Which::Live,
    instant: |row| row.last_seen(),
    lines: |row, _, line| {
        line(&[
            Cell::Text(row.name()),
            Cell::Number(row.number().into()),
            Cell::Text(&row.profile().name),
            Cell::Text(&row.profile().class),
            Cell::Text(row.attribute(Attribute::Manufacturer)),
            Cell::Text(row.attribute(Attribute::Model)),
            Cell::Text(row.attribute(Attribute::Serial)),
            Cell::Text(row.attribute(Attribute::Mac)),
            Cell::Text(row.attribute(Attribute::Address)),
            Cell::Text(row.attribute(Attribute::HardwareRevision)),
            Cell::Text(row.attribute(Attribute::Firmware)),
            Cell::Text(row.attribute(Attribute::Software)),
            Cell::Text(row.attribute(Attribute::Site)),
            Cell::Text(row.attribute(Attribute::Location)),
            Cell::Text(row.attribute(Attribute::Alias)),
            Cell::Text(row.attribute(Attribute::AssetTag)),
            Cell::Text(row.presence().as_str()),
            Cell::Instant(row.last_seen()),
        ]);
    },
};
