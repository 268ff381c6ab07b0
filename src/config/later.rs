//! What is read and checked now and acts in a later release: `[snmp.devices]`, `[netconf]`, `[[user]]`.

use super::{
    Base,
    listeners::{Listeners, Transport},
    section,
};
use crate::{
    file::{Entry, Section},
    secret::Secret,
    snmp::community::Network,
};

const LATER: &str = "it is checked, and acts in a later release";
const AUTH: [&str; 6] = ["md5", "sha-1", "sha-224", "sha-256", "sha-384", "sha-512"];
const PRIV: [&str; 6] = ["des", "aes-128", "aes-192", "aes-256", "aes-192-c", "aes-256-c"];

/// `[snmp.devices]`: each device an agent of its own.
pub(super) fn device_agents(mut devices: Section<'_>) {
    devices.note("[snmp.devices] has no effect yet".to_owned(), LATER);
    for item in devices.key("pools").items("a list of networks, for example [\"127.1.0.0/16\"]") {
        item.parsed("a network, for example \"127.1.0.0/16\"", |text| text.parse::<Network>().ok());
    }
    for item in devices.key("communities").items("a list of patterns, for example [\"{community}@{device}\"]")
    {
        item.parsed(
            "a pattern with {community} and {device}, for example \"{community}@{device}\"",
            |text| {
                (text.matches("{community}").count() == 1 && text.matches("{device}").count() == 1)
                    .then_some(())
            },
        );
    }
    devices.key("ports").parsed("a range of at most 4096 ports, for example \"20000-20999\"", |text| {
        let (first, last) = text.split_once('-')?;
        let (first, last) = (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?);
        (first > 0 && first <= last && last - first < 4096).then_some(())
    });
    devices.finish();
}

/// `[netconf]`
pub(super) fn netconf(top: &mut Section<'_>, listeners: &mut Listeners) {
    section(top, "netconf", |netconf| {
        netconf.note("[netconf] has no effect yet".to_owned(), LATER);
        for item in netconf.key("ssh").items("a list of addresses, for example [\"127.0.0.1:1830\"]") {
            listeners.read(&item, Transport::Tcp, "127.0.0.1:1830");
        }
        netconf.key("host-keys").strings();
    });
}

/// `[[user]]`
pub(super) fn users(top: &mut Section<'_>, base: &Base, allow_weak: bool) {
    let mut names: Vec<(String, u32)> = Vec::new();
    for mut user in top.key("user").tables() {
        if names.is_empty() {
            user.note("[[user]] has no effect yet".to_owned(), LATER);
        }
        let key = user.required_as("name", "\"admin\"");
        let name = key.parsed("a name of 1 to 32 printable characters", |text| {
            ((1..=32).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()))
                .then(|| text.to_owned())
        });
        if let Some(name) = name {
            if let Some((_, line)) = names.iter().find(|(other, _)| *other == name) {
                let message = format!("the user {name:?} stands already in line {line}");
                key.error(message, "give each [[user]] a name of its own");
            }
            names.push((name, key.line()));
        }
        user.required_as("role", "\"read\"").one_of(&["read", "operate", "administer"]);
        for item in user.key("ssh-keys").items("a list of public keys, for example [\"ssh-ed25519 AAAA...\"]")
        {
            item.parsed("a line of an authorized_keys file, for example \"ssh-ed25519 AAAA...\"", public_key);
        }
        secret_file(&user.key("password-file"), base);
        if let Some(mut snmp) = user.key("snmp").table() {
            snmp_user(&mut snmp, base, allow_weak);
            snmp.finish();
        }
        user.finish();
    }
}

fn snmp_user(snmp: &mut Section<'_>, base: &Base, allow_weak: bool) {
    let (auth, private) = (snmp.key("auth"), snmp.key("priv"));
    let weak = [auth.one_of(&AUTH) == Some("md5"), private.one_of(&PRIV) == Some("des")];
    for (weak, key) in weak.into_iter().zip([&auth, &private]) {
        if weak && !allow_weak {
            key.error(
                format!("{} is broken cryptography", key.label()),
                "choose a stronger one, or allow it by `[snmp] allow-weak = true`",
            );
        }
    }
    if private.exists() && !auth.exists() {
        private.error(
            "`priv` without `auth`".to_owned(),
            "SNMPv3 has no privacy without authentication (RFC 3411)",
        );
    }
    for (protocol, file) in [(&auth, "auth-password-file"), (&private, "priv-password-file")] {
        let key = snmp.key(file);
        if protocol.exists() && !key.exists() {
            protocol.error(format!("{} without `{file}`", protocol.label()), "");
        }
        secret_file(&key, base);
    }
}

/// A secret that nobody needs yet: what is wrong with it is only a warning.
fn secret_file(key: &Entry<'_>, base: &Base) {
    let Some(path) = key.str().map(|path| base.path(path)) else { return };
    if let Err(error) = Secret::from_file(&path) {
        key.warning(format!("{}: {}: {error}", key.label(), path.display()), "");
    }
}

fn public_key(text: &str) -> Option<()> {
    let mut words = text.split_ascii_whitespace();
    let known = words.next().is_some_and(|kind| {
        kind.starts_with("ssh-") || kind.starts_with("ecdsa-") || kind.starts_with("sk-")
    });
    (known && words.next().is_some()).then_some(())
}
