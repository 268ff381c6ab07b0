//! How many files this process may have open: each client of the embedded broker and each port of a device takes one.

use std::{collections::BTreeSet, fmt, net::SocketAddr};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// Files besides those: databases, sockets, connections to brokers and managers.
const OTHERS: u64 = 200;

/// What to do if there are too few.
pub const HELP: &str =
    "raise the limit (LimitNOFILE= in the systemd unit, `ulimit -Hn` in a shell), or ask for less";

/// What a boot file asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    max_clients: Option<u32>,
    /// Ports of devices, and the addresses at which each is opened.
    ports: (u64, u64),
}

impl Needed {
    pub fn of(config: &Config) -> Needed {
        let ports = config.snmp.devices.ports.as_ref().map_or(0, |ports| ports.len() as u64);
        let listen: BTreeSet<_> = config.snmp.listen.iter().map(SocketAddr::ip).collect();
        let max_clients = config.broker.as_ref().map(|broker| broker.max_clients);
        Needed { max_clients, ports: (ports, listen.len() as u64) }
    }

    pub fn files(&self) -> u64 {
        u64::from(self.max_clients.unwrap_or(0)) + self.ports.0 * self.ports.1 + OTHERS
    }

    /// Nothing was asked for that takes many.
    pub fn is_little(&self) -> bool {
        self.max_clients.is_none() && self.ports.0 == 0
    }
}

/// Who takes them, as the beginning of a sentence.
impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = self.max_clients.map(|most| format!("[broker] max-clients {most}"));
        let ports = match self.ports {
            (0, _) => None,
            (ports, 1) => Some(format!("[snmp.devices] ports ({ports})")),
            (ports, addresses) => Some(format!("[snmp.devices] ports ({ports} at {addresses} addresses)")),
        };
        match (clients, ports) {
            (Some(clients), Some(ports)) => write!(f, "{clients} and {ports} take"),
            (one, other) => write!(f, "{} takes", one.or(other).unwrap_or_default()),
        }
    }
}

/// The most that this process may ask for.
pub fn hard_limit() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Asks for the most; returns how many files may be open from now on.
pub fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let allowed = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    allowed.unwrap_or(u64::MAX)
}
