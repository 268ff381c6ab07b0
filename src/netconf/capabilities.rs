//! What the server says it can do (RFC 6241 section 8), which also decides which operations and arguments there are.

/// Of XML (RFC 6241 section 3.1) and the first capability of every `<hello>`.
pub const BASE: &str = "urn:ietf:params:xml:ns:netconf:base:1.0";
pub const BASE_1_0: &str = "urn:ietf:params:netconf:base:1.0";
pub const BASE_1_1: &str = "urn:ietf:params:netconf:base:1.1";
/// RFC 5277.
pub const NOTIFICATION: &str = "urn:ietf:params:xml:ns:netconf:notification:1.0";
/// RFC 6022.
pub const MONITORING: &str = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring";
/// RFC 6243.
pub const WITH_DEFAULTS: &str = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults";
/// Of `<action>` (RFC 7950 section 7.15).
pub const YANG: &str = "urn:ietf:params:xml:ns:yang:1";

const PREFIX: &str = "urn:ietf:params:netconf:capability:";

/// All URIs of the server's `<hello>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities(Vec<String>);

impl Capabilities {
    /// Those beside :base:1.0 and :base:1.1.
    pub fn new(others: impl IntoIterator<Item = String>) -> Self {
        let base = [BASE_1_0, BASE_1_1].map(str::to_owned);
        Capabilities(base.into_iter().chain(others).collect())
    }

    /// The URI of a capability of the RFCs by its short name, for example `candidate:1.0`.
    pub fn uri(name: &str) -> String {
        format!("{PREFIX}{name}")
    }

    pub fn uris(&self) -> &[String] {
        &self.0
    }

    /// Whether a capability is among them, by its short name and whatever its parameters.
    pub fn has(&self, name: &str) -> bool {
        let uris = self.0.iter().filter_map(|uri| uri.strip_prefix(PREFIX));
        uris.map(|uri| uri.split('?').next().unwrap_or(uri)).any(|uri| uri == name)
    }
}
