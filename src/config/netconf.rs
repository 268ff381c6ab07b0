//! `[netconf]`: the server.

use std::{net::SocketAddr, path::PathBuf};

use super::{
    Base,
    listeners::{Listeners, Transport},
    section,
};
use crate::{file::Section, netconf::ssh::HostKey};

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
