//! `[[mqtt]]`: connections to brokers.

use std::{net::SocketAddr, path::PathBuf};

use super::{Base, Broker, secrets};
use crate::{
    file::{Entry, Section},
    secret::Secret,
    southbound::mqtt::{Address, AddressError, Protocol},
};

/// One connection to a broker.
#[derive(Clone, Debug)]
pub struct Mqtt {
    /// Of the adapter, as managers see it: 1..32 of `[A-Za-z0-9_.-]`.
    pub name: String,
    pub address: Address,
    /// Default: 5.
    pub protocol: Protocol,
    pub user: Option<String>,
    /// From `password-file` or `password-env`.
    pub password: Option<Secret>,
    /// Default: the bridge chooses.
    pub client_id: Option<String>,
    /// Bridges with the same one take turns on the messages. Default: none, each hears all.
    pub share_group: Option<String>,
    /// PEM; default: the system's authorities.
    pub ca_file: Option<PathBuf>,
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    /// Which device types are heard here; `None`, the default: all.
    pub profiles: Option<Vec<ProfileName>>,
    /// Default: auto.
    pub adopt: Adopt,
    /// How many messages a second are sent to devices at most. Default: 1000.
    pub commands_a_second: u32,
}

const COMMANDS_A_SECOND: u32 = 1000;

/// What happens to a device that a profile recognises and nobody enrolled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adopt {
    /// It gets a number at once.
    #[default]
    Auto,
    /// It waits in a bounded list.
    Ask,
}

/// A name that must be a profile's, with its line in the boot file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileName {
    pub name: String,
    pub line: u32,
}

impl Mqtt {
    /// Whether it is the embedded broker that is there.
    pub fn leads_to(&self, broker: SocketAddr) -> bool {
        leads_to(&self.address, broker)
    }

    /// The bridge's own connection to its embedded broker, for a boot file that names none.
    pub fn embedded(broker: &Broker) -> Self {
        let everywhere = broker.listen.ip().is_unspecified();
        let here = if broker.listen.is_ipv4() { "127.0.0.1" } else { "::1" };
        let host = if everywhere { here.to_owned() } else { broker.listen.ip().to_string() };
        Mqtt {
            name: "embedded".to_owned(),
            address: Address { host, port: broker.listen.port(), tls: false },
            protocol: Protocol::default(),
            user: None,
            password: None,
            client_id: None,
            share_group: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            profiles: None,
            adopt: Adopt::default(),
            commands_a_second: COMMANDS_A_SECOND,
        }
    }
}

/// All connections, and all names of profiles that stand in them.
pub(super) fn read(
    top: &mut Section<'_>,
    base: &Base,
    broker: Option<&Broker>,
) -> (Vec<Mqtt>, Vec<ProfileName>) {
    let mut list: Vec<(Mqtt, u32)> = Vec::new();
    let mut named = Vec::new();
    for mut section in top.key("mqtt").tables() {
        let name = section.key("name");
        let line = name.line();
        if let Some(mqtt) = connection(&mut section, base, broker, &mut named) {
            if let Some((_, first)) = list.iter().find(|(other, _)| other.name == mqtt.name) {
                let message = format!("`name` {:?} is taken already, in line {first}", mqtt.name);
                name.error(message, "give each [[mqtt]] a name of its own");
            }
            list.push((mqtt, line));
        }
        section.finish();
    }
    (list.into_iter().map(|(mqtt, _)| mqtt).collect(), named)
}

