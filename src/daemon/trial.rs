//! What a boot file asks of this host, tried without a daemon: folders that can be written, addresses that are free.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener, UdpSocket},
    os::unix::net::UnixStream,
    path::Path,
};

use crate::{
    config::Config,
    file::{Diagnostic, Severity},
};

/// Warnings, because the file may be meant for another host or user. Leaves nothing behind.
pub fn trial(config: &Config) -> Vec<Diagnostic> {
    let mut trial = Trial { file: config.file.display().to_string(), found: Vec::new() };
    if UnixStream::connect(&config.control.socket).is_ok() {
        let what = format!("a daemon answers at {}", config.control.socket.display());
        trial.tell(Severity::Note, what, "folders and addresses are its own, and have not been tried");
        return trial.found;
    }
    trial.folder("[store] path", &config.store);
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
