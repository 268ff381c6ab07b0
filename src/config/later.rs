//! What is read and checked now and acts in a later release: `[[user]] snmp`.

use super::Base;
use crate::{
    file::{Entry, Section},
    secret::Secret,
};

const AUTH: [&str; 6] = ["md5", "sha-1", "sha-224", "sha-256", "sha-384", "sha-512"];
const PRIV: [&str; 6] = ["des", "aes-128", "aes-192", "aes-256", "aes-192-c", "aes-256-c"];

/// `[[user]] snmp`
pub(super) fn snmp_user(snmp: &mut Section<'_>, base: &Base, allow_weak: bool) {
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
