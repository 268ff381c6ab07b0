//! Who asks by SNMPv3, in each tool's own words. Pass phrases stand in no file of a kit: a tool takes them from its
//! environment or its secrets, by the names here.

use serde::{Deserialize, Serialize};

use super::Tool;
use crate::snmp::usm::{AuthProtocol, PrivProtocol};

/// Of environment variables, and of macros of Zabbix.
pub const AUTH_PASSPHRASE: &str = "SNMP_AUTH_PASSPHRASE";
pub const PRIV_PASSPHRASE: &str = "SNMP_PRIV_PASSPHRASE";

/// A user of SNMPv3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    pub auth: AuthProtocol,
    /// Without it what is asked and answered can be read on its way.
    #[serde(rename = "priv")]
    pub private: Option<PrivProtocol>,
}

impl User {
    /// The security level (RFC 3411 section 3.4.3), as all tools but those with a number write it.
    pub fn level(&self) -> &'static str {
        if self.private.is_some() { "authPriv" } else { "authNoPriv" }
    }

    /// The protocol that the tool does not know.
    pub fn unknown_to(&self, tool: Tool) -> Option<&'static str> {
        if self.auth_of(tool).is_empty() {
            return Some(self.auth.name());
        }
        self.private.filter(|_| self.priv_of(tool).is_empty()).map(PrivProtocol::name)
    }

    /// Empty: the tool has no word for it.
    pub(super) fn auth_of(&self, tool: Tool) -> &'static str {
        let words = match tool {
            // What PHP takes: its functions for SNMP have no others.
            Tool::Cacti => ["MD5", "SHA", "", "SHA256", "", "SHA512"],
            Tool::Icinga => ["MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512"],
            Tool::Librenms => ["md5", "sha", "sha-224", "sha-256", "sha-384", "sha-512"],
            Tool::Opennms => ["MD5", "SHA", "SHA-224", "SHA-256", "", "SHA-512"],
            Tool::SnmpExporter | Tool::Telegraf => ["MD5", "SHA", "SHA224", "SHA256", "SHA384", "SHA512"],
            Tool::Zabbix => ["MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512"],
        };
        let known = AuthProtocol::ALL.iter().zip(words).find(|(protocol, _)| **protocol == self.auth);
        known.map_or("", |(_, word)| word)
    }

    /// As [`auth_of`](User::auth_of); empty also without privacy.
    pub(super) fn priv_of(&self, tool: Tool) -> &'static str {
        let words = match tool {
            Tool::Cacti => ["DES", "AES128", "", "", "", ""],
            Tool::Icinga => ["DES", "AES", "AES-192", "AES-256", "AES-192-C", "AES-256-C"],
            Tool::Librenms => ["des", "aes", "aes-192", "aes-256", "", "aes-256-c"],
            Tool::Opennms => ["DES", "AES", "AES192", "AES256", "", ""],
            Tool::SnmpExporter | Tool::Telegraf => ["DES", "AES", "AES192", "AES256", "AES192C", "AES256C"],
            Tool::Zabbix => ["DES", "AES128", "AES192", "AES256", "AES192C", "AES256C"],
        };
        let known =
            PrivProtocol::ALL.iter().zip(words).find(|(protocol, _)| Some(**protocol) == self.private);
        known.map_or("", |(_, word)| word)
    }
}
