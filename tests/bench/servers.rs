//! The programs that are measured, each a process of its own that ends with its handle.

use std::{
    fs,
    io::{self, BufRead, BufReader, Error, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    filled::{self, devices},
    measure::cpu_of,
    snmp::wire::{self, Request},
    store,
};

pub const SYS_UP_TIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3, 0];
const FB_FLEET_DEVICES: &[u32] = &[1, 3, 6, 1, 4, 1, 32473, 2, 1, 1, 1, 0];

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(120);
const SECOND: Duration = Duration::from_secs(1);

/// Of SNMPv3, with SHA-256 and AES-128.
pub const USER: &str = "bench";
pub const USER_PASSWORD: &str = "benchpassword";

/// A community whose scope holds the whole fleet: what it costs to look.
pub const SCOPED: &str = "sensors";

pub struct Server {
    pub address: SocketAddr,
    child: Child,
}

impl Server {
    /// This program as an echo server.
    pub fn echo() -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg("echo").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let address = line.trim().parse().map_err(Error::other)?;
        Ok(Server { address, child })
    }

    /// net-snmp's agent with its default modules, no files but ours, and no log.
    pub fn snmpd(folder: &TempDir) -> io::Result<Self> {
        let address = free_udp()?;
        let config = folder.path().join("snmpd.conf");
        fs::write(
            &config,
            format!(
                "rocommunity public 127.0.0.1\nsysLocation bench\nsysContact bench\ndontLogTCPWrappersConnects yes\n\
                 createUser {USER} SHA-256 {USER_PASSWORD} AES {USER_PASSWORD}\nrouser {USER} priv\n"
            ),
        )?;
        let mut command = Command::new("snmpd");
        command.args(["-f", "-Ln", "-C", "-c"]).arg(&config).arg("-p").arg(folder.path().join("pid"));
        command.arg(format!("udp:{address}")).env("SNMP_PERSISTENT_DIR", folder.path());
        command.env("PATH", path());
        let child = command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Server { address, child }.once_it_says(SYS_UP_TIME, |_| true)
    }

    /// The bridge, once it serves the whole fleet of a [`Site`].
    pub fn bridge(site: &Site) -> io::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fleetbridge"));
        command.arg("--config").arg(site.folder.path().join("fleetbridge.toml")).arg("serve");
        let child = command.stdout(Stdio::null()).spawn()?;
        Server { address: site.snmp, child }
            .once_it_says(FB_FLEET_DEVICES, |count| count == u64::from(site.devices))
    }

    /// mosquitto, which keeps nothing and lets everybody in.
    pub fn mosquitto(folder: &TempDir) -> io::Result<Self> {
        let address = free_tcp()?;
        let config = folder.path().join("mosquitto.conf");
        let port = address.port();
        fs::write(
            &config,
            format!("listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nlog_dest none\n"),
        )?;
        let mut command = Command::new("mosquitto");
        command.arg("-c").arg(&config).env("PATH", path()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Server { address, child: command.spawn()? };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if Instant::now() > end || server.child.try_wait()?.is_some() {
                return Err(Error::other("mosquitto does not listen"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// Waits until it has nothing left to do from its start.
    pub fn settle(&self) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let before = cpu_of(self.pid());
            std::thread::sleep(SECOND);
            if cpu_of(self.pid()) - before < SECOND / 50 {
                return Ok(());
            }
        }
        Err(Error::other("the server is never idle"))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn once_it_says(mut self, name: &[u32], good: impl Fn(u64) -> bool) -> io::Result<Self> {
        let socket = UdpSocket::bind((self.address.ip(), 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(10)))?;
        let mut request = Request::get(name);
        request.set_id(0x0100_0001);
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && self.child.try_wait()?.is_none() {
            // Nobody listens there until it is up.
            let _ = socket.send_to(&request.bytes, self.address);
            let mut reply = [0; 1500];
            match socket.recv(&mut reply).ok().and_then(|len| wire::read(&reply[..len])) {
                Some(reply) if good(reply.number) => return Ok(self),
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Err(Error::other(format!("what should listen at {} does not", self.address)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of a bridge: boot file, profile, and a store that knows the whole fleet.
pub struct Site {
    pub folder: TempDir,
    devices: u32,
    snmp: SocketAddr,
}

impl Site {
    /// Of all [`devices`], with a broker of its own.
    pub fn new() -> io::Result<Self> {
        let mqtt = free_tcp()?;
        let boot = format!("[control]\nhttp = \"off\"\n[broker]\nlisten = \"{mqtt}\"\n");
        let scoped = format!(", {{ name = \"{SCOPED}\", access = \"read\", scope = \"class=sensor\" }}");
        let site = Site::with_communities(devices(), mqtt, &boot, &filled::profile_file(), &scoped)?;
        drop(store::fill(site.folder.path(), devices())?);
        Ok(site)
    }

    /// Without a store, which is to know so many `devices`; they are at the broker `mqtt`. `boot`: what else stands in the
    /// boot file.
    pub fn with(devices: u32, mqtt: SocketAddr, boot: &str, profile: &str) -> io::Result<Self> {
        Site::with_communities(devices, mqtt, boot, profile, "")
    }

    /// `communities`: those beside `public`, each behind a comma.
    pub fn with_communities(
        devices: u32,
        mqtt: SocketAddr,
        boot: &str,
        profile: &str,
        communities: &str,
    ) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let snmp = free_udp()?;
        write(
            &folder.path().join("fleetbridge.toml"),
            &format!(
                "[log]\nlevel = \"warn\"\n{boot}\
                 [[mqtt]]\nname = \"plant\"\nurl = \"mqtt://{mqtt}\"\nprofiles = [\"sensor\"]\n\
                 [snmp]\nlisten = [\"{snmp}\"]\ncommunities = [{{ name = \"public\", access = \"read\" }}{communities}]\n\
                 [[user]]\nname = \"{USER}\"\nrole = \"read\"\n[user.snmp]\nauth = \"sha-256\"\nauth-password-file = \"password\"\n\
                 priv = \"aes-128\"\npriv-password-file = \"password\"\n"
            ),
        )?;
        write(&folder.path().join("password"), USER_PASSWORD)?;
        fs::create_dir(folder.path().join("profiles"))?;
        write(&folder.path().join("profiles/sensor.toml"), profile)?;
        Ok(Site { folder, devices, snmp })
    }
}

/// For the echo server: tells the parent where it serves, and ends the process when the parent is gone.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing is flushed here; the echo server's threads wait for datagrams for ever"
)]
pub fn tell_parent(address: SocketAddr) -> io::Result<()> {
    println!("{address}");
    io::stdout().flush()?;
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(0);
    });
    Ok(())
}

pub fn free_tcp() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn free_udp() -> io::Result<SocketAddr> {
    UdpSocket::bind("127.0.0.1:0")?.local_addr()
}

/// Debian keeps servers in sbin, where a user's PATH does not look.
fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

/// For its owner only, as the bridge wants its files.
fn write(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}
