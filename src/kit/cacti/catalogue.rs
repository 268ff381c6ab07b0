//! What is graphed, as tables: sources of data, graphs of them, which rows of a query have which graphs.

use super::{
    BRIDGE, DEVICE,
    queries::{ADAPTERS, POINTS, Query, SENSORS},
};

/// A data template with one source of data.
pub struct Source {
    pub name: &'static str,
    /// In the RRD file, at most 19 characters.
    pub short: &'static str,
    pub counts: bool,
    /// The scalar; `None` for a column of a query.
    pub scalar: Option<&'static str>,
}

/// A graph template.
pub struct Graph {
    pub name: &'static str,
    pub title: &'static str,
    pub unit: &'static str,
    pub lines: &'static [Line],
    /// Values go through [`SCALED`].
    pub scaled: bool,
}

pub struct Line {
    pub source: &'static str,
    pub legend: &'static str,
    pub colour: &'static str,
}

/// Which graphs rows of a query have.
pub struct Rows {
    pub query: &'static Query,
    pub graphs: &'static [(&'static str, &'static [(&'static str, &'static str)])],
    /// How a row is named in titles.
    pub row: &'static str,
}

const fn scalar(name: &'static str, short: &'static str, object: &'static str) -> Source {
    Source { name, short, counts: false, scalar: Some(object) }
}

const fn column(name: &'static str, short: &'static str, counts: bool) -> Source {
    Source { name, short, counts, scalar: None }
}

const fn line(source: &'static str, legend: &'static str, colour: &'static str) -> Line {
    Line { source, legend, colour }
}

pub const SOURCES: [Source; 19] = [
    scalar("fleetbridge - Silence", "silence", "fbSelfSilentSeconds"),
    scalar("fleetbridge - Presence", "presence", "fbSelfPresence"),
    scalar("fleetbridge - Health", "health", "fbSelfHealth"),
    scalar("fleetbridge - Active alarms", "alarms", "fbSelfActiveAlarms"),
    scalar("fleetbridge - Devices online", "online", "fbFleetOnline"),
    scalar("fleetbridge - Devices late", "late", "fbFleetLate"),
    scalar("fleetbridge - Devices sleeping", "sleeping", "fbFleetSleeping"),
    scalar("fleetbridge - Devices lost", "lost", "fbFleetLost"),
    scalar("fleetbridge - Devices unreachable", "unreachable", "fbFleetUnreachable"),
    scalar("fleetbridge - Devices never seen", "never_seen", "fbFleetNeverSeen"),
    scalar("fleetbridge - Presence frozen", "frozen", "fbFleetPresenceFrozen"),
    Source {
        name: "fleetbridge - Messages",
        short: "messages",
        counts: true,
        scalar: Some("fbFleetMessages"),
    },
    Source {
        name: "fleetbridge - Unknown messages",
        short: "unknown",
        counts: true,
        scalar: Some("fbFleetUnknownMessages"),
    },
    column("fleetbridge - Point value", "value", false),
    column("fleetbridge - Point state", "state", false),
    column("fleetbridge - Point count", "count", true),
    column("fleetbridge - Sensor value", "sensor", false),
    column("fleetbridge - Connection messages", "messages", true),
    column("fleetbridge - Connection errors", "errors", true),
];

