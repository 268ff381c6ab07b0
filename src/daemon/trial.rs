//! What a boot file asks of this host, tried without a daemon: folders that can be written, a store that can be used,
//! files enough, addresses that are free.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener, UdpSocket},
    os::unix::net::UnixStream,
    path::Path,
};

use super::files;
use crate::{
    config::Config,
    file::{Diagnostic, Severity},
    snmp::made::{self, MadeError, ROWS},
    store::{self, StoreError},
};

/// Warnings, because the file may be meant for another host or user; errors of a store that no host could use. Leaves
/// nothing behind.
pub fn trial(config: &Config) -> Vec<Diagnostic> {
    let mut trial = Trial { file: config.file.display().to_string(), found: Vec::new() };
    if UnixStream::connect(&config.control.socket).is_ok() {
        let what = format!("a daemon answers at {}", config.control.socket.display());
        trial.tell(Severity::Note, what, "folders and addresses are its own, and have not been tried");
        return trial.found;
    }
    trial.folder("[store] path", &config.store);
    trial.store(&config.store);
    if let Err(error) = made::Store::open(&config.store.join(ROWS)) {
        let severity = match &error {
            // That no folder can be there is told already.
            MadeError::Io { source, .. } if source.kind() == io::ErrorKind::NotADirectory => None,
            // The daemon's user may read it though this one may not.
            MadeError::Io { source, .. } if source.raw_os_error().is_some() => Some(Severity::Warning),
            MadeError::Io { .. } | MadeError::Malformed { .. } => Some(Severity::Error),
        };
        if let Some(severity) = severity {
            trial.tell(severity, error.to_string(), "");
        }
    }
    trial.files(files::Needed::of(config));
    if let Some(folder) = config.control.socket.parent() {
        trial.folder("[control] socket", folder);
    }
    for &address in &config.snmp.listen {
        trial.address("[snmp] listen: UDP", address, UdpSocket::bind(address).map(drop));
    }
    for &address in config.netconf.iter().flat_map(|netconf| &netconf.ssh) {
        trial.address("[netconf] ssh: TCP", address, TcpListener::bind(address).map(drop));
    }
    let tcp = [
        ("[broker] listen: TCP", config.broker.as_ref().map(|broker| broker.listen)),
        ("[control] http: TCP", config.control.http.filter(|_| config.control.http_required)),
    ];
    for (key, address) in tcp {
        if let Some(address) = address {
            trial.address(key, address, TcpListener::bind(address).map(drop));
        }
    }
    trial.found
}

struct Trial {
    file: String,
    found: Vec<Diagnostic>,
}

impl Trial {
    fn tell(&mut self, severity: Severity, message: String, help: &str) {
        self.found.push(Diagnostic { severity, ..Diagnostic::whole_file(&self.file, message, help) });
    }

    /// A folder that is not there is made by the daemon, so the nearest one above it counts.
    fn folder(&mut self, key: &str, folder: &Path) {
        let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
        if let Err(error) = can_write(there) {
            let message = format!("{key}: nothing can be written in {}: {error}", there.display());
            self.tell(Severity::Warning, message, "give the daemon's user a folder of its own");
        }
    }

    fn store(&mut self, folder: &Path) {
        for error in store::inspect(folder) {
            let (severity, help) = match &error {
                StoreError::Damaged { path, .. } if path.ends_with("state.db") => {
                    let message = format!("{} is damaged", path.display());
                    let help = "the daemon moves it aside when it meets the damage, and goes on without old telemetry; no number is lost, devices are asked for their settings, and passwords are sent again";
                    self.tell(Severity::Warning, message, help);
                    continue;
                }
                StoreError::Damaged { path, reason } if path.ends_with("numbers") => {
                    let message = format!("{} is damaged: {reason}", path.display());
                    self.tell(
                        Severity::Warning,
                        message,
                        "the daemon does not believe them, and goes on with what config.db knows",
                    );
                    continue;
                }
                StoreError::Incomplete { .. } => {
                    let help = "the daemon takes from the file numbers what that knows; what nobody knows any more gets a new number when it is heard";
                    (Severity::Warning, help)
                }
                StoreError::Damaged { .. }
                | StoreError::Newer { .. }
                | StoreError::Foreign { .. }
                | StoreError::NoFile { .. }
                | StoreError::Forgotten { .. } => (Severity::Error, "the daemon does not start with it"),
                _ => (Severity::Warning, "the daemon's user may be another one"),
            };
            self.tell(severity, error.to_string(), help);
        }
    }

    fn files(&mut self, needed: files::Needed) {
        let limit = files::hard_limit();
        if !needed.is_little() && limit < needed.files() {
            let message = format!("{needed} {} open files, and here {limit} are allowed", needed.files());
            self.tell(Severity::Warning, message, files::HELP);
        }
    }

    fn address(&mut self, key: &str, address: SocketAddr, tried: io::Result<()>) {
        let Err(error) = tried else { return };
        let help = match error.kind() {
            io::ErrorKind::AddrInUse => "another program has this port",
            io::ErrorKind::PermissionDenied => "ports below 1024 need CAP_NET_BIND_SERVICE",
            io::ErrorKind::AddrNotAvailable => "this host does not have that address",
            _ => "",
        };
        self.tell(Severity::Warning, format!("{key} {address} cannot be listened on: {error}"), help);
    }
}

fn can_write(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".fleetbridge-check-{}", std::process::id()));
    fs::OpenOptions::new().write(true).create_new(true).open(&probe)?;
    fs::remove_file(&probe)
}
