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
    netconf::ssh::NewKey,
    southbound::profile::SHIPPED,
};

/// Where the bridge of the demo listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub snmp: SocketAddr,
    pub mqtt: SocketAddr,
    pub netconf: SocketAddr,
    /// Where traps go to.
    pub traps: SocketAddr,
}

impl Addresses {
    pub fn new(snmp: SocketAddr, mqtt: SocketAddr, netconf: SocketAddr) -> Self {
        let port = if snmp.port() == u16::MAX { snmp.port() - 1 } else { snmp.port() + 1 };
        let host = match snmp.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        Addresses { snmp, mqtt, netconf, traps: SocketAddr::new(host, port) }
    }
}

/// The first line of a boot file of ours: one without it is somebody's own.
const MARK: &str = "# Written by `fleetbridge demo`, which writes it anew at each start.";

pub const COMMUNITY: &str = "public";
/// Each device has an address of it.
const POOL: &str = "127.1.0.0/16";

/// Who logs in to the NETCONF server.
pub const USER: &str = "admin";

/// The first plug of the demo reports twice as often.
const EDIT: &str = "<fleet xmlns=\"urn:fleetbridge:yang:fleetbridge\">
  <device>
    <name>plug-001</name>
    <settings>
      <tasmota xmlns=\"urn:fleetbridge:yang:profile:tasmota\">
        <tele-period>30</tele-period>
      </tasmota>
    </settings>
  </device>
</fleet>
";

/// The demo's folder, with everything in it that the bridge needs.
#[derive(Debug)]
pub struct Folder {
    pub path: PathBuf,
    pub boot_file: PathBuf,
    pub mibs: PathBuf,
    /// The private key of the NETCONF user, what ssh knows the bridge by, and two examples.
    pub key: PathBuf,
    pub known_hosts: PathBuf,
    pub edit: PathBuf,
    pub script: PathBuf,
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
        let folder = Folder {
            mibs: path.join("mibs"),
            key: path.join("admin_ed25519"),
            known_hosts: path.join("known_hosts"),
            edit: path.join("tele-period.xml"),
            script: path.join("first_steps.py"),
            path,
            boot_file,
        };
        let (host_key, user_key) = (new_key()?, new_key()?);
        folder.write(devices, addresses, &host_key, &user_key).map_err(|error| {
            Failure::new(format!("cannot write into {}: {error}", folder.path.display()), "use --dir DIR")
        })?;
        mibs::write(&folder.mibs).map_err(|error| Failure::new(error, ""))?;
        Ok(folder)
    }

    fn write(&self, devices: usize, addresses: &Addresses, host: &NewKey, user: &NewKey) -> io::Result<()> {
        let profiles = self.path.join("profiles");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&profiles)?;
        write(&self.boot_file, &boot_file(devices, addresses, &user.public))?;
        write(&self.path.join("host_ed25519"), &host.private)?;
        write(&self.key, &user.private)?;
        write(&self.known_hosts, &known_host(addresses.netconf, &host.public))?;
        write(&self.edit, EDIT)?;
        write(&self.script, &script(self, addresses.netconf))?;
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

fn boot_file(devices: usize, addresses: &Addresses, public_key: &str) -> String {
    let Addresses { snmp, mqtt, netconf, traps } = addresses;
    // Loopback needs no routes; elsewhere these addresses would be nobody's.
    let hosts = match snmp.ip() == std::net::Ipv4Addr::LOCALHOST {
        true => format!("\n[snmp.devices]\npools = [\"{POOL}\"]\n"),
        false => String::new(),
    };
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
{hosts}
[netconf]
ssh = [{listen}]
host-keys = ["host_ed25519"]

[[user]]
name = "{USER}"
role = "administer"
ssh-keys = ["{public_key}"]
"#,
        // Port 0: nobody is to connect.
        listen = if netconf.port() == 0 { String::new() } else { format!("\"{netconf}\"") },
        clients = devices + 100,
        new_devices = devices.max(1000),
    )
}

/// As in a known_hosts file of OpenSSH.
fn known_host(address: SocketAddr, public_key: &str) -> String {
    match address.port() {
        22 => format!("{} {public_key}\n", address.ip()),
        port => format!("[{}]:{port} {public_key}\n", address.ip()),
    }
}

fn script(folder: &Folder, address: SocketAddr) -> String {
    let text = |path: &Path| format!("{:?}", path.display().to_string());
    format!(
        r#"# The demo's fleet through ncclient (pip install ncclient): sets a plug's TelePeriod and reads it back.
from ncclient import manager

FLEET = "urn:fleetbridge:yang:fleetbridge"
with open({edit}) as text:
    CONFIG = f'<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">{{text.read()}}</config>'

with manager.connect(
    host="{host}", port={port}, username="{USER}", key_filename={key}, hostkey_verify=False,
    allow_agent=False, look_for_keys=False,
) as session:
    session.edit_config(target="candidate", config=CONFIG)
    session.commit()
    device = "<name>plug-001</name><setting><name>tele-period</name></setting>"
    print(session.get(("subtree", f'<fleet xmlns="{{FLEET}}"><device>{{device}}</device></fleet>')))
"#,
        edit = text(&folder.edit),
        key = text(&folder.key),
        host = address.ip(),
        port = address.port(),
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

fn new_key() -> Result<NewKey, Failure> {
    NewKey::make().map_err(|error| Failure::new(format!("no random numbers: {error}"), ""))
}

fn random() -> Result<u32, Failure> {
    getrandom::u32().map_err(|error| Failure::new(format!("no random numbers: {error}"), ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, southbound::profile::Library};

    fn addresses() -> Addresses {
        Addresses::new(
            "127.0.0.1:1161".parse().unwrap(),
            "127.0.0.1:1883".parse().unwrap(),
            "127.0.0.1:1830".parse().unwrap(),
        )
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