pub const GRAPHS: [Graph; 9] = [
    Graph {
        name: "fleetbridge - Silence",
        title: "|host_description| - Silence",
        unit: "seconds",
        lines: &[line("fleetbridge - Silence", "Seconds since the last message", "1F77B4")],
        scaled: false,
    },
    Graph {
        name: "fleetbridge - State",
        title: "|host_description| - State",
        unit: "",
        lines: &[
            line("fleetbridge - Presence", "Presence (2 online, 3 late, 5 sleeping)", "2CA02C"),
            line("fleetbridge - Health", "Health (1 ok, 2 warning, 3 failing)", "FF7F0E"),
            line("fleetbridge - Active alarms", "Active alarms", "D62728"),
        ],
        scaled: false,
    },
    Graph {
        name: "fleetbridge - Fleet",
        title: "|host_description| - Devices",
        unit: "devices",
        lines: &[
            line("fleetbridge - Devices online", "Online", "2CA02C"),
            line("fleetbridge - Devices late", "Late", "FF7F0E"),
            line("fleetbridge - Devices sleeping", "Sleeping", "1F77B4"),
            line("fleetbridge - Devices lost", "Lost", "D62728"),
            line("fleetbridge - Devices unreachable", "Unreachable", "9467BD"),
            line("fleetbridge - Devices never seen", "Never seen", "7F7F7F"),
            line("fleetbridge - Presence frozen", "Presence frozen (1 yes, 2 no)", "000000"),
        ],
        scaled: false,
    },
    Graph {
        name: "fleetbridge - Messages",
        title: "|host_description| - Messages",
        unit: "messages a second",
        lines: &[
            line("fleetbridge - Messages", "All", "1F77B4"),
            line("fleetbridge - Unknown messages", "Not understood", "D62728"),
        ],
        scaled: false,
    },
    Graph {
        name: "fleetbridge - Point value",
        title: "|host_description| - |query_fbPointName|",
        unit: "|query_fbPointUnit|",
        lines: &[line("fleetbridge - Point value", "|query_fbPointName|", "1F77B4")],
        scaled: false,
    },
    Graph {
        name: "fleetbridge - Point state",
        title: "|host_description| - |query_fbPointName|",
        unit: "1 yes, 0 no",
        lines: &[line("fleetbridge - Point state", "|query_fbPointName|", "1F77B4")],
        scaled: false,
    },
    Graph {
        name: "fleetbridge - Point count",
        title: "|host_description| - |query_fbPointName|",
        unit: "|query_fbPointUnit| a second",
        lines: &[line("fleetbridge - Point count", "|query_fbPointName|", "1F77B4")],
        scaled: false,
    },
    Graph {
        name: "fleetbridge - Sensor",
        title: "|host_description| - |query_entPhysicalName|",
        unit: "|query_entPhySensorUnitsDisplay|",
        lines: &[line("fleetbridge - Sensor value", "|query_entPhysicalName|", "1F77B4")],
        scaled: true,
    },
    Graph {
        name: "fleetbridge - Connection",
        title: "|host_description| - |query_fbAdapterName|",
        unit: "messages a second",
        lines: &[
            line("fleetbridge - Connection messages", "Messages", "1F77B4"),
            line("fleetbridge - Connection errors", "Errors", "D62728"),
        ],
        scaled: false,
    },
];

/// The script for hosts has the rule which type of point gets which of the three graphs.
pub const ROWS: [Rows; 3] = [
    Rows {
        query: &POINTS,
        graphs: &[
            ("fleetbridge - Point value", &[("fbPointValue", "fleetbridge - Point value")]),
            ("fleetbridge - Point state", &[("fbPointInteger", "fleetbridge - Point state")]),
            ("fleetbridge - Point count", &[("fbPointCounter", "fleetbridge - Point count")]),
        ],
        row: "|query_fbPointName|",
    },
    Rows {
        query: &SENSORS,
        graphs: &[("fleetbridge - Sensor", &[("entPhySensorValue", "fleetbridge - Sensor value")])],
        row: "|query_entPhysicalName|",
    },
    Rows {
        query: &ADAPTERS,
        graphs: &[(
            "fleetbridge - Connection",
            &[
                ("fbAdapterMessages", "fleetbridge - Connection messages"),
                ("fbAdapterErrors", "fleetbridge - Connection errors"),
            ],
        )],
        row: "|query_fbAdapterName|",
    },
];

/// Device templates: graphs, queries.
pub const DEVICES: [(&str, &[&str], &[&Query]); 2] = [
    (DEVICE, &["fleetbridge - Silence", "fleetbridge - State"], &[&POINTS, &SENSORS]),
    (BRIDGE, &["fleetbridge - Fleet", "fleetbridge - Messages"], &[&ADAPTERS]),
];
