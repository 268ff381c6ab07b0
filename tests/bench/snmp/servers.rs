//! The servers that are compared, each a process of its own that ends with its handle.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, UdpSocket},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::wire::{self, Request};

pub struct Server {
    pub address: SocketAddr,
    child: Child,
    _folder: tempfile::TempDir,
}

const READY: &str = "ready ";

impl Server {
    /// This program under one of its other names; it says [`ready`] once it serves.
    pub fn ours(name: &str) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(std::env::current_exe()?);
        let mut child =
            command.arg(name).current_dir(&folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let address = line.strip_prefix(READY).and_then(|text| text.trim().parse().ok());
        let address = address.ok_or_else(|| io::Error::other(format!("{name} did not start")))?;
        Ok(Server { address, child, _folder: folder })
    }

    /// net-snmp's agent with its default modules, no files but ours, and no log.
    pub fn snmpd() -> io::Result<Self> {
        let address = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("snmpd.conf");
        fs::write(
            &config,
            "rocommunity public 127.0.0.1\nsysLocation bench\nsysContact bench\ndontLogTCPWrappersConnects yes\n",
        )?;
        let mut command = Command::new("snmpd");
        command.args(["-f", "-Ln", "-C", "-c"]).arg(&config).arg("-p").arg(folder.path().join("pid"));
        command.arg(format!("udp:{address}")).current_dir(&folder).env("SNMP_PERSISTENT_DIR", folder.path());
        // snmpd is in sbin, where a user's PATH does not look.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = Server { address, child, _folder: folder };
        server.wait()?;
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait(&self) -> io::Result<()> {
        let socket = UdpSocket::bind((self.address.ip(), 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let mut request = Request::get(super::SYS_UP_TIME);
        request.set_id(0x0100_0001);
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            // Nobody listens there until it is up.
            let _ = socket.send_to(&request.bytes, self.address);
            let mut reply = [0; 1500];
            if socket.recv(&mut reply).ok().and_then(|len| wire::read(&reply[..len])).is_some() {
                return Ok(());
            }
        }
        Err(io::Error::other("snmpd does not answer"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells the parent that this process serves, and ends the process when the parent is gone.
pub fn ready(address: SocketAddr) -> io::Result<()> {
    println!("{READY}{address}");
    io::stdout().flush()?;
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(0);
    });
    Ok(())
}
