//! `[snmp] traps`: who is told of what happens, and how.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use super::snmp::community_name;
use crate::{
    file::{Entry, Section},
    secret::Secret,
    snmp::notify::{Kind, Kinds, Target, Wire},
};

/// The standard port.
const PORT: u16 = 162;
const TIMEOUT: u64 = 2000;
const RETRIES: u32 = 3;
const RATE: u32 = 50;

pub(super) fn read(key: &Entry<'_>) -> Vec<Target> {
    let mut list: Vec<(Target, u32)> = Vec::new();
    for item in
        key.items("a list of tables, for example [{ target = \"192.0.2.1:162\", community = \"...\" }]")
    {
        let Some(mut table) = item.table() else { continue };
        let address = table.required_as("target", "\"192.0.2.1:162\"");
        let line = address.line();
        let target = target(&mut table, &address);
        table.finish();
        let Some(target) = target else { continue };
        if let Some((_, line)) = list.iter().find(|(other, _)| other.address == target.address) {
            let message = format!("`target` {} stands already in line {line}", target.address);
            address.error(message, "each target is told once");
        }
        list.push((target, line));
    }
    list.into_iter().map(|(target, _)| target).collect()
}

fn target(table: &mut Section<'_>, address: &Entry<'_>) -> Option<Target> {
    let address = address
        .parsed("an IP address, with a port or not, for example \"192.0.2.1:162\"", |text| {
            with_default_port(text).filter(|target| target.port() != 0 && !target.ip().is_unspecified())
        });
    let v1 = table.key("version").one_of(&["1", "2c"]) == Some("1");
    let community = community_name(&table.required("community"));
    let key = table.key("inform");
    let inform = key.bool().unwrap_or(false);
    if inform && v1 {
        key.error("`inform` with version = \"1\"".to_owned(), "v1 has traps only; use version = \"2c\"");
    }
    let timeout = table.key("timeout");
    let retries = table.key("retries");
    for key in [&timeout, &retries] {
        if key.exists() && !inform {
            key.warning(
                format!("{} without inform = true", key.label()),
                "nobody acknowledges a trap: it is tried again only if it could not be sent",
            );
        }
    }
    let timeout = timeout.duration(100..=60_000).unwrap_or(TIMEOUT);
    let retries = retries.integer(0..=10u32).unwrap_or(RETRIES);
    let rate = table.key("rate").integer(1..=10_000u32).unwrap_or(RATE);
    let kinds = kinds(&table.key("kinds"));
    let sites = table.key("sites");
    if sites.is_list() && sites.strings().is_empty() {
        sites.error("`sites` names no site".to_owned(), "name sites, or leave the key out for all");
    }
    let sites = sites.strings().into_iter().map(str::to_owned).collect();
    let community = Secret::new(community?);
    let wire = if v1 { Wire::V1 { community } } else { Wire::V2c { community } };
    Some(Target { address: address?, wire, inform, timeout, retries, rate, kinds, sites })
}

fn kinds(key: &Entry<'_>) -> Kinds {
    if !key.exists() {
        return Kinds::default();
    }
    let words = Kind::ALL.map(Kind::as_str);
    let items = key.items("a list of words, for example [\"device-lost\", \"device-returned\"]");
    if key.is_list() && items.is_empty() {
        key.error("`kinds` names nothing to tell".to_owned(), &format!("allowed: {}", words.join(", ")));
    }
    let chosen = items.iter().filter_map(|item| item.one_of(&words));
    chosen.filter_map(|word| Kind::ALL.into_iter().find(|kind| kind.as_str() == word)).collect()
}

/// ADDRESS:PORT, or ADDRESS alone with the standard port; IPv6 in brackets when a port follows.
fn with_default_port(text: &str) -> Option<SocketAddr> {
    let bare = || IpAddr::from_str(text).ok().map(|address| SocketAddr::new(address, PORT));
    SocketAddr::from_str(text).ok().or_else(bare)
}
