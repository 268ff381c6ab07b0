//! A mosquitto of our own, and its command line clients.
#![allow(dead_code)]

use std::{
    fs,
    io::Write,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fleetbridge::southbound::mqtt::{Address, Config, Link, Protocol, Update};

pub const BOTH: [Protocol; 2] = [Protocol::V5, Protocol::V311];

pub struct Mosquitto {
    child: Child,
    pub dir: tempfile::TempDir,
    pub port: u16,
}

impl Mosquitto {
    pub fn start(settings: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), free_port(), settings)
    }

    pub fn start_in(dir: tempfile::TempDir, port: u16, settings: &str) -> Self {
        let conf = dir.path().join("mosquitto.conf");
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let text = format!("user {user}\nlistener {port} 127.0.0.1\n{settings}\n");
        fs::write(&conf, text.replace("DIR", dir.path().to_str().unwrap())).unwrap();
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let child = Command::new(program("mosquitto"))
            .arg("-c")
            .arg(&conf)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("mosquitto is installed");
        let broker = Mosquitto { child, dir, port };
        wait_for_port(port);
        broker
    }

    /// Ends it (SIGTERM: it saves its sessions) and starts it again on the same port.
    pub fn restart(mut self, pause: Duration, settings: &str) -> Self {
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        let port = self.port;
        signal(self.child.id(), "TERM");
        self.child.wait().unwrap();
        std::thread::sleep(pause);
        Self::start_in(dir, port, settings)
    }

    pub fn config(&self, protocol: Protocol) -> Config {
        Config { protocol, ..Config::new("test", address(self.port, false)) }
    }

    pub fn publish(&self, args: &[&str]) {
        publish(self.port, args);
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn address(port: u16, tls: bool) -> Address {
    Address { host: "127.0.0.1".to_owned(), port, tls }
}

/// `mosquitto_pub` with the arguments; must succeed.
pub fn publish(port: u16, args: &[&str]) {
    let output = Command::new("mosquitto_pub").args(["-p", &port.to_string()]).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A publisher with one message a line of its input.
pub fn publisher(port: u16, args: &[&str]) -> Child {
    Command::new("mosquitto_pub")
        .args(["-p", &port.to_string(), "-l"])
        .args(args)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

pub fn write_lines(child: &mut Child, count: usize, line: impl Fn(usize) -> String) {
    let mut input = child.stdin.take().unwrap();
    for at in 0..count {
        // The client ends when its broker does.
        if writeln!(input, "{}", line(at)).is_err() {
            return;
        }
    }
}

pub fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap().success());
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn wait_for_port(port: u16) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "nothing listens on {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The next update within 20 seconds.
pub async fn next(link: &mut Link) -> Update {
    tokio::time::timeout(Duration::from_secs(20), link.next()).await.expect("something happens")
}

pub async fn connected(config: Config, filters: &[&str]) -> Link {
    let mut link = Link::new(config, filters.iter().map(|filter| (*filter).to_owned()).collect());
    assert_eq!(next(&mut link).await, Update::Connected);
    link
}

/// Takes `count` messages as `topic=payload`, retained ones with a `!`, and acknowledges them.
pub async fn take(link: &mut Link, count: usize) -> Vec<String> {
    let mut taken = Vec::new();
    while taken.len() < count {
        match next(link).await {
            Update::Messages => taken.extend(shown(link)),
            update => panic!("{update:?} after {taken:?}"),
        }
        link.done();
    }
    taken.sort();
    taken
}

/// All messages that come until it is quiet for half a second.
pub async fn rest(link: &mut Link) -> Vec<String> {
    let mut taken = Vec::new();
    while let Ok(update) = tokio::time::timeout(Duration::from_millis(500), link.next()).await {
        assert_eq!(update, Update::Messages);
        taken.extend(shown(link));
        link.done();
    }
    taken
}

pub fn shown(link: &Link) -> Vec<String> {
    link.messages()
        .iter()
        .map(|message| {
            let payload = String::from_utf8_lossy(message.payload()).into_owned();
            format!("{}{}={payload}", if message.retained() { "!" } else { "" }, message.topic())
        })
        .collect()
}

/// The text of the failure that comes next.
pub async fn failure(config: Config) -> String {
    let mut link = Link::new(config, vec!["a/#".to_owned()]);
    match next(&mut link).await {
        Update::Disconnected(text) => text,
        update => panic!("{update:?}"),
    }
}

/// An authority with a certificate for 127.0.0.1 and one for a client.
pub fn certificates(dir: &Path) {
    let openssl = |args: &[&str]| {
        let output =
            Command::new("openssl").args(args).current_dir(dir).output().expect("openssl is installed");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    fs::write(dir.join("san"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    let new_ca = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
    openssl(&[&new_ca[..], &["-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem"]].concat());
    openssl(&[&new_ca[..], &["-subj", "/CN=another", "-keyout", "other.key", "-out", "other.pem"]].concat());
    for name in ["server", "client"] {
        let (key, csr, pem) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        let subject = format!("/CN={name}");
        openssl(&["req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject, "-keyout", &key, "-out", &csr]);
        let sign = ["x509", "-req", "-days", "2", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
        openssl(&[&sign[..], &["-extfile", "san", "-in", &csr, "-out", &pem]].concat());
    }
}

fn program(name: &str) -> PathBuf {
    ["/usr/sbin", "/usr/local/sbin", "/usr/bin"]
        .iter()
        .map(|dir| Path::new(dir).join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from(name))
}
