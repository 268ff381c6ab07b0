//! The protocols of USM: names as in the boot file, identifiers, and lengths.

use serde::{Deserialize, Serialize};

use super::super::oid::Prefix;

/// RFC 3414 section 6 and 7, RFC 7860.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthProtocol {
    Md5,
    #[serde(rename = "sha-1")]
    Sha1,
    #[serde(rename = "sha-224")]
    Sha224,
    #[serde(rename = "sha-256")]
    Sha256,
    #[serde(rename = "sha-384")]
    Sha384,
    #[serde(rename = "sha-512")]
    Sha512,
}

/// RFC 3414 section 8, RFC 3826. AES with longer keys is in no RFC: the key is made longer as
/// draft-blumenthal-aes-usm-04 says, or (`-c`) as draft-reeder-snmpv3-usm-3desede-00 does and Cisco with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrivProtocol {
    Des,
    #[serde(rename = "aes-128")]
    Aes128,
    #[serde(rename = "aes-192")]
    Aes192,
    #[serde(rename = "aes-256")]
    Aes256,
    #[serde(rename = "aes-192-c")]
    Aes192C,
    #[serde(rename = "aes-256-c")]
    Aes256C,
}

/// usmNoAuthProtocol and usmNoPrivProtocol.
pub const NO_AUTH: Prefix = Prefix::new(&[1, 3, 6, 1, 6, 3, 10, 1, 1, 1]);
pub const NO_PRIV: Prefix = Prefix::new(&[1, 3, 6, 1, 6, 3, 10, 1, 2, 1]);

impl AuthProtocol {
    pub const ALL: [AuthProtocol; 6] = [
        AuthProtocol::Md5,
        AuthProtocol::Sha1,
        AuthProtocol::Sha224,
        AuthProtocol::Sha256,
        AuthProtocol::Sha384,
        AuthProtocol::Sha512,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            AuthProtocol::Md5 => "md5",
            AuthProtocol::Sha1 => "sha-1",
            AuthProtocol::Sha224 => "sha-224",
            AuthProtocol::Sha256 => "sha-256",
            AuthProtocol::Sha384 => "sha-384",
            AuthProtocol::Sha512 => "sha-512",
        }
    }

    pub const fn oid(self) -> &'static Prefix {
        match self {
            AuthProtocol::Md5 => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 10, 1, 1, 2]) },
            AuthProtocol::Sha1 => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 10, 1, 1, 3]) },
            AuthProtocol::Sha224 => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 10, 1, 1, 4]) },
            AuthProtocol::Sha256 => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 10, 1, 1, 5]) },
            AuthProtocol::Sha384 => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 10, 1, 1, 6]) },
            AuthProtocol::Sha512 => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 10, 1, 1, 7]) },
        }
    }

    /// Broken; only with `allow-weak`.
    pub const fn is_weak(self) -> bool {
        matches!(self, AuthProtocol::Md5)
    }

    /// Octets of a key.
    pub const fn key_len(self) -> usize {
        match self {
            AuthProtocol::Md5 => 16,
            AuthProtocol::Sha1 => 20,
            AuthProtocol::Sha224 => 28,
            AuthProtocol::Sha256 => 32,
            AuthProtocol::Sha384 => 48,
            AuthProtocol::Sha512 => 64,
        }
    }

    /// Octets of msgAuthenticationParameters.
    pub const fn mac_len(self) -> usize {
        match self {
            AuthProtocol::Md5 | AuthProtocol::Sha1 => 12,
            AuthProtocol::Sha224 => 16,
            AuthProtocol::Sha256 => 24,
            AuthProtocol::Sha384 => 32,
            AuthProtocol::Sha512 => 48,
        }
    }
}

impl PrivProtocol {
    pub const ALL: [PrivProtocol; 6] = [
        PrivProtocol::Des,
        PrivProtocol::Aes128,
        PrivProtocol::Aes192,
        PrivProtocol::Aes256,
        PrivProtocol::Aes192C,
        PrivProtocol::Aes256C,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            PrivProtocol::Des => "des",
            PrivProtocol::Aes128 => "aes-128",
            PrivProtocol::Aes192 => "aes-192",
            PrivProtocol::Aes256 => "aes-256",
            PrivProtocol::Aes192C => "aes-192-c",
            PrivProtocol::Aes256C => "aes-256-c",
        }
    }

    /// Those that no RFC has are where net-snmp and Cisco have them.
    pub const fn oid(self) -> &'static Prefix {
        match self {
            PrivProtocol::Des => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 10, 1, 2, 2]) },
            PrivProtocol::Aes128 => const { &Prefix::new(&[1, 3, 6, 1, 6, 3, 10, 1, 2, 4]) },
            PrivProtocol::Aes192 => const { &Prefix::new(&[1, 3, 6, 1, 4, 1, 14832, 1, 3]) },
            PrivProtocol::Aes256 => const { &Prefix::new(&[1, 3, 6, 1, 4, 1, 14832, 1, 4]) },
            PrivProtocol::Aes192C => const { &Prefix::new(&[1, 3, 6, 1, 4, 1, 9, 12, 6, 1, 1]) },
            PrivProtocol::Aes256C => const { &Prefix::new(&[1, 3, 6, 1, 4, 1, 9, 12, 6, 1, 2]) },
        }
    }

    /// Broken; only with `allow-weak`.
    pub const fn is_weak(self) -> bool {
        matches!(self, PrivProtocol::Des)
    }

    /// Octets of a key; of DES with the pre-IV behind it.
    pub const fn key_len(self) -> usize {
        match self {
            PrivProtocol::Des | PrivProtocol::Aes128 => 16,
            PrivProtocol::Aes192 | PrivProtocol::Aes192C => 24,
            PrivProtocol::Aes256 | PrivProtocol::Aes256C => 32,
        }
    }

    /// The rest of a key that is too short is hashed from the password anew: over a millisecond.
    pub const fn is_slow(self) -> bool {
        matches!(self, PrivProtocol::Aes192C | PrivProtocol::Aes256C)
    }
}
