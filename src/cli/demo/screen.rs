//! What the demo shows: commands to paste, what happens, and one line that lives.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    ops::ControlFlow,
    path::Path,
    time::{Duration, Instant},
};

use super::folder::{Addresses, COMMUNITY, Folder, USER};
use crate::{
    cli::{mibs, shell_word},
    fleet::{Counts, Fleet, Which},
    model::{DeviceNumber, Presence, Time},
};

/// Without a terminal the line comes this often.
const SPARSE: Duration = Duration::from_secs(10);
const LIVE: Duration = Duration::from_secs(1);

/// Devices that are named one by one when they go or come; more at a time are counted.
const NAMED: usize = 8;

pub struct Screen {
    out: io::Stdout,
    terminal: bool,
    /// Who was missing, by number.
    missing: BTreeMap<DeviceNumber, String>,
    shown: Option<Instant>,
    former: (u64, Instant),
}

/// What the live line tells.
pub struct Pulse {
    pub counts: Counts,
    /// Messages heard since the start.
    pub messages: u64,
    pub requests: u64,
}

impl Screen {
    pub fn new() -> Self {
        let out = io::stdout();
        let terminal = out.is_terminal();
        Screen { out, terminal, missing: BTreeMap::new(), shown: None, former: (0, Instant::now()) }
    }

    pub fn welcome(&mut self, devices: usize, folder: &Folder, addresses: &Addresses) {
        let program = std::env::current_exe().unwrap_or_else(|_| "fleetbridge".into());
        let text = format!(
            "The bridge runs, with {devices} simulated devices that die, fall silent and return. Everything it needs is\n\
             in {dir}: boot file, profiles, MIB files, databases.\n\n\
             Paste these into another terminal:\n\n{commands}\n\
             Ctrl-C ends the demo.\n",
            dir = folder.path.display(),
            commands = commands(&program, folder, addresses),
        );
        self.say(&text);
    }

    /// Tells who went missing and who came back since the last call.
    pub fn compare(&mut self, fleet: &Fleet, now: Time) {
        let mut missing = BTreeMap::new();
        fleet.rows(1, Which::Missing, |row| {
            missing.insert(row.number(), row.name().to_owned());
            ControlFlow::Continue(())
        });
        let gone: Vec<_> = missing.iter().filter(|(number, _)| !self.missing.contains_key(number)).collect();
        let back: Vec<_> = self.missing.iter().filter(|(number, _)| !missing.contains_key(number)).collect();
        let mut lines = Vec::new();
        let time = clock_of(now);
        for (number, name) in gone.iter().take(NAMED) {
            let how = match fleet.row(**number, |row| row.presence()) {
                Some(Presence::Unreachable) => "is unreachable: its gateway is lost",
                _ => "is lost",
            };
            lines.push(format!("{time}  {name} {how}"));
        }
        if gone.len() > NAMED {
            lines.push(format!("{time}  and {} more are missing", gone.len() - NAMED));
        }
        for (_, name) in back.iter().take(NAMED) {
            lines.push(format!("{time}  {name} is back"));
        }
        if back.len() > NAMED {
            lines.push(format!("{time}  and {} more are back", back.len() - NAMED));
        }
        self.missing = missing;
        if !lines.is_empty() {
            self.say(&lines.join("\n"));
        }
    }

    /// The live line, in place on a terminal, now and then elsewhere.
    pub fn pulse(&mut self, pulse: &Pulse, now: Time) {
        let every = if self.terminal { LIVE } else { SPARSE };
        if self.shown.is_some_and(|shown| shown.elapsed() < every) {
            return;
        }
        let passed = self.former.1.elapsed().as_secs_f64();
        let rate = (pulse.messages.saturating_sub(self.former.0)) as f64 / passed.max(0.001);
        self.former = (pulse.messages, Instant::now());
        self.shown = Some(Instant::now());
        let line = line(pulse, rate, now);
        if self.terminal {
            let _ = write!(self.out, "\r\x1b[K{line}").and_then(|()| self.out.flush());
        } else {
            self.say(&line);
        }
    }

