//! The shapes of the control API's answers. Instants are RFC 3339 in UTC; `null` or absent: never, or not known.

use serde::{Deserialize, Serialize};

use crate::{
    fleet::{Fleet, Point, PointValue, Row},
    model::{AdminState, Attribute, DeviceNumber, PointType, Presence, Time},
    stats::Stats,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    pub version: String,
    pub started: String,
    pub uptime_seconds: u64,
    pub devices: Devices,
    pub adapters: Vec<Adapter>,
    pub messages: u64,
    pub observations: u64,
    /// Messages that nobody understood or that a limit refused.
    pub unknown: u64,
    /// The embedded broker, if there is one.
    pub broker: Option<Broker>,
    pub snmp: Snmp,
    /// The trap targets.
    pub targets: Vec<Target>,
    pub store: Store,
    /// The number of the newest event.
    pub events: u64,
    /// What is wrong with the bridge itself; empty: healthy.
    pub problems: Vec<String>,
}

/// Live devices by presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Devices {
    pub total: u32,
    pub never_seen: u32,
    pub online: u32,
    pub late: u32,
    pub lost: u32,
    pub sleeping: u32,
    pub unreachable: u32,
    /// Numbers given so far, retired devices included; they are never reused.
    pub numbers_used: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Adapter {
    pub name: String,
    pub kind: String,
    pub url: String,
    pub state: String,
    pub since: String,
    pub messages: u64,
    pub errors: u64,
    pub devices: u32,
    pub last_error: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Broker {
    /// Connected now, the bridge's own connections included.
    pub clients: u64,
    pub published: u64,
    pub refused_publications: u64,
    pub refused_subscriptions: u64,
    pub refused_logins: u64,
    /// Connections that ended without a goodbye.
    pub broken: u64,
    /// Publications that were dropped, because the bridge took nothing for too long.
    pub overruns: u64,
    /// Retained publications that were passed on and not kept, for want of room.
    pub unretained: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Snmp {
    /// snmpEngineID of the bridge in hexadecimal digits; absent: SNMPv3 is off.
    #[serde(default)]
    pub engine: Option<String>,
    pub received: u64,
    pub sent: u64,
    pub traps: u64,
    pub bad_communities: u64,
    pub malformed: u64,
    pub sources_refused: u64,
    pub unknown_devices: u64,
    pub silent_devices: u64,
    pub trap_errors: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Target {
    pub target: String,
    pub version: String,
    pub inform: bool,
    /// Traps sent, informs acknowledged.
    pub told: u64,
    /// Above the rate: counted in a summary instead.
    pub withheld: u64,
    /// Given up after all tries.
    pub failed: u64,
    /// Events that it has not been told yet, those that are not for it among them.
    pub behind: u64,
    /// It did not acknowledge its last notification.
    pub silent: bool,
    /// What it said of what it is told, if it does not take it.
    #[serde(default)]
    pub trouble: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tested {
    pub target: String,
    pub inform: bool,
    /// Sent, and acknowledged if it is an inform.
    pub told: bool,
    /// As that of a [`Target`].
    #[serde(default)]
    pub trouble: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Store {
    pub rows_written: u64,
    pub flushes: u64,
    pub errors: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Device {
    pub device: String,
    pub number: DeviceNumber,
    pub profile: String,
    pub class: String,
    pub adapter: Option<String>,
    pub southbound_id: String,
    pub presence: String,
    pub since: Option<String>,
    pub last_seen: Option<String>,
    pub silent_seconds: Option<u64>,
    /// What it hangs on; one that managers named need not exist, and has no number then.
    pub parent: Option<String>,
    pub parent_number: Option<DeviceNumber>,
    pub admin_state: AdminState,
    /// Known ones only, by the names of a profile's `[identity]`, and what managers say of it as an asset.
    pub attributes: Vec<(String, String)>,
    pub points: Vec<PointView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PointView {
    /// fbPointIndex.
    pub number: u16,
    pub name: String,
    #[serde(rename = "type")]
    pub ty: PointType,
    /// Canonical text: a dot, no exponent, no unit.
    pub value: Option<String>,
    pub unit: String,
    pub quality: crate::model::Quality,
    pub time: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Retired {
    pub device: String,
    pub number: DeviceNumber,
}

/// Messages that no topic, device or payload rule understood, or that a limit refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unknown {
    pub counts: Vec<UnknownCount>,
    /// The last ones, oldest first.
    pub last: Vec<UnknownMessage>,
    /// Devices that nobody took in, of adapters with `adopt = "ask"`.
    pub waiting: Vec<WaitingDevice>,
    /// Who asked the SNMP agent and was refused, the newest last.
    pub strangers: Vec<Stranger>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stranger {
    /// Of the last refusal.
    pub time: String,
    pub source: String,
    /// Absent: it was right, but not from there, or not for that device.
    pub community: Option<String>,
    /// Whom it asked for, if there is no such device there.
    pub device: Option<String>,
    /// A user of SNMPv3 that there is not.
    #[serde(default)]
    pub user: Option<String>,
    /// A user of SNMPv3 whose password or protocols are others.
    #[serde(default)]
    pub digest: Option<String>,
    /// Refusals that were looked at: of a flood, a hundred in a second.
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct WaitingDevice {
    /// That it will have once it is adopted.
    pub name: String,
    pub adapter: String,
    pub profile: String,
    /// How the adapter knows it.
    pub id: String,
    pub since: String,
    pub last_heard: String,
    pub messages: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UnknownCount {
    pub reason: String,
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UnknownMessage {
    pub time: String,
    pub adapter: String,
    pub topic: String,
    /// Its beginning, as text.
    pub payload: String,
    pub reason: String,
}

/// What is staged and not committed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Candidate {
    /// Who staged it.
    pub editors: Vec<String>,
    /// All devices that are not in the list are removed.
    pub cleared: bool,
    pub staged: Vec<Staged>,
    /// More is staged than is shown.
    pub more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Staged {
    pub device: String,
    pub operation: String,
    /// XPath; empty: the device as a whole.
    pub path: String,
    /// Empty for a secret.
    pub value: String,
}

/// A change of running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Committed {
    pub id: u64,
    pub time: String,
    pub user: String,
    /// `netconf`, `snmp`, `control` or `system`.
    pub via: String,
    /// `confirming`, `committed` or `rolled-back`.
    pub state: String,
    pub devices: u32,
    /// Settings that are still on their way.
    pub outstanding: u32,
    /// Settings that failed or are unsupported.
    pub failed: u32,
}

/// A change of running as the audit has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    pub id: u64,
    pub time: String,
    pub user: String,
    pub via: String,
    /// Of NETCONF, else 0.
    pub session: u32,
    /// From where; may be empty.
    pub address: String,
    /// Who staged it; empty: the user.
    pub editors: Vec<String>,
    pub edits: Vec<Edit>,
    /// There are more edits than are shown.
    pub more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Edit {
    /// `create`, `merge`, `delete` or `replace`; `overwrite` names what another had changed meanwhile.
    pub operation: String,
    /// XPath.
    pub path: String,
    /// Of a secret only a keyed hash.
    pub value: Option<String>,
}

/// Operations of NETCONF, to be run one after the other in one session until one fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operations {
    /// The element of each.
    pub operations: Vec<String>,
}

/// Every error of the control API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub error: String,
    pub help: String,
}

impl Status {
    pub fn new(
        fleet: &Fleet,
        stats: &Stats,
        snmp: Snmp,
        started: Time,
        targets: Vec<Target>,
        problems: Vec<String>,
        now: Time,
    ) -> Self {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: started.to_string(),
            uptime_seconds: now.since(started) / 1000,
            devices: Devices::new(fleet),
            adapters: fleet.adapters().all().iter().map(|adapter| Adapter::new(adapter)).collect(),
            messages: stats.southbound.messages.value(),
            observations: stats.southbound.observations.value(),
            unknown: stats.southbound.unknown.value(),
            broker: Broker::new(&stats.broker),
            snmp,
            targets,
            store: Store {
                rows_written: stats.store.rows_written.value(),
                flushes: stats.store.flushes.value(),
                errors: stats.store.errors.value(),
            },
            events: fleet.journal().last(),
            problems,
        }
    }
}

impl Snmp {
    /// `engine`: in hexadecimal digits; `None`: SNMPv3 is off.
    pub fn new(engine: Option<String>, stats: &Stats) -> Snmp {
        Snmp {
            engine,
            received: stats.snmp.in_pkts.value(),
            sent: stats.snmp.out_pkts.value(),
            traps: stats.snmp.out_traps.value(),
            bad_communities: stats.snmp.in_bad_community_names.value(),
            malformed: stats.snmp.in_asn_parse_errs.value(),
            sources_refused: stats.snmp.source_refused.value(),
            unknown_devices: stats.snmp.unknown_contexts.value(),
            silent_devices: stats.snmp.silent_devices.value(),
            trap_errors: stats.snmp.trap_errors.value(),
        }
    }
}

impl Broker {
    /// The bridge itself is its first client.
    fn new(stats: &crate::stats::Broker) -> Option<Broker> {
        (stats.connected.value() > 0).then(|| Broker {
            clients: stats.connected.value().saturating_sub(stats.disconnected.value()),
            published: stats.published.value(),
            refused_publications: stats.refused_publications.value(),
            refused_subscriptions: stats.refused_subscriptions.value(),
            refused_logins: stats.refused_logins.value(),
            broken: stats.broken.value(),
            overruns: stats.overruns.value(),
            unretained: stats.unretained.value(),
        })
    }
}

impl Devices {
    fn new(fleet: &Fleet) -> Self {
        let counts = fleet.counts();
        Devices {
            total: counts.devices(),
            never_seen: counts.of(Presence::NeverSeen),
            online: counts.of(Presence::Online),
            late: counts.of(Presence::Late),
            lost: counts.of(Presence::Lost),
            sleeping: counts.of(Presence::Sleeping),
            unreachable: counts.of(Presence::Unreachable),
            numbers_used: counts.numbers_used,
        }
    }
}

impl Adapter {
    fn new(adapter: &crate::fleet::Adapter) -> Self {
        let status = adapter.status();
        Adapter {
            name: adapter.name.clone(),
            kind: adapter.kind.to_owned(),
            url: adapter.url.clone(),
            state: format!("{:?}", status.state).to_lowercase(),
            since: status.since.to_string(),
            messages: adapter.messages.value(),
            errors: adapter.errors.value(),
            devices: adapter.device_count(),
            last_error: status.last_error,
        }
    }
}

impl Device {
    /// Without its adapter's name, which is not in the row.
    pub fn new(row: Row<'_>, now: Time) -> Self {
        Device {
            device: row.name().to_owned(),
            number: row.number(),
            profile: row.profile().name.clone(),
            class: row.profile().class.clone(),
            adapter: None,
            southbound_id: row.southbound_id().to_owned(),
            presence: row.presence().as_str().to_owned(),
            since: instant(row.presence_since()),
            last_seen: instant(row.last_seen()),
            silent_seconds: row.silent_seconds(now),
            parent: row.parent_name(),
            parent_number: (row.parent() != 0).then(|| row.parent()),
            admin_state: row.admin_state(),
            attributes: Attribute::ALL
                .into_iter()
                .map(|attribute| (attribute.as_str(), row.attribute(attribute)))
                .chain([("asset-owner", row.asset_owner()), ("warranty-until", row.warranty_until())])
                .chain([("asset-uris", row.uris()), ("target-firmware", row.target_firmware())])
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            points: row.points().map(|point| PointView::new(point, now)).collect(),
        }
    }
}

impl PointView {
    fn new(point: Point<'_>, now: Time) -> Self {
        let mut value = String::new();
        let known = match point.value() {
            Some(PointValue::Text(text)) => {
                value.push_str(text);
                true
            }
            _ => point.write_value(&mut value),
        };
        PointView {
            number: point.def.number,
            name: point.def.name.clone(),
            ty: point.def.ty,
            value: known.then_some(value),
            unit: point.def.unit.clone(),
            quality: point.quality(now),
            time: instant(point.time()),
        }
    }
}

fn instant(time: Time) -> Option<String> {
    (!time.is_never()).then(|| time.to_string())
}
