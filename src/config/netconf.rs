//! `[netconf]`: the server, and `[[user]]`: who may log in to it.

use std::{net::SocketAddr, path::PathBuf};

use super::{
    Base, later,
    listeners::{Listeners, Transport},
    section,
};
use crate::{
    file::{Entry, Section},
    login::Hash,
    netconf::{
        role::Role,
        ssh::{HostKey, UserKey},
    },
    secret::Secret,
};

const SSH: &str = "127.0.0.1:1830";
const HOST_KEY: &str = "host_ed25519";

/// `[netconf]`
#[derive(Clone, Debug)]
pub struct Netconf {
    /// Default: 127.0.0.1:1830.
    pub ssh: Vec<SocketAddr>,
    /// Default: host_ed25519.
    pub host_keys: Vec<PathBuf>,
    /// Default: 1,000.
    pub max_sessions: usize,
    /// Bytes of a request. Default: 64 MiB.
    pub max_rpc: usize,
    /// Milliseconds from a connection to its session. Default: 30 s.
    pub login_grace: u64,
    /// Devices that a commit may change unless it is a confirmed one. Default: any number.
    pub max_devices_per_commit: Option<usize>,
}

/// `[[user]]`
#[derive(Clone, Debug)]
pub struct User {
    pub name: String,
    pub role: Role,
    /// Default: none.
    pub ssh_keys: Vec<UserKey>,
    /// The hash in `password-file`. Default: no log-in by password.
    pub password: Option<Hash>,
}

pub(super) fn read(top: &mut Section<'_>, base: &Base, listeners: &mut Listeners) -> Option<Netconf> {
    section(top, "netconf", |netconf| {
        let key = netconf.key("ssh");
        let items = key.items("a list of addresses, for example [\"127.0.0.1:1830\"]");
        let mut ssh: Vec<_> =
            items.iter().filter_map(|item| listeners.read(item, Transport::Tcp, SSH)).collect();
        if !key.exists() {
            ssh.extend(SSH.parse::<SocketAddr>());
        }
        let key = netconf.key("host-keys");
        let mut host_keys: Vec<_> = key.strings().into_iter().map(|path| base.path(path)).collect();
        if !key.exists() {
            host_keys.push(base.path(HOST_KEY));
        } else if host_keys.is_empty() && !ssh.is_empty() {
            key.error(
                "`host-keys` is empty".to_owned(),
                "make one: ssh-keygen -t ed25519 -N '' -f host_ed25519",
            );
        }
        Netconf {
            ssh,
            host_keys,
            max_sessions: netconf.key("max-sessions").integer(1..=10_000usize).unwrap_or(1000),
            max_rpc: netconf.key("max-rpc").bytes(4096..=1 << 30).map_or(64 << 20, |bytes| bytes as usize),
            login_grace: netconf.key("login-grace").duration(1000..=600_000).unwrap_or(30_000),
            max_devices_per_commit: netconf.key("max-devices-per-commit").integer(1..=10_000_000),
        }
    })
}

impl Netconf {
    /// The host keys, one that is not there newly made, or what is wrong with each that cannot be used.
    ///
    /// # Errors
    /// A text for the operator that names the file.
    pub fn read_host_keys(&self) -> Result<Vec<HostKey>, Vec<String>> {
        let (mut keys, mut problems) = (Vec::new(), Vec::new());
        for path in &self.host_keys {
            match HostKey::read_or_make(path) {
                Ok(key) => keys.push(key),
                Err(error) => problems.push(format!("[netconf] host key {}: {error}", path.display())),
            }
        }
        if problems.is_empty() { Ok(keys) } else { Err(problems) }
    }
}

pub(super) fn users(top: &mut Section<'_>, base: &Base, allow_weak: bool) -> Vec<User> {
    let mut users: Vec<(User, u32)> = Vec::new();
    for mut section in top.key("user").tables() {
        let key = section.required_as("name", "\"admin\"");
        let name = key.parsed("a name of 1 to 32 printable characters", |text| {
            ((1..=32).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()))
                .then(|| text.to_owned())
        });
        if let Some((_, line)) = users.iter().find(|(other, _)| Some(&other.name) == name.as_ref()) {
            let message = format!("the user {} stands already in line {line}", key.label());
            key.error(message, "give each [[user]] a name of its own");
        }
        let role = section.required_as("role", "\"read\"").one_of(&["read", "operate", "administer"]);
        let items =
            section.key("ssh-keys").items("a list of public keys, for example [\"ssh-ed25519 AAAA...\"]");
        let ssh_keys = items.iter().filter_map(ssh_key).collect();
        let password = password(&section.key("password-file"), base);
        let snmp = section.key("snmp");
        if let Some(mut snmp) = snmp.table() {
            later::snmp_user(&mut snmp, base, allow_weak);
            snmp.finish();
        }
        if let (Some(name), Some(role)) = (name, role.and_then(role_of)) {
            users.push((User { name, role, ssh_keys, password }, key.line()));
        }
        section.finish();
    }
    users.into_iter().map(|(user, _)| user).collect()
}

fn role_of(word: &str) -> Option<Role> {
    [Role::Read, Role::Operate, Role::Administer].into_iter().find(|role| role.name() == word)
}

fn ssh_key(item: &Entry<'_>) -> Option<UserKey> {
    match UserKey::parse(item.str()?) {
        Ok(key) => Some(key),
        Err(error) => {
            let message = format!("{} is no public key, so nobody logs in by it: {error}", item.label());
            item.warning(
                message,
                "write a line of an authorized_keys file, for example \"ssh-ed25519 AAAA...\"",
            );
            None
        }
    }
}

/// A hash as `fleetbridge password --hash` makes it; the file is private because a hash can be guessed against.
fn password(key: &Entry<'_>, base: &Base) -> Option<Hash> {
    let path = base.path(key.str()?);
    let read = Secret::from_file(&path).map_err(|error| error.to_string());
    match read.and_then(|text| Hash::parse(text.expose().trim())) {
        Ok(hash) => Some(hash),
        Err(error) => {
            let help = "make one: fleetbridge password --hash > FILE; chmod 600 FILE";
            let file = path.display();
            key.warning(format!("{}: {file}: {error}; there is no log-in by password", key.label()), help);
            None
        }
    }
}
