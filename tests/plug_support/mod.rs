//! Plugs played by mosquitto's command line clients, and a bridge that steers them.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::UdpSocket,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use fleetbridge::{
    daemon::{Daemon, Plan},
    fleet::Fleet,
    model::{DeviceNumber, SettingValue, Standing},
};
use parking_lot::Mutex;

/// A type of device that is quick to be given up.
pub const PROFILE: &str = r#"
[profile]
name = "plug"
revision = "2026-11-23"

[[uplink]]
topic = "plug/{device}/lwt"
presence = { online = "up", lost = "down" }

[[refusal]]
topic = "plug/{device}/answer"
path = "/error"
unsupported = "unknown"

[[setting]]
name = "period"
type = "uint32"
reported = { topic = "plug/{device}/answer", path = "/period" }
read = { topic = "plug/{device}/get", payload = "period" }
write = { topic = "plug/{device}/set", payload = '{"period":{value}}' }
timeout = "1s"
retries = 1
"#;

/// What a plug does with what it is told. All answer to questions, but the silent ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Obeys,
    Refuses,
    Ignores,
    Silent,
}

/// A message that came to a plug.
#[derive(Clone, Debug)]
pub struct Heard {
    pub at: Instant,
    pub id: String,
    /// `None`: a question.
    pub written: Option<u32>,
}

/// All plugs of a broker; what they have outlives the bridge.
pub struct Plugs {
    port: u16,
    listener: Child,
    shared: Arc<Mutex<Shared>>,
    pub heard: mpsc::Receiver<Heard>,
}

struct Shared {
    manners: HashMap<String, Manner>,
    has: HashMap<String, u32>,
    speakers: HashMap<String, Child>,
}

impl Plugs {
    pub fn start(port: u16) -> Plugs {
        let mut listener = Command::new("mosquitto_sub")
            .args(["-p", &port.to_string(), "-q", "1", "-t", "plug/+/set", "-t", "plug/+/get", "-F", "%t %p"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(listener.stdout.take().unwrap()).lines().map_while(Result::ok);
        let shared = Arc::new(Mutex::new(Shared {
            manners: HashMap::new(),
            has: HashMap::new(),
            speakers: HashMap::new(),
        }));
        let (sender, heard) = mpsc::channel();
        let plugs = shared.clone();
        std::thread::spawn(move || {
            for line in lines {
                let at = Instant::now();
                let mut parts = line.splitn(3, '/');
                let (id, rest) = (parts.nth(1).unwrap().to_owned(), parts.next().unwrap());
                let value = rest.strip_prefix("set {\"period\":").map(|value| value.trim_end_matches('}'));
                let written = value.map(|value| value.parse().unwrap());
                plugs.lock().hear(&id, written, port);
                if sender.send(Heard { at, id, written }).is_err() {
                    return;
                }
            }
        });
        // Subscribed before anybody is told anything.
        std::thread::sleep(Duration::from_millis(200));
        Plugs { port, listener, shared, heard }
    }

    pub fn add(&self, id: &str, manner: Manner, has: u32) {
        let mut shared = self.shared.lock();
        shared.manners.insert(id.to_owned(), manner);
        shared.has.insert(id.to_owned(), has);
        drop(shared);
        self.lwt(id, "up");
    }

    pub fn lwt(&self, id: &str, word: &str) {
        let topic = format!("plug/{id}/lwt");
        let port = self.port.to_string();
        let arguments = ["-p", &port, "-q", "1", "-r", "-t", &topic, "-m", word];
        assert!(Command::new("mosquitto_pub").args(arguments).status().unwrap().success());
    }

    pub fn has(&self, id: &str) -> u32 {
        self.shared.lock().has[id]
    }

    /// What was written to a plug so far, in order, and forgets it.
    pub fn written(&self) -> Vec<(String, u32)> {
        self.heard.try_iter().filter_map(|heard| Some((heard.id, heard.written?))).collect()
    }
}

impl Drop for Plugs {
    fn drop(&mut self) {
        let mut speakers = std::mem::take(&mut self.shared.lock().speakers);
        for process in speakers.values_mut().chain([&mut self.listener]) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Shared {
    fn hear(&mut self, id: &str, written: Option<u32>, port: u16) {
        let Some(manner) = self.manners.get(id).copied() else { return };
        let answer = match (manner, written) {
            (Manner::Silent, _) => return,
            (Manner::Refuses, Some(_)) => "{\"error\":\"out of range\"}".to_owned(),
            (Manner::Ignores, Some(_)) => return,
            (Manner::Obeys, Some(value)) => {
                self.has.insert(id.to_owned(), value);
                format!("{{\"period\":{value}}}")
            }
            (_, None) => format!("{{\"period\":{}}}", self.has[id]),
        };
        let speaker = self.speakers.entry(id.to_owned()).or_insert_with(|| {
            let (port, topic) = (port.to_string(), format!("plug/{id}/answer"));
            Command::new("mosquitto_pub")
                .args(["-p", &port, "-q", "1", "-t", &topic, "-l"])
                .stdin(Stdio::piped())
                .spawn()
                .unwrap()
        });
        let _ = writeln!(speaker.stdin.as_mut().unwrap(), "{answer}");
    }
}

/// Writes the boot file of a bridge on a broker.
pub fn boot_file(folder: &Path, broker: u16) -> std::path::PathBuf {
    let snmp = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fs::create_dir_all(folder.join("profiles")).unwrap();
    fs::write(folder.join("profiles/plug.toml"), PROFILE).unwrap();
    let text = format!(
        "[control]\nhttp = \"off\"\n[snmp]\nlisten = [\"{snmp}\"]\ncommunities = []\n[[mqtt]]\nname = \"plant\"\nurl = \
         \"mqtt://127.0.0.1:{broker}\"\n"
    );
    let file = folder.join("fleetbridge.toml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file
}

pub async fn bridge(boot_file: &Path) -> Daemon {
    let plan = Plan::read(boot_file).unwrap_or_else(|problems| panic!("{problems:?}"));
    Daemon::start(plan).await.unwrap()
}

/// Waits up to 30 seconds.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub async fn device(fleet: &Fleet, id: &str) -> DeviceNumber {
    until(id, || fleet.find(id).is_some()).await;
    fleet.find(id).unwrap()
}

pub fn want(fleet: &Fleet, device: DeviceNumber, value: u32, commit: u64) {
    let value = SettingValue::Integer(value.into());
    assert!(fleet.desire(device, 1, Some(&value), commit, fleetbridge::clock::now()));
}

pub fn standing(fleet: &Fleet, device: DeviceNumber) -> Option<Standing> {
    fleet.row(device, |row| row.setting(1).map(|setting| setting.standing()))?
}

pub async fn becomes(fleet: &Fleet, device: DeviceNumber, expected: Standing) {
    until(expected.as_str(), || standing(fleet, device) == Some(expected)).await;
}

pub fn error(fleet: &Fleet, device: DeviceNumber) -> String {
    let error = |row: fleetbridge::fleet::Row<'_>| Some(row.setting(1)?.error().to_owned());
    fleet.row(device, error).flatten().unwrap_or_default()
}
