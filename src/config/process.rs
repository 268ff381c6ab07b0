//! `[store]`, `[control]`, `[profiles]`, `[log]`, `[broker]`, `[limits]`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use super::{
    Base,
    listeners::{Listeners, Transport},
    section,
};
use crate::file::Section;

pub(super) const SOCKET: &str = "control.sock";
pub(super) const PROFILES: &str = "profiles";
const HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9116);
const BROKER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1883);

/// `[control]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// The Unix socket. Default: `control.sock`.
    pub socket: PathBuf,
    /// /metrics and /healthz. Default: 127.0.0.1:9116; `None` by `http = "off"`.
    pub http: Option<SocketAddr>,
    /// The address was asked for: that it is taken is no reason to go on without.
    pub http_required: bool,
}

/// `[log]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// error, warn, info (the default), debug, trace.
    pub level: &'static str,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// `[broker]`: the embedded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Default: 127.0.0.1:1883.
    pub listen: SocketAddr,
    /// Who may connect. Default: everybody who reaches it.
    pub users_file: Option<PathBuf>,
    /// Default: 1,000.
    pub max_clients: u32,
}

/// `[limits]`: of what devices send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message. Default: 256 KiB.
    pub payload: usize,
    /// Nesting of JSON. Default: 32.
    pub json_depth: u32,
    /// Devices that get a number within a minute; the rest waits for the next. Default: 1,000.
    pub new_devices_a_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { payload: 256 * 1024, json_depth: 32, new_devices_a_minute: 1000 }
    }
}

pub(super) fn store(top: &mut Section<'_>, base: &Base) -> PathBuf {
    let path = section(top, "store", |store| store.key("path").str()).flatten();
    base.path(path.unwrap_or("."))
}

pub(super) fn control(top: &mut Section<'_>, base: &Base, listeners: &mut Listeners) -> Control {
    let default = || Control { socket: base.path(SOCKET), http: Some(HTTP), http_required: false };
    section(top, "control", |control| {
        let mut read = default();
        if let Some(socket) = control.key("socket").parsed("the path of a socket", nonempty) {
            read.socket = base.path(&socket);
        }
        if read.socket.as_os_str().len() > 107 {
            control.key("socket").error(
                format!(
                    "`socket` is {} bytes long as {}",
                    read.socket.as_os_str().len(),
                    read.socket.display()
                ),
                "a Unix socket's path has at most 107: give a shorter one",
            );
        }
        let http = control.key("http");
        if http.exists() {
            read.http_required = true;
            let off = http.is_str() && http.str() == Some("off");
            read.http = if off { None } else { listeners.read(&http, Transport::Tcp, "127.0.0.1:9116") };
        }
        read
    })
    .unwrap_or_else(default)
}

pub(super) fn profiles(top: &mut Section<'_>, base: &Base) -> PathBuf {
    let path = section(top, "profiles", |profiles| {
        let dir = profiles.key("dir");
        let path = dir.parsed("the path of a folder", nonempty);
        if let Some(path) = &path
            && !base.path(path).is_dir()
        {
            let shown = base.path(path);
            dir.warning(
                format!("there is no folder {}", shown.display()),
                "only the shipped profiles are known",
            );
        }
        path
    });
    base.path(path.flatten().as_deref().unwrap_or(PROFILES))
}

pub(super) fn log(top: &mut Section<'_>) -> Log {
    let read = section(top, "log", |log| {
        let level = log.key("level").one_of(&["error", "warn", "info", "debug", "trace"]);
        let json = log.key("format").one_of(&["text", "json"]) == Some("json");
        Log { level: level.unwrap_or("info"), format: if json { LogFormat::Json } else { LogFormat::Text } }
    });
    read.unwrap_or(Log { level: "info", format: LogFormat::Text })
}

pub(super) fn broker(top: &mut Section<'_>, base: &Base, listeners: &mut Listeners) -> Option<Broker> {
    section(top, "broker", |broker| {
        let listen = broker.key("listen");
        let address = match listeners.read(&listen, Transport::Tcp, "127.0.0.1:1883") {
            Some(address) => address,
            None => BROKER,
        };
        let users = broker.key("users-file");
        let users_file = users.parsed("the path of a file", nonempty).map(|path| base.path(&path));
        if let Some(path) = users_file.as_ref().filter(|path| !path.is_file()) {
            let what = if path.exists() { "is not a regular file" } else { "is not there" };
            users.error(format!("{} {what}", path.display()), "");
        }
        if !users.exists() && !address.ip().is_loopback() {
            listen.error(
                format!("`listen` {address}: everybody who reaches it could send in a device's name"),
                "give a `users-file`, or listen on 127.0.0.1",
            );
        }
        let max_clients = broker.key("max-clients").integer(1..=100_000).unwrap_or(1000);
        Broker { listen: address, users_file, max_clients }
    })
}

pub(super) fn limits(top: &mut Section<'_>) -> Limits {
    let default = Limits::default();
    let read = section(top, "limits", |limits| Limits {
        payload: limits.key("payload").bytes(64..=16 << 20).map_or(default.payload, |bytes| bytes as usize),
        json_depth: limits.key("json-depth").integer(1..=128).unwrap_or(default.json_depth),
        new_devices_a_minute: limits
            .key("new-devices-a-minute")
            .integer(0..=10_000_000)
            .unwrap_or(default.new_devices_a_minute),
    });
    read.unwrap_or(default)
}

fn nonempty(text: &str) -> Option<String> {
    (!text.is_empty() && !text.contains('\0')).then(|| text.to_owned())
}
