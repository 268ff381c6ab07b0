//! `[snmp] traps`: who is told of what happens, and how.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use super::{User, snmp::community_name};
use crate::{
    file::{Entry, Section, nearest},
    secret::Secret,
    snmp::{
        notify::{Kind, Kinds, Target, Wire},
        usm::Level,
    },
};

/// The standard port.
const PORT: u16 = 162;
const TIMEOUT: u64 = 2000;
const RETRIES: u32 = 3;

/// By their names in the boot file.
const LEVELS: [(&str, Level); 2] = [("auth-no-priv", Level::AuthNoPriv), ("auth-priv", Level::AuthPriv)];

/// `authen_traps`: whether failures to authenticate are told.
pub(super) fn read(key: &Entry<'_>, users: &[User], authen_traps: bool) -> Vec<Target> {
    let mut list: Vec<(Target, u32)> = Vec::new();
    for item in
        key.items("a list of tables, for example [{ target = \"192.0.2.1:162\", community = \"...\" }]")
    {
        let Some(mut table) = item.table() else { continue };
        let address = table.required_as("target", "\"192.0.2.1:162\"");
        let line = address.line();
        let target = target(&mut table, &address, users, authen_traps);
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

fn target(
    table: &mut Section<'_>,
    address: &Entry<'_>,
    users: &[User],
    authen_traps: bool,
) -> Option<Target> {
    let address = address
        .parsed("an IP address, with a port or not, for example \"192.0.2.1:162\"", |text| {
            with_default_port(text).filter(|target| target.port() != 0 && !target.ip().is_unspecified())
        });
    let wire = wire(table, users);
    let key = table.key("inform");
    let inform = key.bool().unwrap_or(false);
    if inform && matches!(wire, Some(Wire::V1 { .. })) {
        let help = "v1 has traps only; use version = \"2c\" or \"3\"";
        key.error("`inform` with version = \"1\"".to_owned(), help);
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
    let timeout = timeout.duration(Target::TIMEOUTS.0..=Target::TIMEOUTS.1).unwrap_or(TIMEOUT);
    let retries = retries.integer(0..=Target::MOST_RETRIES).unwrap_or(RETRIES);
    let rate = table.key("rate").integer(1..=10_000u32).unwrap_or(Target::RATE);
    let kinds = kinds(&table.key("kinds"), authen_traps);
    let sites = table.key("sites");
    if sites.is_list() && sites.strings().is_empty() {
        sites.error("`sites` names no site".to_owned(), "name sites, or leave the key out for all");
    }
    let sites = sites.strings().into_iter().map(str::to_owned).collect();
    Some(Target { address: address?, wire: wire?, inform, timeout, retries, rate, kinds, sites })
}

fn wire(table: &mut Section<'_>, users: &[User]) -> Option<Wire> {
    let version = table.key("version");
    let version = if version.exists() { version.one_of(&["1", "2c", "3"])? } else { "2c" };
    let (user, level) = (table.key("user"), table.key("level"));
    if version == "3" {
        let community = table.key("community");
        if community.exists() {
            let help = "v3 has users: name one of [[user]] by `user`, and remove `community`";
            community.error("`community` with version = \"3\"".to_owned(), help);
        }
        return v3(&table.required_as("user", "\"anna\""), &level, users);
    }
    for key in [&user, &level] {
        if key.exists() {
            let message = format!("{} with version = \"{version}\"", key.label());
            key.error(message, "users are SNMPv3's: use version = \"3\"");
        }
    }
    let community = if user.exists() { table.key("community") } else { table.required("community") };
    let community = Secret::new(community_name(&community)?);
    Some(if version == "1" { Wire::V1 { community } } else { Wire::V2c { community } })
}

/// A user whose passwords cannot be read is told of where he stands, and keeps the bridge from nothing but this target.
fn v3(key: &Entry<'_>, asked: &Entry<'_>, users: &[User]) -> Option<Wire> {
    let name = key.str()?;
    let Some(user) = users.iter().find(|user| user.name == name) else {
        let guess = nearest(name, users.iter().map(|user| user.name.as_str()));
        let guess = guess.map(|guess| format!("did you mean `{guess}`? ")).unwrap_or_default();
        key.error(
            format!("there is no user {name:?}"),
            &format!("{guess}it is the name of a [[user]] that has `snmp`"),
        );
        return None;
    };
    let asked_level = asked.one_of(&LEVELS.map(|(word, _)| word));
    let asked_level = LEVELS.iter().find(|(word, _)| Some(*word) == asked_level).map(|(_, level)| *level);
    let Some(snmp) = &user.snmp else {
        let help = "give it snmp = { auth = \"sha-256\", auth-password-file = \"...\" }";
        key.warning(
            format!("the user {name:?} has no SNMPv3 that can be used: this target is told nothing"),
            help,
        );
        return Some(Wire::V3 { user: name.to_owned(), level: asked_level.unwrap_or(Level::AuthNoPriv) });
    };
    let highest = if snmp.private.is_some() { Level::AuthPriv } else { Level::AuthNoPriv };
    let level = asked_level.unwrap_or(highest);
    if level > highest {
        let help = "give the user `priv` and `priv-password-file`, or ask for \"auth-no-priv\"";
        asked.error(format!("{} \"auth-priv\", and the user {name:?} has no `priv`", asked.label()), help);
    }
    Some(Wire::V3 { user: name.to_owned(), level })
}

fn kinds(key: &Entry<'_>, authen_traps: bool) -> Kinds {
    if !key.exists() {
        return Kinds::default();
    }
    let words = Kind::ALL.map(Kind::as_str);
    let items = key.items("a list of words, for example [\"device-lost\", \"device-returned\"]");
    if key.is_list() && items.is_empty() {
        key.error("`kinds` names nothing to tell".to_owned(), &format!("allowed: {}", words.join(", ")));
    }
    let chosen = items.iter().filter_map(|item| item.one_of(&words));
    let chosen = chosen.filter_map(|word| Kind::ALL.into_iter().find(|kind| kind.as_str() == word));
    let kinds: Kinds = chosen.collect();
    if kinds.has(Kind::AuthenticationFailure) && !authen_traps {
        let message = format!("\"authentication-failure\" in {} is never told", key.label());
        key.warning(message, "allow it by `[snmp] authen-traps = true`");
    }
    kinds
}

/// ADDRESS:PORT, or ADDRESS alone with the standard port; IPv6 in brackets when a port follows.
fn with_default_port(text: &str) -> Option<SocketAddr> {
    let bare = || IpAddr::from_str(text).ok().map(|address| SocketAddr::new(address, PORT));
    SocketAddr::from_str(text).ok().or_else(bare)
}