    /// Prints lines above the live one. That nobody reads them any more does not matter.
    pub fn say(&mut self, text: &str) {
        let start = if self.terminal { "\r\x1b[K" } else { "" };
        let _ = writeln!(self.out, "{start}{text}").and_then(|()| self.out.flush());
        if self.terminal {
            self.shown = None;
        }
    }
}

fn line(pulse: &Pulse, rate: f64, now: Time) -> String {
    let counts = &pulse.counts;
    format!(
        "{}  {} devices: {} online, {} late, {} missing | {} messages, {rate:.0}/s | {} SNMP requests",
        clock_of(now),
        counts.devices(),
        counts.of(Presence::Online),
        counts.of(Presence::Late),
        counts.missing(),
        pulse.messages,
        pulse.requests,
    )
}

/// The time of day in UTC.
fn clock_of(now: Time) -> String {
    let (_, _, _, hour, minute, second, _) = now.civil();
    format!("{hour:02}:{minute:02}:{second:02}Z")
}

/// Complete: they work as pasted, from any folder.
fn commands(program: &Path, folder: &Folder, addresses: &Addresses) -> String {
    let Addresses { snmp, mqtt, netconf, traps } = addresses;
    let snmp = &std::net::SocketAddr::new(traps.ip(), snmp.port()).to_string();
    let dir = shell_word(&folder.mibs.display().to_string());
    let manager = format!("-v2c -c {COMMUNITY} -M {dir} -m FLEETBRIDGE-MIB");
    let bridge = format!(
        "{} --config {}",
        shell_word(&program.display().to_string()),
        shell_word(&folder.boot_file.display().to_string())
    );
    let word = |path: &Path| shell_word(&path.display().to_string());
    let key = word(&folder.key);
    // ssh itself parts file names at blanks.
    let known_hosts = shell_word(&format!("UserKnownHostsFile=\"{}\"", folder.known_hosts.display()));
    let (edit, script) = (word(&folder.edit), word(&folder.script));
    let lines = [
        ("All devices, a row each", mibs::command(&folder.mibs, COMMUNITY, snmp)),
        ("Counts of the fleet", format!("snmpwalk {manager} {snmp} fbFleet")),
        ("Who is missing", format!("snmpwalk {manager} {snmp} fbMissingTable")),
        ("Everything that is measured", format!("snmpbulkwalk {manager} -Cr50 {snmp} fbPointTable")),
        (
            "A plug as a host of its own: by its name",
            format!("snmpwalk -v2c -c {COMMUNITY}@plug-001 -m '' {snmp} 1.3.6.1.2.1.1"),
        ),
        ("Each device at an address of its own", format!("{bridge} addresses")),
        (
            "Devices lost and returned, as they are told to a manager",
            format!(
                "snmptrapd -f -Lo -C -M {dir} -m FLEETBRIDGE-MIB --disableAuthorization=yes udp:{traps}",
                traps = trap_listener(traps)
            ),
        ),
        ("What the devices say", format!("mosquitto_sub -h {} -p {} -v -t '#'", host_of(mqtt), mqtt.port())),
        ("The bridge about itself", format!("{bridge} status")),
        ("The same lists without SNMP", format!("{bridge} report inventory")),
        ("A plug through NETCONF, without its framing", format!("{bridge} netconf get --device plug-001")),
        ("Have it report every 30 seconds: the device obeys", format!("{bridge} netconf edit {edit}")),
        ("The same by ncclient (pip install ncclient)", format!("python3 {script}")),
        (
            "NETCONF itself, for clients that run ssh",
            format!(
                "ssh -i {key} -o IdentitiesOnly=yes -o {known_hosts} -p {port} -s {USER}@{host} netconf",
                port = netconf.port(),
                host = host_of(netconf),
            ),
        ),
    ];
    lines.iter().map(|(title, command)| format!("  # {title}\n  {command}\n\n")).collect()
}

fn trap_listener(address: &std::net::SocketAddr) -> String {
    match address {
        std::net::SocketAddr::V4(v4) => v4.to_string(),
        std::net::SocketAddr::V6(v6) => format!("[{}]:{}", v6.ip(), v6.port()),
    }
}

fn host_of(address: &std::net::SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        ip => ip.to_string(),
    }
}
