//! How many files this process may have open: each client of the embedded broker takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files besides those of the broker's clients: databases, sockets, connections to brokers and managers.
const OTHERS: u64 = 200;

/// What a broker for so many clients takes.
pub fn needed(max_clients: u32) -> u64 {
    u64::from(max_clients) + OTHERS
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