fn connection(
    section: &mut Section<'_>,
    base: &Base,
    embedded: Option<&Broker>,
    named: &mut Vec<ProfileName>,
) -> Option<Mqtt> {
    let name = section
        .required_as("name", "\"plant\"")
        .parsed("a name of 1 to 32 letters, digits, `_`, `.` or `-`, for example \"plant\"", identifier);
    let url = section.required_as("url", "\"mqtt://127.0.0.1:1883\"");
    let address = broker(&url);
    let protocol = match section.key("protocol").one_of(&["5", "3.1.1"]) {
        Some("3.1.1") => Protocol::V311,
        _ => Protocol::V5,
    };
    let own = embedded.filter(|own| address.as_ref().is_some_and(|address| leads_to(address, own.listen)));
    let login = section.key("user");
    if own.is_some() && login.exists() {
        login.warning(
            "`user` at the embedded broker: publishers do not wait for a bridge that logs in as somebody else"
                .to_owned(),
            "leave `user` out: the bridge has a way in of its own",
        );
    }
    let user = login.str().map(str::to_owned);
    let password = password(section, base, user.is_some());
    let client_id = section.key("client-id").parsed("a text of 1 to 64 characters", |text| {
        (1..=64).contains(&text.chars().count()).then(|| text.to_owned())
    });
    let group = section.key("share-group");
    if own.is_some() && group.exists() {
        group.error(
            "`share-group` at the embedded broker: nobody shares it".to_owned(),
            "leave it out, or have bridges share a broker that is none of them",
        );
    }
    let share_group = group.parsed("a name without `/`, `+` and `#`, for example \"bridges\"", |text| {
        (!text.is_empty() && !text.contains(['/', '+', '#'])).then(|| text.to_owned())
    });
    let (ca_file, cert_file, key_file) = tls(section, base, address.as_ref());
    let listed = section.key("profiles");
    let profiles: Vec<_> = listed
        .items("a list of names of profiles, for example [\"tasmota\"]")
        .iter()
        .filter_map(|item| Some(ProfileName { name: item.str()?.to_owned(), line: item.line() }))
        .collect();
    named.extend_from_slice(&profiles);
    if listed.is_list() && profiles.is_empty() {
        listed.error(
            "`profiles` is empty: nothing would be heard".to_owned(),
            "name profiles, or leave the key out for all",
        );
    }
    let adopt = match section.key("adopt").one_of(&["auto", "ask"]) {
        Some("ask") => Adopt::Ask,
        _ => Adopt::Auto,
    };
    let commands_a_second =
        section.key("commands-a-second").integer(1..=100_000u32).unwrap_or(COMMANDS_A_SECOND);
    if let Some(address) = &address
        && password.is_some()
        && !address.tls
        && !address.is_loopback()
    {
        url.warning(
            "the password crosses the network in clear".to_owned(),
            "use mqtts:// (TLS) where the broker offers it",
        );
    }
    Some(Mqtt {
        name: name?,
        address: address?,
        protocol,
        user,
        password,
        client_id,
        share_group,
        ca_file,
        cert_file,
        key_file,
        profiles: listed.exists().then_some(profiles),
        adopt,
        commands_a_second,
    })
}

fn leads_to(address: &Address, broker: SocketAddr) -> bool {
    let here = address.is_loopback() || address.host == broker.ip().to_string();
    here && address.port == broker.port() && !address.tls
}

/// The URL itself is not repeated in the message when it may hold a password.
fn broker(url: &Entry<'_>) -> Option<Address> {
    let example = "a broker's address, for example \"mqtt://127.0.0.1:1883\"";
    match Address::parse(url.str()?) {
        Ok(address) => Some(address),
        Err(AddressError::Credentials) => {
            url.error(
                "`url` holds credentials".to_owned(),
                "write `user` and `password-file` or `password-env` instead",
            );
            None
        }
        Err(AddressError::Shape(_) | AddressError::Port(_)) => url.wrong(
            example,
            "it is mqtt:// (port 1883) or mqtts:// (TLS, port 8883), a host and a port, nothing behind; IPv6 in brackets",
        ),
    }
}

fn password(section: &mut Section<'_>, base: &Base, user: bool) -> Option<Secret> {
    let (file, env) = (section.key("password-file"), section.key("password-env"));
    if (file.exists() || env.exists()) && !user {
        let key = if file.exists() { &file } else { &env };
        key.error(format!("{} without `user`", key.label()), "a broker takes a password only with a user");
    }
    let key = if file.exists() { &file } else { &env };
    if !key.exists() {
        return None;
    }
    let read = secrets::read(&file, &env, base);
    read.map_err(|unread| key.error(unread.what, &unread.help)).ok()
}

fn tls(
    section: &mut Section<'_>,
    base: &Base,
    address: Option<&Address>,
) -> (Option<PathBuf>, Option<PathBuf>, Option<PathBuf>) {
    let [ca, cert, key] = ["ca-file", "cert-file", "key-file"].map(|name| section.key(name));
    let plain = address.is_some_and(|address| !address.tls);
    let [ca_file, cert_file, key_file] = [&ca, &cert, &key].map(|entry| {
        let path = base.path(entry.str()?);
        if plain {
            entry.error(format!("{} with a url of mqtt://", entry.label()), "TLS is mqtts://");
        }
        if !path.exists() {
            entry.error(format!("there is no file {}", path.display()), "PEM is expected");
        } else if !path.is_file() {
            entry.error(format!("{} is not a regular file", path.display()), "PEM is expected");
        }
        Some(path)
    });
    if cert.exists() != key.exists() {
        let (there, absent) = if cert.exists() { (&cert, "key-file") } else { (&key, "cert-file") };
        there.error(format!("{} without `{absent}`", there.label()), "a client certificate needs both");
    }
    if let (Some(path), Some(true)) = (key.str(), key_file.as_ref().map(|path| path.is_file())) {
        let path = base.path(path);
        if let Err(error) = Secret::from_file(&path) {
            key.error(format!("{}: {}: {error}", key.label(), path.display()), "");
        }
    }
    (ca_file, cert_file, key_file)
}

/// Reads a secret from a file that only its owner may open.
fn identifier(text: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    ((1..=32).contains(&text.len()) && text.chars().all(legal)).then(|| text.to_owned())
}
