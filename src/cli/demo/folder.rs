//! What the demo writes: boot file, MIB files, and profiles that notice silence sooner.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::world::PERIOD;
use crate::{
    cli::{Failure, mibs},
    southbound::profile::SHIPPED,
};

/// Where the bridge of the demo listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub snmp: SocketAddr,
    pub mqtt: SocketAddr,
    /// Where traps go to.
    pub traps: SocketAddr,
}

impl Addresses {
    pub fn new(snmp: SocketAddr, mqtt: SocketAddr) -> Self {
        let port = if snmp.port() == u16::MAX { snmp.port() - 1 } else { snmp.port() + 1 };
        let host = match snmp.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        Addresses { snmp, mqtt, traps: SocketAddr::new(host, port) }
    }
}

/// The first line of a boot file of ours: one without it is somebody's own.
const MARK: &str = "# Written by `fleetbridge demo`, which writes it anew at each start.";

pub const COMMUNITY: &str = "public";

/// The demo's folder, with everything in it that the bridge needs.
#[derive(Debug)]
pub struct Folder {
    pub path: PathBuf,
    pub boot_file: PathBuf,
    pub mibs: PathBuf,
}

impl Folder {
    /// Makes a fresh folder below the one for temporary files, or uses `dir`.
    ///
    /// # Errors
    /// `dir` holds a boot file that the demo did not write, or a file cannot be written.
    pub fn make(dir: Option<PathBuf>, devices: usize, addresses: &Addresses) -> Result<Folder, Failure> {
        let path = match dir {
            Some(dir) => dir,
            None => std::env::temp_dir().join(format!("fleetbridge-demo-{:08x}", random()?)),
        };
        let path = std::path::absolute(&path).unwrap_or(path);
        let boot_file = path.join("fleetbridge.toml");
        if let Ok(text) = fs::read_to_string(&boot_file)
            && !text.starts_with(MARK)
        {
            return Err(Failure::new(
                format!("{} is not of the demo's making, so it stays as it is", boot_file.display()),
                "give another folder with --dir DIR",
            ));
        }
        let folder = Folder { mibs: path.join("mibs"), path, boot_file };
        folder.write(devices, addresses).map_err(|error| {
            Failure::new(format!("cannot write into {}: {error}", folder.path.display()), "use --dir DIR")
        })?;
        mibs::write(&folder.mibs).map_err(|error| Failure::new(error, ""))?;
        Ok(folder)
    }

    fn write(&self, devices: usize, addresses: &Addresses) -> io::Result<()> {
        let profiles = self.path.join("profiles");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&profiles)?;
        write(&self.boot_file, &boot_file(devices, addresses))?;
        for (name, text) in SHIPPED {
            write(&profiles.join(name), &impatient(text))?;
        }
        Ok(())
    }
}

/// 0600, since the boot file holds a community.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())
}

fn boot_file(devices: usize, addresses: &Addresses) -> String {
    let Addresses { snmp, mqtt, traps } = addresses;
    format!(
        r#"{MARK}

[control]
http = "off"

[log]
level = "warn"

[broker]
listen = "{mqtt}"
max-clients = {clients}

[[mqtt]]
name = "demo"
url = "mqtt://{mqtt}"

[limits]
new-devices-a-minute = {new_devices}

[snmp]
listen = ["{snmp}"]
communities = [{{ name = "{COMMUNITY}", access = "read" }}]
traps = [{{ target = "{traps}", version = "2c", community = "{COMMUNITY}" }}]
"#,
        clients = devices + 100,
        new_devices = devices.max(1000),
    )
}

/// A shipped profile as an own one, with an interval that fits devices which report every ten seconds.
fn impatient(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut section = "";
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let key = line.split('=').next().unwrap_or_default().trim_end();
        match (section, key) {
            ("[profile]", "product") => continue,
            ("[profile]", "revision") => out.push_str("revision = \"2026-11-23\""),
            ("[presence]", "interval") => out.push_str(&format!("interval = \"{}s\"", PERIOD.as_secs())),
            ("[presence]", "missed") => out.push_str("missed = 2"),
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

fn random() -> Result<u32, Failure> {
    getrandom::u32().map_err(|error| Failure::new(format!("no random numbers: {error}"), ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, southbound::profile::Library};

    fn addresses() -> Addresses {
        Addresses::new("127.0.0.1:1161".parse().unwrap(), "127.0.0.1:1883".parse().unwrap())
    }

    #[test]
    fn the_bridge_finds_nothing_wrong_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::make(Some(dir.path().join("a b")), 50, &addresses()).unwrap();
        let boot = config::load(&folder.boot_file);
        assert!(boot.problems.is_empty(), "{:?}", boot.problems);
        let boot = boot.value.unwrap();
        let library = Library::load(Some(&boot.profiles)).unwrap();
        for shelved in &library.shelf {
            let presence = shelved.file.profile.presence;
            assert_eq!((presence.interval, presence.missed), (10_000, 2), "{}", shelved.file.profile.name);
        }
        assert!(folder.mibs.join("FLEETBRIDGE-MIB.txt").exists());
    }

    #[test]
    fn its_own_folder_again_but_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let own = || Folder::make(Some(dir.path().to_owned()), 5, &addresses());
        own().unwrap();
        own().unwrap();
        fs::write(dir.path().join("fleetbridge.toml"), "[store]\n").unwrap();
        assert!(own().is_err());
    }
}
