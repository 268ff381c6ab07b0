//! `fleetbridge demo`: the bridge with its own broker and simulated devices, to be looked at with real tools.

mod devices;
pub(super) mod dice;
mod folder;
mod obey;
mod screen;
mod world;

use std::{
    fs,
    io::{self, Write},
    net::{SocketAddr, TcpListener, UdpSocket},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use tokio::time::interval;

use self::{
    devices::Device,
    folder::{Addresses, Folder},
    screen::{Pulse, Screen},
    world::World,
};
use super::{
    Failure,
    serve::{runtime, stop_signal},
};
use crate::{
    clock,
    daemon::{Daemon, Plan, files},
    southbound::mqtt::{Address, Config, Protocol},
};

/// How often is looked for what has changed.
const LOOK: Duration = Duration::from_millis(100);

/// Files open besides those of the devices.
const OTHER_FILES: usize = 100;

/// See it work: the bridge, its embedded broker and simulated devices
#[derive(Debug, Args)]
#[command(
    after_help = "Starts everything in one process: the bridge, an MQTT broker, and devices of several types (Tasmota
plugs, JSON sensors, RFID readers, gateways with sensors behind them) that speak real MQTT, die
without a word, fall silent and return. Prints commands of net-snmp, NETCONF and mosquitto to paste.
Nothing listens beyond this machine unless told so; nothing is written outside the folder.

Examples:
  fleetbridge demo
  fleetbridge demo --devices 300 --dir ./demo
  fleetbridge demo --snmp 127.0.0.1:2161 --mqtt 127.0.0.1:2883"
)]
pub(super) struct Demo {
    /// How many devices there are, those behind gateways included
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    devices: u32,
    /// Where boot file, MIB files and databases go; kept afterwards [default: a fresh folder for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where SNMP managers ask; traps go to the port after it
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:1161")]
    snmp: SocketAddr,
    /// Where NETCONF clients connect, by SSH
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:1830")]
    netconf: SocketAddr,
    /// Where the embedded MQTT broker listens
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:1883")]
    mqtt: SocketAddr,
    /// Another number, another story
    #[arg(long, value_name = "NUMBER", default_value_t = 1, hide = true)]
    seed: u64,
}

impl Demo {
    pub fn run(self) -> Result<(), Failure> {
        self.check_addresses()?;
        let devices = Device::fleet(self.devices as usize, self.seed, clock::now());
        check_files(devices.len())?;
        let addresses = Addresses::new(self.snmp, self.mqtt, self.netconf);
        let folder = Folder::make(self.dir.clone(), self.devices as usize, &addresses)?;
        log_to(&folder);
        runtime()?.block_on(self.show(devices, &folder, &addresses))
    }

    async fn show(self, devices: Vec<Device>, folder: &Folder, addresses: &Addresses) -> Result<(), Failure> {
        let mut stop = std::pin::pin!(stop_signal()?);
        let daemon = start(folder).await?;
        let world = World::start(devices, &self.broker(), self.seed);
        let mut screen = Screen::new();
        screen.welcome(self.devices as usize, folder, addresses);
        let mut timer = interval(LOOK);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = timer.tick() => {}
            }
            let now = clock::now();
            screen.compare(&daemon.fleet, now);
            let pulse = Pulse {
                counts: daemon.fleet.counts(),
                messages: daemon.stats.southbound.messages.value(),
                requests: daemon.stats.snmp.in_pkts.value(),
            };
            screen.pulse(&pulse, now);
        }
        let sent = world.sent();
        world.stop().await;
        daemon.stop().await;
        screen.say(&format!("Ended after {sent} messages. {} stays as it is.", folder.path.display()));
        Ok(())
    }

    /// How the devices reach the broker: as Tasmota does, by MQTT 3.1.1.
    fn broker(&self) -> Config {
        let host = match self.mqtt.ip() {
            ip if !ip.is_unspecified() => ip.to_string(),
            ip if ip.is_ipv4() => "127.0.0.1".to_owned(),
            _ => "::1".to_owned(),
        };
        let address = Address { host, port: self.mqtt.port(), tls: false };
        Config { protocol: Protocol::V311, ..Config::new("devices", address) }
    }

    /// The bridge would find out too, but only we know the names of our options.
    fn check_addresses(&self) -> Result<(), Failure> {
        let refuse = |option: &str, address: SocketAddr, error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => {
                Failure::new(format!("{address} is taken: use {option} ADDR:PORT"), "")
            }
            _ => Failure::new(
                format!("cannot listen on {address}: {error}"),
                format!("use {option} ADDR:PORT"),
            ),
        };
        for (option, address) in [("--snmp", self.snmp), ("--mqtt", self.mqtt)] {
            if address.port() == 0 {
                return Err(Failure::new(format!("{option} {address}: the port cannot be 0"), ""));
            }
        }
        if !self.mqtt.ip().is_loopback() {
            return Err(Failure::new(
                format!("--mqtt {}: the demo's broker knows no passwords", self.mqtt),
                "so it listens on loopback addresses only, for example 127.0.0.1:1883",
            ));
        }
        UdpSocket::bind(self.snmp).map_err(|error| refuse("--snmp", self.snmp, error))?;
        TcpListener::bind(self.mqtt).map_err(|error| refuse("--mqtt", self.mqtt, error))?;
        TcpListener::bind(self.netconf).map_err(|error| refuse("--netconf", self.netconf, error))?;
        Ok(())
    }
}

async fn start(folder: &Folder) -> Result<Daemon, Failure> {
    let told = |problems: Vec<crate::file::Diagnostic>| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        Failure::new(
            lines.join("\n"),
            "files in `profiles` that are not the demo's own? Use another folder: --dir DIR",
        )
    };
    let plan = Plan::read(&folder.boot_file).map_err(told)?;
    Ok(Daemon::start(plan).await?)
}

/// Each device takes two: its own end of the connection, and the broker's.
fn check_files(connections: usize) -> Result<(), Failure> {
    let (needed, limit) = (2 * connections + OTHER_FILES, files::raise_limit());
    if limit >= needed as u64 {
        return Ok(());
    }
    Err(Failure::new(
        format!("{connections} connections take {needed} open files, and this shell allows {limit}"),
        format!("run `ulimit -n {needed}` before, or use fewer --devices"),
    ))
}

/// The screen is for the story; what the bridge logs goes into a file.
fn log_to(folder: &Folder) {
    let Ok(file) = fs::File::create(folder.path.join("fleetbridge.log")) else { return };
    // Fails only if a log was set up before, which then is the log.
    let _ = tracing_subscriber::fmt()
        .with_env_filter("info,mqtt5=off,rumqttc=off,russh=off")
        .with_ansi(false)
        .with_writer(file)
        .try_init();
    let _ = io::stdout().flush();
}
