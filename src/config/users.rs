//! `[[user]]`: who may log in to the NETCONF server, and who may ask and set by SNMPv3.

use super::{Base, secrets, snmp::scope};
use crate::{
    file::{Entry, Section},
    kit::Filter,
    login::{Hash, Role},
    netconf::ssh::UserKey,
    secret::Secret,
    snmp::usm::{AuthProtocol, PrivProtocol},
};

/// Octets of a password of SNMPv3 at least (RFC 3414 section 11.2).
const SHORTEST: usize = 8;

/// `[[user]]`
#[derive(Clone, Debug)]
pub struct User {
    pub name: String,
    pub role: Role,
    /// Default: none.
    pub ssh_keys: Vec<UserKey>,
    /// The hash in `password-file`. Default: no log-in by password.
    pub password: Option<Hash>,
    /// Default: no SNMPv3.
    pub snmp: Option<SnmpUser>,
}

/// `[[user]] snmp`
#[derive(Clone, Debug)]
pub struct SnmpUser {
    pub auth: (AuthProtocol, Secret),
    /// Default: none, the user's messages can be read on their way.
    pub private: Option<(PrivProtocol, Secret)>,
    /// The devices that the user sees. Default: all.
    pub scope: Option<Filter>,
}

pub(super) fn read(top: &mut Section<'_>, base: &Base, allow_weak: bool) -> Vec<User> {
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
        let role = section.required_as("role", "\"read\"").one_of(&Role::ALL.map(Role::name));
        let items =
            section.key("ssh-keys").items("a list of public keys, for example [\"ssh-ed25519 AAAA...\"]");
        let ssh_keys = items.iter().filter_map(ssh_key).collect();
        let password = password(&section.key("password-file"), base);
        let snmp = section.key("snmp").table().and_then(|mut snmp| {
            let user = snmp_user(&mut snmp, base, allow_weak);
            snmp.finish();
            user
        });
        if let (Some(name), Some(role)) = (name, role.and_then(role_of)) {
            users.push((User { name, role, ssh_keys, password, snmp }, key.line()));
        }
        section.finish();
    }
    users.into_iter().map(|(user, _)| user).collect()
}

fn role_of(word: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.name() == word)
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

/// `None` if it cannot be used, of which the operator is told: never a user with less than was asked for.
fn snmp_user(snmp: &mut Section<'_>, base: &Base, allow_weak: bool) -> Option<SnmpUser> {
    let auth_key = snmp.required_as("auth", "\"sha-256\"");
    let priv_key = snmp.key("priv");
    let auth = auth_key.one_of(&AuthProtocol::ALL.map(AuthProtocol::name));
    let auth = AuthProtocol::ALL.into_iter().find(|protocol| Some(protocol.name()) == auth);
    let private = priv_key.one_of(&PrivProtocol::ALL.map(PrivProtocol::name));
    let private = PrivProtocol::ALL.into_iter().find(|protocol| Some(protocol.name()) == private);
    weak(&auth_key, auth.is_some_and(AuthProtocol::is_weak), allow_weak);
    weak(&priv_key, private.is_some_and(PrivProtocol::is_weak), allow_weak);
    let auth_password = snmp_password(snmp, base, &auth_key, ["auth-password-file", "auth-password-env"]);
    let priv_password = snmp_password(snmp, base, &priv_key, ["priv-password-file", "priv-password-env"]);
    let scope = scope(&snmp.key("scope"));
    let auth = auth.zip(auth_password)?;
    let private = if priv_key.exists() { Some(private.zip(priv_password)?) } else { None };
    Some(SnmpUser { auth, private, scope })
}

fn weak(key: &Entry<'_>, weak: bool, allowed: bool) {
    match (weak, allowed) {
        (true, false) => key.error(
            format!("{} is broken cryptography", key.label()),
            "choose a stronger one, or allow it by `[snmp] allow-weak = true`",
        ),
        (true, true) => key.warning(
            format!("{} is broken cryptography, and `allow-weak` allows it", key.label()),
            "choose sha-256 and aes-128 as soon as all managers can",
        ),
        (false, _) => {}
    }
}

/// `protocol`: the key that needs it.
fn snmp_password(
    snmp: &mut Section<'_>,
    base: &Base,
    protocol: &Entry<'_>,
    names: [&'static str; 2],
) -> Option<Secret> {
    let [file, env] = names.map(|name| snmp.key(name));
    let key = if file.exists() { &file } else { &env };
    match (protocol.exists(), key.exists()) {
        (true, false) => {
            protocol.error(format!("{} without `{}` or `{}`", protocol.label(), names[0], names[1]), "");
            return None;
        }
        (false, true) => {
            key.error(format!("{} without a protocol that needs it", key.label()), "");
            return None;
        }
        (false, false) => return None,
        (true, true) => {}
    }
    let unusable =
        |why: &str| key.warning(format!("{}: {why}; there is no SNMPv3 for this user", key.label()), "");
    match secrets::read(&file, &env, base) {
        Ok(password) if password.expose().len() < SHORTEST => {
            unusable(&format!("a password of SNMPv3 has {SHORTEST} characters or more"));
            None
        }
        Ok(password) => Some(password),
        Err(unread) => {
            unusable(&unread.what);
            None
        }
    }
}
