//! Sessions of NETCONF and what they do to a confirmed commit, as events tell it (RFC 6470 section 2.2).

use serde::{Deserialize, Serialize};

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    pub user: String,
    /// 0: none of NETCONF.
    pub session: u32,
    /// An IP address; empty if there is none.
    pub address: String,
}

/// Why a session has ended: termination-reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Termination {
    Closed,
    /// By a session, or by the server itself.
    Killed {
        by: Option<u32>,
    },
    Dropped,
    Timeout,
    BadHello,
    Other,
}

/// What has become of a confirmed commit: confirm-event. Timeouts are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirming {
    Start { timeout: u32 },
    Cancel,
    Timeout,
    Extend { timeout: u32 },
    Complete,
}

impl Termination {
    pub fn as_str(self) -> &'static str {
        match self {
            Termination::Closed => "closed",
            Termination::Killed { .. } => "killed",
            Termination::Dropped => "dropped",
            Termination::Timeout => "timeout",
            Termination::BadHello => "bad-hello",
            Termination::Other => "other",
        }
    }
}

impl Confirming {
    pub fn as_str(self) -> &'static str {
        match self {
            Confirming::Start { .. } => "start",
            Confirming::Cancel => "cancel",
            Confirming::Timeout => "timeout",
            Confirming::Extend { .. } => "extend",
            Confirming::Complete => "complete",
        }
    }
}
