//! `[snmp]`: the agent and its trap targets.

use std::net::{Ipv4Addr, SocketAddr};

use super::{
    devices::{self, Devices},
    listeners::{Listeners, Transport},
    section,
};
use crate::{
    file::{Entry, Section},
    kit::Filter,
    secret::Secret,
    snmp::{
        community::{Network, Pattern},
        notify::Target,
    },
};

/// `[snmp]`
#[derive(Clone, Debug)]
pub struct Snmp {
    /// Default: 127.0.0.1:1161.
    pub listen: Vec<SocketAddr>,
    /// Who may ask. Default: nobody.
    pub communities: Vec<Community>,
    /// Who is told. Default: nobody.
    pub traps: Vec<Target>,
    /// Octets; longer requests are dropped before they are decoded. Default: 4,096.
    pub max_message: usize,
    /// From where anything is answered. Default: from everywhere.
    pub sources: Vec<Network>,
    /// MD5 and DES for SNMPv3 users. Default: false.
    pub allow_weak: bool,
    /// snmpEnableAuthenTraps: targets may be told that somebody asked who may not. Default: false.
    pub authen_traps: bool,
    pub devices: Devices,
}

/// A community.
#[derive(Clone, Debug)]
pub struct Community {
    pub name: Secret,
    /// Else it reads only.
    pub writes: bool,
    /// From where; empty: from everywhere.
    pub sources: Vec<Network>,
    /// The devices that it shows. Default: all.
    pub scope: Option<Filter>,
}

impl Default for Snmp {
    fn default() -> Self {
        let listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 1161))];
        Snmp {
            listen,
            communities: Vec::new(),
            traps: Vec::new(),
            max_message: 4096,
            sources: Vec::new(),
            allow_weak: false,
            authen_traps: false,
            devices: Devices::default(),
        }
    }
}

/// Also `traps`, which name users: they are read when those are known.
pub(super) fn read<'a>(top: &mut Section<'a>, listeners: &mut Listeners) -> (Snmp, Option<Entry<'a>>) {
    let read = section(top, "snmp", |snmp| {
        let key = snmp.key("listen");
        let mut listen: Vec<_> = key
            .items("a list of addresses, for example [\"127.0.0.1:1161\"]")
            .iter()
            .filter_map(|item| listeners.read(item, Transport::Udp, "127.0.0.1:1161"))
            .collect();
        if !key.exists() {
            listen = Snmp::default().listen;
        }
        let public = listen.iter().any(|address| !address.ip().is_loopback());
        let devices = devices::read(snmp, &listen, listeners);
        let key = snmp.key("communities");
        let communities = communities(&key, public, &devices.communities);
        if communities.is_empty() && !listen.is_empty() {
            snmp.note(
                "nobody can ask the SNMP agent".to_owned(),
                "add communities = [{ name = \"...\", access = \"read\" }]",
            );
        }
        let traps = snmp.key("traps");
        // The lower bound is that of RFC 3411, snmpEngineMaxMessageSize; the upper one the most that UDP carries.
        let max_message = snmp.key("max-message").integer(484..=65_507usize).unwrap_or(4096);
        let sources = sources(&snmp.key("sources"), "nobody could ask the SNMP agent");
        let allow_weak = snmp.key("allow-weak").bool().unwrap_or(false);
        let authen_traps = snmp.key("authen-traps").bool().unwrap_or(false);
        let snmp = Snmp {
            listen,
            communities,
            traps: Vec::new(),
            max_message,
            sources,
            allow_weak,
            authen_traps,
            devices,
        };
        (snmp, traps)
    });
    read.map_or_else(Default::default, |(snmp, traps)| (snmp, Some(traps)))
}

fn communities(key: &Entry<'_>, public: bool, patterns: &[Pattern]) -> Vec<Community> {
    let mut list: Vec<(Community, u32)> = Vec::new();
    for item in key.items("a list of tables, for example [{ name = \"...\", access = \"read\" }]") {
        let Some(mut table) = item.table() else { continue };
        let name = table.required("name");
        if let Some(community) = community(&mut table, &name, public) {
            for (other, line) in &list {
                distinct(&name, community.name.expose(), other.name.expose(), *line, patterns);
            }
            list.push((community, name.line()));
        }
        table.finish();
    }
    list.into_iter().map(|(community, _)| community).collect()
}

fn community(table: &mut Section<'_>, key: &Entry<'_>, public: bool) -> Option<Community> {
    let name = community_name(key);
    let access = table.key("access");
    let writes = access.one_of(&["read", "write"]) == Some("write");
    let key_sources = table.key("sources");
    let sources = sources(&key_sources, "nobody could use the community");
    if writes && sources.is_empty() && !key_sources.exists() {
        access.error(
            "a community that writes is open to whoever hears it, from everywhere".to_owned(),
            "add sources = [\"10.0.0.5\"], or better: a [[user]] with snmp",
        );
    }
    let scope = scope(&table.key("scope"));
    let name = name?;
    if public && !key_sources.exists() && matches!(name.as_str(), "public" | "private") {
        key.warning(
            format!("the community {name:?}, which everybody tries first, reads from everywhere"),
            "choose another name, or add sources = [\"10.0.0.0/8\"]",
        );
    }
    Some(Community { name: Secret::new(name), writes, sources, scope })
}

/// `outcome`: of a list without a network.
fn sources(key: &Entry<'_>, outcome: &str) -> Vec<Network> {
    let items = key.items("a list of networks, for example [\"10.0.0.0/8\"]");
    let expected = "an address or a network with no bit behind its prefix, for example \"10.0.0.0/8\"";
    if key.is_list() && items.is_empty() {
        let message = format!("`sources` names no network: {outcome}");
        key.error(message, "name networks, or leave the key out for all");
    }
    items.iter().filter_map(|item| item.parsed(expected, |text| text.parse().ok())).collect()
}

/// The devices that somebody sees. What cannot be read is never taken for all.
pub(super) fn scope(key: &Entry<'_>) -> Option<Filter> {
    let filter = match Filter::parse(key.str()?) {
        Ok(filter) => filter,
        Err(error) => {
            key.error(format!("{}: {error}", key.label()), "for example \"site=plant-1\"");
            return None;
        }
    };
    if filter.presence.is_some() {
        key.error(
            format!("{}: a presence comes and goes", key.label()),
            "name devices by site, profile, class or name",
        );
    }
    Some(filter)
}

pub(super) fn community_name(key: &Entry<'_>) -> Option<String> {
    key.parsed("a text of 1 to 64 characters without blanks", |text| {
        let legal = (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        legal.then(|| text.to_owned())
    })
}

/// `public` beside `public@x` or `public-x` would leave open whether `x` is a device.
fn distinct(key: &Entry<'_>, name: &str, other: &str, line: u32, patterns: &[Pattern]) {
    if name == other {
        key.error(format!("the community {name:?} stands already in line {line}"), "remove one of them");
        return;
    }
    let is_of = |pattern: &Pattern, one, other| pattern.is_of(one, other) || pattern.fill(one, "") == other;
    if patterns.iter().any(|pattern| is_of(pattern, name, other) || is_of(pattern, other, name)) {
        key.error(
            format!("the communities {name:?} and {other:?} (line {line}) cannot be told apart"),
            "by `[snmp.devices] communities` one of them names a device: choose another name",
        );
    }
}
